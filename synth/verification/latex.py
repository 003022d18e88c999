r"""One spelling for an answer: Unicode, plain text and LaTeX variants become the same LaTeX.

``canonical`` is pure string work in linear time, so it is safe on whatever a model wrote. It keeps
the mathematics: no simplification, no unit dropped, no bracket changed. What it leaves as commands
of its own making: ``\USD``, ``\EUR``, ``\GBP`` (currency signs) and ``\%``.
"""

import re
import unicodedata
from collections.abc import Callable

_SUPERSCRIPTS = dict(
    zip(
        "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207f",
        "0123456789+-n",
        strict=True,
    )
)
_SUBSCRIPTS = {chr(0x2080 + digit): str(digit) for digit in range(10)}
_SUPERSCRIPT_RUN = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_SUBSCRIPT_RUN = re.compile(f"[{''.join(_SUBSCRIPTS)}]+")
_CHARACTERS = str.maketrans(
    {
        "\u2212": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u00d7": "\\times ",
        "\u00b7": "\\cdot ",
        "\u22c5": "\\cdot ",
        "\u00f7": "/",
        "\u2044": "/",
        "\u2215": "/",
        "\u221a": "\\sqrt ",
        "\u221e": "\\infty ",
        "\u2264": "\\le ",
        "\u2265": "\\ge ",
        "\u2260": "\\ne ",
        "\u2248": "\\approx ",
        "\u00b1": "\\pm ",
        "\u222a": "\\cup ",
        "\u2229": "\\cap ",
        "\u2208": "\\in ",
        "\u2205": "\\emptyset ",
        "\u211d": "\\mathbb{R}",
        "\u00b0": "^\\circ ",
        "\u03c0": "\\pi ",
        "\u03b8": "\\theta ",
        "\u03b1": "\\alpha ",
        "\u03b2": "\\beta ",
        "\u03bb": "\\lambda ",
        "\u03bc": "\\mu ",
        "\u03c9": "\\omega ",
        "\u20ac": "\\EUR ",
        "\u00a3": "\\GBP ",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
    }
)

_FUNCTIONS = "sqrt|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|ln|log|exp"

