"""Formulas that a renderer has set: MathML, MathJax 2 to 4, KaTeX, MediaWiki, MathType.

Each keeps the source somewhere in its output (an annotation, an attribute, a script beside it) or
at least MathML for screen readers, which is converted.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from extractors.html.mathematics import mathml
from extractors.html.mathematics.tex_source import (
    BLANK_LINES,
    TEX_LIKE,
    Formula,
    Skip,
    clean_tex,
    formula_of,
    is_placeholder,
    is_prose,
)
from extractors.tex_characters import symbols

MATHJAX2_RENDERINGS = frozenset(
    (
        "MathJax", "MathJax_Display", "MathJax_Preview", "MathJax_CHTML", "MathJax_SVG",
        "MathJax_SVG_Display", "MathJax_CHTML_Display", "MathJax_PHTML", "MathJax_PHTML_Display",
        "MathJax_MathML", "MathJax_PlainSource", "MathJax_PlainSource_Display", "MJXc-display",
        "mjx-chtml"
    )
)  # fmt: skip
MAX_TWINS = 4
"""Elements between a MathJax 2 rendering and its script: a preview, a display, an inner frame."""

TEX_ENCODING = re.compile(r"(?:^|[^a-z])(?:la)?tex(?![a-z])", re.IGNORECASE)
"""Encodings of annotations that are TeX: application/x-tex, TeX, LaTeX; not text/plain."""

WORDS = re.compile(r"[A-Za-z]{2,},? +[A-Za-z]{2,}")
MATHTYPE = str.maketrans({"\xab": "<", "\xbb": ">", "\xa8": '"', "\xa7": "&", "`": "'"})
"""How MathType's web editor writes MathML into an attribute."""

SELECTOR = (
    r"math, m\:math, mml\:math, ns0\:math, math\:math, script[type^='math/' i], mjx-container, "
    ".MJXc-display, .mjx-chtml"
)
"""Matches the renderings whose class holds neither ``math`` nor ``katex``."""


def of_script(node: LexborNode, attributes: dict[str, str | None]) -> Formula | Skip | None:
    """A ``script`` of MathJax 2 or kramdown; None for other scripts.

    AsciiMath is not TeX: its rendering is taken instead if that kept MathML.
    """
    kind = (attributes.get("type") or "").lower()
    if not kind.startswith("math/"):
        return None
    is_display = "display" in kind
    source = node.text()
    if kind.startswith("math/mml"):
        inner = LexborHTMLParser(source).css_first("math")
        if inner is None:
            return None
        found = of_mathml(inner, inner.attributes)
        return Formula(found.tex, found.is_display or is_display) if found else None
    if kind.startswith("math/asciimath"):
        before = node.prev
        if before is not None and before.css_first("math, [data-mathml]") is not None:
            return Skip.TWIN
    return formula_of(source, is_display=is_display)


def of_mathml(node: LexborNode, attributes: dict[str, str | None]) -> Formula | None:
    """A ``math`` element: its annotation, else its alternative text, else its conversion."""
    is_display = (
        attributes.get("display") == "block"
        or attributes.get("mode") == "display"
        or "tml-display" in (attributes.get("class") or "")
    )
    return formula_of(tex_of_mathml(node, attributes), is_display=is_display)


def tex_of_mathml(node: LexborNode, attributes: dict[str, str | None]) -> str:
    """The TeX of a ``math`` element; empty if it holds nothing."""
    if kept := attributes.get("data-latex") or attributes.get("data-tex"):
        return kept
    if annotation := _tex_annotation(node):
        return annotation
    alternative = attributes.get("alttext")
    if alternative and _is_tex_alternative(alternative):
        return alternative
    return mathml.to_tex(node)


def _tex_annotation(node: LexborNode) -> str:
    is_prefixed = ":" in (node.tag or "")
    prefix = (node.tag or "").rpartition(":")[0]
    for annotation in node.css(f"{prefix}\\:annotation" if is_prefixed else "annotation"):
        if TEX_ENCODING.search(annotation.attributes.get("encoding") or ""):
            return annotation.text().strip()
    return ""


def _is_tex_alternative(text: str) -> bool:
    """LaTeXML's alternative texts are TeX; publishers' may be words read aloud."""
    if TEX_LIKE.search(text):
        return True
    return text.isascii() and not is_placeholder(text) and not WORDS.search(text)


