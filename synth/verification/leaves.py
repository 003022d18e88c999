r"""What is left of an answer when no bracket, list or statement is: a quantity, a number, words."""

import re
from fractions import Fraction

from synth.verification.answer import Answer, Based, Expression, Phrase, Ratio
from synth.verification.latex import without_redundant_brackets
from synth.verification.number import exact_number
from synth.verification.units import DEGREE, PERCENT, parse_unit

TEXT = re.compile(r"\\text\{([^{}]*)\}")

MAX_BASE = 36
LARGEST_DECIMAL_BASE = 10
MAX_UNIT_WORDS = 4
MIN_WORD_CHARS = 3
"""Shorter runs of letters are products of variables unless they are marked as text."""

MIN_PROSE_WORDS = 3

_RATIO = re.compile(
    r"(\d+(?:\.\d+)?(?:\s*:\s*\d+(?:\.\d+)?)+)\s*([ap])?\.?\s*(?:m\.?)?", re.IGNORECASE
)
_BASED = re.compile(r"\(?([0-9A-Za-z]+)\)?_\{?(\d{1,2}|[a-z]+)\}?")
_PART = r"(\d+(?:\.\d+)?|\d+/\d+)\s*(\\text\{[^{}]*\}|[a-zA-Z]+)"
_COMPOUND = re.compile(rf"{_PART}(?:\s*,)?\s*(?:and\s+)?{_PART}")
_CURRENCY = re.compile(r"(-?)\s*\\(USD|EUR|GBP)\s*(.*)")
_TEMPERATURE = re.compile(r"(.*?)\s*\^\\circ\s*(?:\\text\{\s*)?([CF])\s*\}?")
_ANGLE = re.compile(r"(.*?)(?:\s*\^\\circ|\\text\{degrees?\}| degrees?)")
_ANGLE_FUNCTION = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
_UNIT_START = re.compile(r"\\text\{|(?<=[\d}) ])[a-zA-Z\u00a2]")
_LETTERS = re.compile(r"[a-zA-Z][a-zA-Z' -]*")
_WORD_IN_PROSE = re.compile(rf"(?<![a-zA-Z\\{{])[a-zA-Z]{{{MIN_WORD_CHARS},}}(?![a-zA-Z}}])")
_ARTICLES = re.compile(r"\b(?:the|a|an)\b")

_SMALL_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBER_WORDS = {word: value for value, word in enumerate(_SMALL_NUMBERS)}
_TENS_WORDS = {word: 10 * value for value, word in enumerate(_TENS, start=2)}


def parse_leaf(text: str) -> Answer:
    """A ratio, an integer in a base, a quantity, a number in words, words, or a formula."""
    for leaf in (_as_ratio, _as_based, _as_quantity):
        if (found := leaf(text)) is not None:
            return found
    plain = TEXT.sub(r" \1 ", text).strip()
    words = phrase_words(plain)
    if (number := _number_in_words(words)) is not None:
        return Expression(str(number))
    if not plain or _is_phrase(plain, is_marked_as_text="\\text" in text):
        return Phrase(words)
    return Expression(plain if len(plain) == 1 else without_redundant_brackets(text))


def parse_compound(text: str) -> Expression | None:
    """``3 hours and 20 minutes`` as one quantity in the first unit; None for all else."""
    if (match := _COMPOUND.fullmatch(text)) is None:
        return None
    whole, part = exact_number(match.group(1)), exact_number(match.group(3))
    unit, small = (parse_unit(match.group(at), only_known=True) for at in (2, 4))
    if whole is None or part is None or unit is None or small is None:
        return None
    if unit.dimensions != small.dimensions or unit.factor <= small.factor:
        return None
    return Expression(fraction_latex(whole + part * small.factor / unit.factor), unit)


def fraction_latex(value: Fraction) -> str:
    """An exact value in the spelling that ``exact_number`` reads."""
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def phrase_words(plain: str) -> str:
    """Lower case, no articles, no punctuation but signs and hyphens."""
    return " ".join(re.sub(r"[^\w\s+-]", " ", _ARTICLES.sub(" ", plain.lower())).split())