# Applied in this order; each is linear (no nested repetition).
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\\$", r"\\USD "),
        (r"\\(?:left|right|[bB]igg?[lr]?|middle)(?![a-zA-Z])\.?", ""),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|rm|bf|it)(?![a-zA-Z])", ""),
        (r"\\lbrace(?![a-zA-Z])", r"\\{"),
        (r"\\rbrace(?![a-zA-Z])", r"\\}"),
        (r"\\lbrack(?![a-zA-Z])", "["),
        (r"\\rbrack(?![a-zA-Z])", "]"),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:text(?:bf|it|rm|sf|tt|normal)|math(?:rm|it|sf))(?=\s*\{)", r"\\text"),
        (r"\\(?:mbox|operatorname)(?=\s*\{)", r"\\text"),
        (r"\\text\s+\{", r"\\text{"),
        (r"\\(?:mathbf|boldsymbol|bm|pmb)\s*\{", "{"),
        (r"\\text\{\s*([ei])\s*\}", r"\1"),
        # Separators of thousands that cannot be read as a list.
        (r"(?<=\d)(?:\{,\}|\\,|,\s?\\!)\s*(?=\d{3}(?!\d))", ""),
        (r"\\!", ""),
        (r"(?<!\\)\\(?:[,;:>]|q?quad(?![a-zA-Z])|\s)|~", " "),
        (r"\\langle(?![a-zA-Z])", "("),
        (r"\\rangle(?![a-zA-Z])", ")"),
        (r"\\(?:times|cdot|ast)(?![a-zA-Z])|(?<!\*)\*(?!\*)", r"\\cdot "),
        (r"\*\*", "^"),
        (r"\\div(?![a-zA-Z])", "/"),
        (r"\\(?:leqslant|leqq|leq|le)(?![a-zA-Z])|<=|=<", r"\\le "),
        (r"\\(?:geqslant|geqq|geq|ge)(?![a-zA-Z])|>=", r"\\ge "),
        (r"\\(?:neq|ne|not\s*=)(?![a-zA-Z])|!=", r"\\ne "),
        (r"\\lt(?![a-zA-Z])", "<"),
        (r"\\gt(?![a-zA-Z])", ">"),
        (r"\\(?:approx|simeq|doteq|cong)(?![a-zA-Z])", r"\\approx "),
        (r"\\(?:lor|vee)(?![a-zA-Z])", " or "),
        (r"\\(?:land|wedge)(?![a-zA-Z])", " and "),
        (r"\\text\{\s*(and|or)\s*\}", r" \1 "),
        (r"\\(?:varnothing|emptyset)(?![a-zA-Z])|\\\{\s*\\\}", r"\\emptyset "),
        (r"\\(?:R|reals)(?![a-zA-Z])", r"\\mathbb{R}"),
        (r"\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![a-zA-Z])|\\degrees?(?![a-zA-Z])", r"^\\circ "),
        (r"\\?%|\bper\s?cent\b|\bpercentage\b|\\text\{\s*per\s?cent(?:age)?\s*\}", r"\\% "),
        (r"(?<![a-zA-Z\\])(?:infinity|inf|oo)(?![a-zA-Z])", r"\\infty "),
        (r"(?<![a-zA-Z\\])(pi|theta|alpha|beta|phi|omega)(?![a-zA-Z])", r"\\\1 "),
        (rf"(?<![a-zA-Z\\])({_FUNCTIONS})(?=[\s(^_{{\d])", r"\\\1"),
        (r"\\log_?\s*(\d+)\s*(?=\()", r"\\log_{\1}"),
        (
            r"(?<![a-zA-Z\\{])\{\s*([^{}]*?)\s*\\over(?![a-zA-Z])\s*([^{}]*?)\s*\}",
            r"\\frac{\1}{\2}",
        ),
        # Scientific notation.
        (r"(?<![a-zA-Z\d.])(\d+\.?\d*|\.\d+)[eE]\s*([+-]?\d+)(?![\d.a-zA-Z])", r"\1\\cdot 10^{\2}"),
        (r"(?<=\d)\s*[xX]\s*(?=10\s*\^)", r"\\cdot "),
        (r"(?<=\d)\s*(?:\\text\{\s*)?thousand(?![a-z])\s*\}?", r"\\cdot 10^{3} "),
        (r"(?<=\d)\s*(?:\\text\{\s*)?million(?![a-z])\s*\}?", r"\\cdot 10^{6} "),
        (r"(?<=\d)\s*(?:\\text\{\s*)?billion(?![a-z])\s*\}?", r"\\cdot 10^{9} "),
        (r"(?<=\d)\s*(?:\\text\{\s*)?dozen(?![a-z])\s*\}?", r"\\cdot 12 "),
        (r"(?<![a-zA-Z])(?:negative|minus) (?=[\d\\])", "-"),
        (r"\\[lc]?dots(?![a-zA-Z])", r"\\ldots "),
        (r"\\overline\{([A-Z]{2})\}", r"\1"),
        (r"(?<![\d/.])(\d+) +(\d+)/(\d+)(?![\d.])", r"\1\\frac{\2}{\3}"),
        (r"10\s*\^\s*\{\s*\+", "10^{"),
        (r"(?<![\d.])\.(?=\d)", "0."),
        (r"(?<=\d)\.(?=[^\s\d.\\])", ""),
        (r"(?<=\d)\s*(?:\^\s*)?\{?\s*\\text\{\s*(?:st|nd|rd|th)\s*\}\s*\}?", ""),
        (r"(?<=\d)(?:st|nd|rd|th)(?![a-zA-Z])", ""),
        (r"\s+", " "),
    )
)  # fmt: skip

_PARENTHESISED_ARGUMENT = re.compile(r"(\^|\\sqrt)\s*\(")
_BARE_ARGUMENTS = re.compile(r"\\(frac|sqrt|binom)(?![a-zA-Z])\s*")
_REPEATING_DECIMAL = re.compile(
    r"(\d*)\.(\d*)(?:\\(?:overline|bar|dot)\s*\{?\s*(\d+)\s*\}?)(?!\s*\\dot)"
)
_CONTINUED_DECIMAL = re.compile(
    r"(\d{0,30})\.(\d{0,30}?)(\d{1,8}?)\3+ ?(?:\.\.\.|\\[lc]?dots(?![a-zA-Z]))"
)
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)(?![\d,])")
_SPACED_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?: \d{3})+")
_OPENERS, _CLOSERS = "([{", ")]}"