def of_katex(  # noqa: PLR0911 -- what survives of KaTeX's output, best first
    node: LexborNode, classes: list[str]
) -> Formula | None:
    """KaTeX's output, from its MathML, or from its HTML where that is a plain row of symbols."""
    is_display = "katex-display" in classes
    if "katex-error" in classes:
        return formula_of(node.text(), is_display=is_display)
    if "katex" not in classes and not is_display:
        return None
    inner = node.css_first("math, annotation, .katex-html, p, div")
    if inner is None:
        text = node.text()  # not rendered yet: the class is the author's
        return formula_of(text, is_display=is_display) if TEX_LIKE.search(text) else None
    if inner.tag == "math":
        return formula_of(tex_of_mathml(inner, inner.attributes), is_display=is_display)
    if inner.tag == "annotation":  # a sanitiser has taken the tags of MathML off
        return formula_of(inner.text(), is_display=is_display)
    if inner.tag in ("p", "div"):
        return None
    if (stripped := node.css_first(".katex-mathml")) is not None:
        return formula_of(_last_paragraph(stripped.text()), is_display=is_display)
    if inner.css_first(".vlist, .mfrac, .sqrt, svg") is not None:
        return None
    return formula_of(symbols(inner.text().strip()), is_display=is_display)


def _last_paragraph(text: str) -> str:
    """The annotation at the end of MathML whose tags an editor has taken off (CSDN)."""
    return BLANK_LINES.split(text.strip())[-1].strip()


def of_mathjax2(
    node: LexborNode, classes: list[str], attributes: dict[str, str | None]
) -> Formula | Skip | None:
    """A rendering of MathJax 2: skipped where its script follows, else read from its MathML."""
    if MATHJAX2_RENDERINGS.isdisjoint(classes):
        return None
    if "MathJax_Preview" in classes or _is_followed_by_source(node):
        return Skip.TWIN
    if source := node.css_first('script[type^="math/"]'):
        return of_script(source, source.attributes)
    is_display = any("isplay" in name for name in classes)
    kept = attributes.get("data-mathml")
    if kept is None and (carrier := node.css_first("[data-mathml]")) is not None:
        kept = carrier.attributes.get("data-mathml")
    math = LexborHTMLParser(kept).css_first("math") if kept else node.css_first("math")
    if math is None:
        return None
    is_display = is_display or math.attributes.get("display") == "block"
    return formula_of(tex_of_mathml(math, math.attributes), is_display=is_display)


def _is_followed_by_source(node: LexborNode) -> bool:
    following = node.next
    for _ in range(2 * MAX_TWINS):
        if following is None:
            return False
        tag = following.tag
        if tag == "script":
            kind = (following.attributes.get("type") or "").lower()
            if kind.startswith("math/asciimath"):
                return node.css_first("math, [data-mathml]") is None and (
                    "data-mathml" not in node.attributes
                )
            return kind.startswith("math/")
        if tag == "-text":
            if (following.text_content or "").strip():
                return False
        elif tag not in ("br", "span", "div") or MATHJAX2_RENDERINGS.isdisjoint(
            (following.attributes.get("class") or "").split()
        ):
            return False
        following = following.next
    return False


def of_mathjax3(node: LexborNode, attributes: dict[str, str | None]) -> Formula | None:
    """A container of MathJax 3 or 4: the source it kept, else its assistive MathML."""
    is_display = attributes.get("display") in ("true", "block")
    source = node.css_first(
        'math[data-latex], mjx-math[data-latex], [data-mml-node="math"][data-latex]'
    )
    tex = attributes.get("data-latex") or (
        source.attributes.get("data-latex") if source is not None else None
    )
    if tex:
        return formula_of(tex, is_display=is_display)
    math = node.css_first("math")
    if math is not None:
        return formula_of(tex_of_mathml(math, math.attributes), is_display=is_display)
    spoken = attributes.get("aria-label") or ""
    if not TEX_LIKE.search(spoken) or is_prose(spoken):
        return None
    return formula_of(spoken, is_display=is_display)


def of_mediawiki(node: LexborNode) -> Formula | None:
    """MediaWiki's element: MathML and an image of the same formula."""
    math = node.css_first("math")
    image = node.css_first("img")
    fallback = (image.attributes.get("class") or "") if image is not None else ""
    is_display = "display" in fallback or "element-block" in (node.attributes.get("class") or "")
    if math is not None:
        is_display = is_display or math.attributes.get("display") == "block"
        if tex := tex_of_mathml(math, math.attributes):
            return formula_of(tex, is_display=is_display)
    alternative = image.attributes.get("alt") if image is not None else None
    return formula_of(alternative, is_display=is_display)


def of_kept_mathml(kept: str) -> Formula | None:
    """MathML kept in an attribute, as MathType's web editor does; None if it is none."""
    if "\xab" in kept:
        kept = kept.translate(MATHTYPE)
    math = LexborHTMLParser(kept).css_first("math") if "<math" in kept else None
    if math is None:
        return None
    return formula_of(clean_tex(tex_of_mathml(math, math.attributes)), is_display=False)
