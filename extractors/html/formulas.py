"""Recognises mathematics in the markup that renderers leave on the web, and finds its TeX.

A page holds a formula as source (a script tag, a delimiter in the text), as rendering (KaTeX,
MathJax, MathML, an image) or as both. The TeX its author wrote is preferred wherever it survives,
and the renderings beside it are skipped, so that a formula comes out once.
"""

import html as html_entities
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qs, unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from extractors.html import mathml


@dataclass(frozen=True)
class Formula:
    """A formula in TeX, without delimiters."""

    tex: str
    is_display: bool


class Skip(Enum):
    """What to leave out: a rendering whose source stands beside it."""

    TWIN = "twin"


MATHJAX2_RENDERINGS = frozenset(
    [
        "MathJax",
        "MathJax_Display",
        "MathJax_Preview",
        "MathJax_CHTML",
        "MathJax_SVG",
        "MathJax_SVG_Display",
        "MathJax_CHTML_Display",
        "MathJax_PHTML",
        "MathJax_MathML",
        "MJXc-display",
    ]
)
TEX_ATTRIBUTES = frozenset(
    (
        "data-tex",
        "data-latex",
        "data-math",
        "data-expr",
        "data-formula",
        "data-equation",
        "data-katex",
    )
)
IMAGE_CLASSES = frozenset(
    [
        "latex",
        "tex",
        "math",
        "mathimg",
        "equation",
        "formula",
        "formulaDsp",
        "formulaInl",
        "mwe-math-fallback-image-inline",
        "mwe-math-fallback-image-display",
        "quicklatex-auto-format",
        "mimetex",
    ]
)
MATH_CLASSES = frozenset(
    ("math", "math-container", "MathJye", "tex", "mathjax", "katex-src", "asciimath")
)

RENDERER_PATHS = ("latex.codecogs.com", "latex.php", "mathtex.cgi", "mimetex.cgi", "/math/render/")
"""Image services whose address holds the TeX."""

CODECOGS_OPTION = re.compile(
    r"\\(?:inline|dpi\{\d+\}|(?:bg|fg)_\w+|(?:tiny|small|large|huge|LARGE)(?![a-zA-Z])"
    r"|fn_\w+|space(?![a-zA-Z]))\s*"
)
RAW_FORMULA = re.compile(
    r"\\\[(?P<display>(?:[^\\]|\\[^\[\]])++)\\\]"
    r"|\\\((?P<inline>(?:[^\\]|\\[^()])++)\\\)"
    r"|\$\$[^$]++\$\$"
    r"|\\begin\{(?P<name>(?:equation|align|gather|multline|eqnarray)\*?)\}"
    r"(?:[^\\]|\\(?!(?:begin|end)\{(?P=name)\}))*+\\end\{(?P=name)\}"
    r"|\[i?tex\](?P<bbcode>(?:[^\[]|\[(?!/?i?tex\]))++)\[/i?tex\]"
    r"|(?<![\\$\w])\$(?=[^\s$])(?=[^$]{0,400}[\\^_])[^$]{1,400}+(?<=[^\s\\])\$(?!\d)"
)
"""Delimiters in text that MathJax or KaTeX would turn into formulas. A pair of single dollars
counts only around a backslash, a caret or an underscore: other pairs are prices. No alternative
runs past another opening of its kind, so that a page full of openings costs linear time."""

TEX_LIKE = re.compile(r"\\[a-zA-Z]+|[\^_]\{|[\^_][a-zA-Z0-9]\b|^\s*(?:\$|\\[(\[])")
CERTAIN_TEX = re.compile(r"\\[a-zA-Z]+[{ ^_\\(]|^\s*(?:\$.+\$|\\\(.+\\\)|\\\[.+\\\])\s*$")
"""What can hardly be a description: a photograph's alt text may hold an underscore."""

ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp|#\d+|#x[0-9a-fA-F]+);")
CDATA = re.compile(r"%?\s*<!\[CDATA\[|%?\s*\]\]>")
BLANK_LINES = re.compile(r"\n\s*\n")
DISPLAY_STYLE = re.compile(r"^\{\\displaystyle\s*(.*)\}$", re.DOTALL)

DELIMITED = (
    (re.compile(r"\\\[(.*)\\\]", re.DOTALL), True),
    (re.compile(r"\\\((.*)\\\)", re.DOTALL), False),
    (re.compile(r"\$\$(.*)\$\$", re.DOTALL), True),
    (re.compile(r"\$(.*)\$", re.DOTALL), False),
    (re.compile(r"(\\begin\{[a-z]+\*?\}.*\\end\{[a-z]+\*?\})", re.DOTALL), True),
)
MAX_SOURCE_CHARS = 20_000
"""An element with more text is a page marked as mathematics, not a formula."""