def canonical(text: str) -> str:
    r"""``text`` in the one spelling that the rest of the package reads.

    >>> canonical("$10,\\!080$."), canonical("2\u00bd"), canonical("6.02e23"), canonical("$5")
    ('10080', '2 \\frac{1}{2}', '6.02\\cdot 10^{23}', '\\USD 5')
    """
    text = _without_unicode(" ".join(text.split()))
    text = _without_math_delimiters(text)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = _braced_parentheses(text)
    text = _braced_arguments(text)
    text = _REPEATING_DECIMAL.sub(_as_fraction, text)
    text = _CONTINUED_DECIMAL.sub(_as_fraction, text)
    text = _without_thousands(text)
    text = text.strip(" \t\n\"'`").rstrip(" .;,:").lstrip("= ")
    return text.replace("{ ", "{").replace(" }", "}").strip()


def split_outside_brackets(text: str, separators: re.Pattern[str]) -> tuple[list[str], list[str]]:
    """Pieces of ``text`` between the matches of ``separators`` at bracket depth 0, and the matches.

    Any opening bracket may be closed by any other, as in ``[0,1)``. There is always one piece more
    than there are separators; pieces are stripped.
    """
    pieces, found, start, depth, position = [], [], 0, 0, 0
    while position < len(text):
        character = text[position]
        if character == "\\" and text[position + 1 : position + 2] in tuple("{}"):
            depth += 1 if text[position + 1] == "{" else -1
            position += 2
            continue
        if depth == 0 and (match := separators.match(text, position)) and match.end() > position:
            pieces.append(text[start:position].strip())
            found.append(match.group())
            start = position = match.end()
            continue
        depth += (character in _OPENERS) - (character in _CLOSERS)
        position += 1
    pieces.append(text[start:].strip())
    return pieces, found


def matching_bracket(text: str, opening: int) -> int | None:
    r"""Index of the bracket that closes the one at ``opening``; None if there is none.

    Any kind closes any kind, ``\{`` counts as one bracket at its brace.
    """
    depth = 0
    for position in range(opening, len(text)):
        depth += (text[position] in _OPENERS) - (text[position] in _CLOSERS)
        if depth == 0:
            return position
    return None


def without_outer(text: str, opening: str, closing: str) -> str | None:
    r"""What ``opening ... closing`` encloses when that pair spans all of ``text``, else None.

    >>> without_outer("(x+1)", "(", ")"), without_outer("(x)(y)", "(", ")")
    ('x+1', None)
    """
    if len(text) < len(opening) + len(closing):
        return None
    if not (text.startswith(opening) and text.endswith(closing)):
        return None
    if matching_bracket(text, len(opening) - 1) != len(text) - 1:
        return None
    return text[len(opening) : len(text) - len(closing)].strip()


def without_redundant_brackets(text: str) -> str:
    """``text`` without parentheses or braces that enclose all of it, however many, in linear time.

    Parentheses around a comma stay: they make a tuple or an interval.
    """
    text = text.strip()
    pairs = _bracket_pairs(text)
    start, end, opener = 0, len(text) - 1, ""
    while start < end and text[start] in "({" and pairs.get(start) == end:
        if text[start] + text[end] not in ("()", "{}"):
            break
        opener = text[start]
        start, end = start + 1, end - 1
        while start < end and text[start] == " ":
            start += 1
        while end > start and text[end] == " ":
            end -= 1
    stripped = text[start : end + 1]
    return f"({stripped})" if opener == "(" and _has_outer_comma(stripped) else stripped


def _bracket_pairs(text: str) -> dict[int, int]:
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for position, character in enumerate(text):
        if character in _OPENERS:
            stack.append(position)
        elif character in _CLOSERS and stack:
            pairs[stack.pop()] = position
    return pairs


def _has_outer_comma(text: str) -> bool:
    return len(split_outside_brackets(text, re.compile("[,;]"))[0]) > 1