def _as_ratio(text: str) -> Ratio | None:
    match = _RATIO.fullmatch(TEXT.sub(r" \1", text))
    if match is None:
        return None
    parts = tuple(part.strip() for part in match.group(1).split(":"))
    return Ratio(parts, f"{match.group(2).lower()}m" if match.group(2) else "")


def _as_based(text: str) -> Based | None:
    match = _BASED.fullmatch(TEXT.sub(r"\1", text).replace(" ", ""))
    if match is None:
        return None
    digits, index = match.groups()
    base = int(index) if index.isdigit() else _NUMBER_WORDS.get(index, 0)
    # A lone letter with an index is a variable: x_2.
    is_word = base > LARGEST_DECIMAL_BASE and len(digits) > 1 and digits.isupper()
    if not (is_word or any(map(str.isdigit, digits))) or base not in range(2, MAX_BASE + 1):
        return None
    try:
        int(digits, base)
    except ValueError:
        return None
    return Based(digits.upper(), base)


def _as_quantity(text: str) -> Expression | None:
    """A number with a unit, or a short formula with a unit in a text command."""
    if match := _CURRENCY.fullmatch(text):
        sign, currency, amount = match.groups()
        inner = _with_unit(f"{amount} {currency}")
        if inner is not None:
            return Expression(f"{sign}{inner.latex}", inner.unit)
        return Expression(f"{sign}{amount}", parse_unit(currency, only_known=True))
    if text.endswith("\\%"):
        return Expression(text.removesuffix("\\%").strip(), PERCENT)
    if match := _TEMPERATURE.fullmatch(text):
        return Expression(match.group(1), parse_unit(f"degrees{match.group(2)}", only_known=False))
    if (match := _ANGLE.fullmatch(text)) and not _ANGLE_FUNCTION.search(text):
        return Expression(match.group(1).strip(), DEGREE)
    return _with_unit(text)


def _with_unit(text: str) -> Expression | None:
    for match in _UNIT_START.finditer(text):
        head, tail = text[: match.start()].strip(), text[match.start() :]
        if not head or head[-1] in "+-*/=<>_^{(\\" or head.count("{") != head.count("}"):
            continue
        is_number = exact_number(head) is not None
        is_text = tail.startswith("\\text")
        is_spaced = text[match.start() - 1] == " "
        is_word = tail[:2].isalpha() and len(tail) > 1
        if not (is_text or (is_word and (is_spaced or is_number)) or (is_number and is_spaced)):
            continue
        # A made-up unit must be marked as text, or be a word behind a plain number.
        may_be_unknown = is_text or (is_number and is_word)
        unit = parse_unit(tail, only_known=not may_be_unknown)
        if unit is not None and (is_text or _is_unit_like(tail)):
            return Expression(head, unit)
    return None


def _is_unit_like(tail: str) -> bool:
    """Whether plain words behind a number can be a unit: few of them and no further number."""
    without_powers = re.sub(r"\^\{?-?\d\}?", "", tail)
    return len(tail.split()) <= MAX_UNIT_WORDS and not re.search(r"\d", without_powers)


def _number_in_words(words: str) -> int | None:
    """Up to ninety-nine; None for what is no number."""
    tens, _, ones = words.replace("-", " ").partition(" ")
    if tens in _TENS_WORDS and (not ones or 0 < _NUMBER_WORDS.get(ones, 0) < len(_TENS) + 2):
        return _TENS_WORDS[tens] + _NUMBER_WORDS.get(ones, 0)
    return _NUMBER_WORDS.get(words)


def _is_phrase(plain: str, *, is_marked_as_text: bool) -> bool:
    if not _LETTERS.fullmatch(plain.rstrip(".!?").replace(".", "")):
        return len(_WORD_IN_PROSE.findall(plain)) >= MIN_PROSE_WORDS  # prose around a formula
    if is_marked_as_text and len(plain) > 1:
        return True
    return any(len(word) >= MIN_WORD_CHARS for word in plain.split())