MAX_UNDELIMITED_CHARS = 24
"""An equation number and a headerlink beside a delimited formula; more is prose around it."""


def recognise(  # noqa: C901, PLR0911 -- one line a kind of markup, in the order they are tried
    node: LexborNode, tag: str, attributes: dict[str, str | None]
) -> Formula | Skip | None:
    """The formula that ``node`` is, Skip.TWIN for a second rendering, None for anything else."""
    if tag == "math" or tag.endswith(":math"):
        return _from_mathml(node, attributes)
    if tag == "script":
        return _from_script(node, attributes)
    if tag == "img":
        return _from_image(attributes)
    if tag == "mjx-container":
        return _from_mathjax3(node, attributes)
    if not attributes:
        return None
    if not TEX_ATTRIBUTES.isdisjoint(attributes):
        return _from_attribute(node, attributes)
    label = attributes.get("class")
    if not label:
        return None
    classes = label.split()
    if "katex" in label:
        return _from_katex(node, classes)
    if "MathJax" in label or "MJX" in label:
        return _from_mathjax2(node, classes, attributes)
    if "mwe-math-element" in classes:
        return _from_wikipedia(node)
    if "ql-formula" in classes and attributes.get("data-value"):
        return _formula(attributes["data-value"], is_display=False)
    if tag in ("span", "div", "p") and not MATH_CLASSES.isdisjoint(classes):
        return _from_source_element(node, is_block="display" in classes or tag == "div")
    return None


def clean_tex(tex: str) -> str:
    """``tex`` as its author wrote it: without delimiters, wrappers and escapes of the web."""
    if "&" in tex and ENTITY.search(tex):
        tex = html_entities.unescape(tex)
    if "CDATA" in tex:
        tex = CDATA.sub("", tex)
    tex = BLANK_LINES.sub("\n", tex.replace("\u200b", "").replace("\xa0", " ").strip())
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$")):
        if len(tex) > 2 * len(opening) and tex.startswith(opening) and tex.endswith(closing):
            tex = tex[len(opening) : -len(closing)].strip()
    if wrapped := DISPLAY_STYLE.match(tex):
        tex = wrapped.group(1).strip()
    return tex.removeprefix("\\displaystyle ").strip()


def _formula(tex: str | None, *, is_display: bool) -> Formula | None:
    cleaned = clean_tex(tex or "")
    return Formula(cleaned, is_display) if cleaned else None


def _from_script(node: LexborNode, attributes: dict[str, str | None]) -> Formula | None:
    kind = attributes.get("type") or ""
    if not kind.startswith("math/"):
        return None
    is_display = "display" in kind
    source = node.text()
    if kind.startswith("math/mml"):
        inner = LexborHTMLParser(source).css_first("math")
        return None if inner is None else _from_mathml(inner, inner.attributes)
    if kind.startswith("math/asciimath"):
        return None
    return _formula(source, is_display=is_display)


def _from_mathml(node: LexborNode, attributes: dict[str, str | None]) -> Formula | None:
    is_display = attributes.get("display") == "block" or attributes.get("mode") == "display"
    return _formula(_tex_of_mathml(node, attributes), is_display=is_display)


def _tex_of_mathml(node: LexborNode, attributes: dict[str, str | None]) -> str:
    annotation = node.css_first('annotation[encoding*="tex" i]')
    if annotation is not None and (tex := annotation.text().strip()):
        return tex
    alternative = attributes.get("alttext")
    if alternative and (TEX_LIKE.search(alternative) or alternative.isascii()):
        return alternative
    return mathml.to_tex(node)


def _from_katex(node: LexborNode, classes: list[str]) -> Formula | Skip | None:
    if "katex-mathml" in classes or "katex-html" in classes:
        return None
    if "katex" not in classes and "katex-display" not in classes:
        return None
    annotation = node.css_first("annotation")
    if annotation is None:
        math = node.css_first("math")
        if math is None:
            return None
        return _formula(
            _tex_of_mathml(math, math.attributes), is_display="katex-display" in classes
        )
    return _formula(annotation.text(), is_display="katex-display" in classes)


def _from_mathjax2(
    node: LexborNode, classes: list[str], attributes: dict[str, str | None]
) -> Formula | Skip | None:
    if MATHJAX2_RENDERINGS.isdisjoint(classes):
        return None
    if "MathJax_Preview" in classes or _is_followed_by_source(node):
        return Skip.TWIN
    if source := node.css_first('script[type^="math/"]'):
        return _from_script(source, source.attributes)
    is_display = any("isplay" in name for name in classes)
    kept = attributes.get("data-mathml")
    if kept is None and (carrier := node.css_first("[data-mathml]")) is not None:
        kept = carrier.attributes.get("data-mathml")
    math = LexborHTMLParser(kept).css_first("math") if kept else node.css_first("math")
    if math is None:
        return None
    return _formula(_tex_of_mathml(math, math.attributes), is_display=is_display)