def _without_unicode(text: str) -> str:
    text = _SUPERSCRIPT_RUN.sub(lambda run: f"^{{{_translated(run, _SUPERSCRIPTS)}}}", text)
    text = _SUBSCRIPT_RUN.sub(lambda run: f"_{{{_translated(run, _SUBSCRIPTS)}}}", text)
    pieces: list[str] = []
    for character in text:
        if unicodedata.decomposition(character).startswith("<fraction>"):
            numerator, _, denominator = unicodedata.normalize("NFKC", character).partition("\u2044")
            pieces.append(f" \\frac{{{numerator}}}{{{denominator}}}")
        else:
            pieces.append(character)
    return unicodedata.normalize("NFKC", "".join(pieces).translate(_CHARACTERS))


def _translated(run: re.Match[str], table: dict[str, str]) -> str:
    return "".join(table[character] for character in run.group())


def _without_math_delimiters(text: str) -> str:
    r"""Drop ``$``, ``\(`` and ``\[`` with their partners; a ``$`` without one is a dollar sign."""
    text = text.strip().strip("*`").strip()
    dollars = len(re.findall(r"(?<!\\)\$", text))
    if dollars % 2:
        text = re.sub(r"(?<!\\)\$", r"\\USD ", text, count=1)
    text = re.sub(r"(?<!\\)\$", "", text)
    return re.sub(r"(?<!\\)\\[()\[\]]", "", text)


def _braced_parentheses(text: str) -> str:
    r"""``^(a+b)`` and ``\sqrt(x)`` with braces in place of the parentheses."""
    while match := _PARENTHESISED_ARGUMENT.search(text):
        opening = match.end() - 1
        closing = matching_bracket(text, opening)
        if closing is None or text[closing] != ")":
            return text
        argument = text[opening + 1 : closing]
        text = f"{text[: match.end(1)]}{{{argument}}}{text[closing + 1 :]}"
    return text


def _braced_arguments(text: str) -> str:
    r"""``\frac12``, ``\frac9{19}``, ``\sqrt2`` with every argument in braces."""
    position = 0
    while match := _BARE_ARGUMENTS.search(text, position):
        position = match.end(1)
        cursor = match.end()
        if match.group(1) == "sqrt" and text[cursor : cursor + 1] == "[":
            closing = matching_bracket(text, cursor)
            if closing is None:
                continue
            cursor = closing + 1
        head = text[: match.end(1)] + text[match.end() : cursor]
        for _ in range(1 if match.group(1) == "sqrt" else 2):
            argument, cursor = _next_argument(text, cursor)
            if argument is None:
                break
            head += f"{{{argument}}}"
        text = head + text[cursor:]
    return text


def _next_argument(text: str, cursor: int) -> tuple[str | None, int]:
    while text[cursor : cursor + 1] == " ":
        cursor += 1
    if cursor >= len(text) or text[cursor] in "})],;=+":
        return None, cursor
    if text[cursor] == "{":
        closing = matching_bracket(text, cursor)
        return (None, cursor) if closing is None else (text[cursor + 1 : closing], closing + 1)
    if command := re.compile(r"\\[a-zA-Z]+").match(text, cursor):
        return command.group(), command.end()
    return text[cursor], cursor + 1


def _as_fraction(match: re.Match[str]) -> str:
    r"""``0.1\overline{6}`` and ``0.166...`` as the exact fraction they stand for."""
    whole, fixed, repeated = match.groups()
    numerator = int((whole or "0") + fixed + repeated) - int((whole or "0") + fixed)
    return f"\\frac{{{numerator}}}{{{'9' * len(repeated)}{'0' * len(fixed)}}}"


def _without_thousands(text: str) -> str:
    """``1,234`` as 1234 where it stands alone; inside brackets a comma separates items."""
    if _SPACED_THOUSANDS.fullmatch(text.strip()):
        return text.replace(" ", "")
    drop_commas: Callable[[re.Match[str]], str] = lambda match: match.group().replace(",", "")  # noqa: E731
    pieces, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in _OPENERS and depth == 0:
            pieces.append(_THOUSANDS.sub(drop_commas, text[start:position]))
            start = position
        depth += (character in _OPENERS) - (character in _CLOSERS)
        if character in _CLOSERS and depth == 0:
            pieces.append(text[start : position + 1])
            start = position + 1
    tail = text[start:]
    pieces.append(_THOUSANDS.sub(drop_commas, tail) if depth == 0 else tail)
    return "".join(pieces)