def _is_followed_by_source(node: LexborNode) -> bool:
    following = node.next
    while following is not None and following.tag in ("-text", "br", "span", "div"):
        if following.tag == "-text":
            if (following.text_content or "").strip():
                return False
        elif MATHJAX2_RENDERINGS.isdisjoint((following.attributes.get("class") or "").split()):
            return False
        following = following.next
    if following is None or following.tag != "script":
        return False
    return (following.attributes.get("type") or "").startswith("math/")


def _from_mathjax3(node: LexborNode, attributes: dict[str, str | None]) -> Formula | None:
    is_display = attributes.get("display") in ("true", "block")
    source = node.css_first("[data-latex]")
    if source is not None:
        return _formula(source.attributes.get("data-latex"), is_display=is_display)
    math = node.css_first("math")
    if math is not None:
        return _formula(_tex_of_mathml(math, math.attributes), is_display=is_display)
    return _formula(attributes.get("aria-label") if attributes else None, is_display=is_display)


def _from_wikipedia(node: LexborNode) -> Formula | None:
    math = node.css_first("math")
    image = node.css_first("img")
    fallback = (image.attributes.get("class") or "") if image is not None else ""
    is_display = "display" in fallback
    if math is not None:
        is_display = is_display or math.attributes.get("display") == "block"
        if tex := _tex_of_mathml(math, math.attributes):
            return _formula(tex, is_display=is_display)
    alternative = image.attributes.get("alt") if image is not None else None
    return _formula(alternative, is_display=is_display)


def _from_attribute(node: LexborNode, attributes: dict[str, str | None]) -> Formula | None:
    label = attributes.get("class") or ""
    for name in TEX_ATTRIBUTES.intersection(attributes):
        tex = attributes[name] or ""
        if TEX_LIKE.search(tex) or any(word in label for word in ("math", "formula", "tex")):
            return _formula(tex, is_display="display" in label or node.tag == "div")
    return None


def _from_source_element(node: LexborNode, *, is_block: bool) -> Formula | None:
    """An element with delimited TeX for a script to render: Sphinx, Pandoc, Stack Exchange."""
    math = node.css_first("math, script, img, .katex, mjx-container")
    if math is not None:
        return None  # rendered already: the walk meets the rendering inside
    text = node.text()
    if len(text) > MAX_SOURCE_CHARS:
        return None
    for pattern, is_display in DELIMITED:
        match = pattern.search(text)
        if match is None:
            continue
        around = (text[: match.start()] + text[match.end() :]).strip()
        if len(around) > MAX_UNDELIMITED_CHARS:
            return None
        number = re.match(r"\(([\w.]{1,8})\)", around)
        formula = _formula(match.group(1), is_display=is_display)
        if formula is not None and is_display and number and "\\tag" not in formula.tex:
            return Formula(f"{formula.tex} \\tag{{{number.group(1)}}}", is_display)
        return formula
    return _formula(text, is_display=is_block) if TEX_LIKE.search(text) else None


def _from_image(attributes: dict[str, str | None]) -> Formula | None:
    classes = (attributes.get("class") or "").split()
    source = attributes.get("src") or attributes.get("data-src") or ""
    is_display = any("isplay" in name or name.endswith("Dsp") for name in classes)
    if any(path in source for path in RENDERER_PATHS) or "cht=tx" in source:
        tex = _tex_of_address(source) or attributes.get("alt")
        return _formula(tex, is_display=is_display)
    alternative = attributes.get("alt") or attributes.get("title") or ""
    if not alternative:
        return None
    if IMAGE_CLASSES.isdisjoint(classes) and not CERTAIN_TEX.search(alternative):
        return None
    return _formula(alternative, is_display=is_display)


def _tex_of_address(source: str) -> str | None:
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    if "latex.codecogs.com" in source or "tex.cgi" in source:
        path_tex = parts.path.rpartition(".latex/")[2] if ".latex/" in parts.path else ""
        tex = unquote((parts.query or path_tex).replace("+", " "))
        if parts.fragment:
            tex += "#" + unquote(parts.fragment)
        return CODECOGS_OPTION.sub("", tex)
    query = parse_qs(parts.query)
    for name in ("latex", "tex", "chl", "formula"):
        if name in query:
            return query[name][0]
    return None
