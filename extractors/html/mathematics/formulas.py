"""Recognises mathematics in the markup that renderers leave on the web, and finds its TeX.

A page holds a formula as source (a script tag, an attribute, a delimiter in the text), as
rendering (KaTeX, MathJax, MathML, an image) or as both. The TeX its author wrote is preferred
wherever it survives, and the renderings beside it are skipped, so that a formula comes out once.
"""

from selectolax.lexbor import LexborNode

from extractors.html.mathematics import formula_images, formula_renderings, numbered_equations
from extractors.html.mathematics.tex_source import (
    RAW_FORMULA,
    TEX_LIKE,
    Formula,
    Skip,
    clean_tex,
    formula_of,
    is_placeholder,
    is_prose,
    raw_formula_of,
)

__all__ = [
    "RAW_FORMULA",
    "SELECTOR",
    "Formula",
    "Skip",
    "clean_tex",
    "raw_formula_of",
    "recognise",
]

TEX_ATTRIBUTES = frozenset(
    (
        "data-tex", "data-latex", "data-math", "data-expr", "data-formula", "data-equation",
        "data-katex", "data-entry", "data-equation-content", "data-latex-source"
    )
)  # fmt: skip
"""Attributes in which scripts and editors keep the source (Zhihu, TipTap, Canvas, Hurmet ...)."""

CERTAIN_ATTRIBUTES = frozenset(
    (
        "data-tex", "data-latex", "data-katex", "data-equation-content", "data-latex-source"
    )
)  # fmt: skip
"""Those that hold TeX even where it does not look like it: ``x``."""

SOURCE_CLASSES = frozenset(
    (
        "math", "math-container", "MathJye", "tex", "mathjax", "katex-src", "asciimath",
        "arithmatex", "math-tex", "mathjax-tex", "tex-math", "process-math", "math-inline",
        "math-display", "math-block", "inline-math", "display-math", "block-math", "math-node",
        "js-inline-math", "js-display-math", "math-equation", "inline-equation",
        "display-equation", "displaymath", "latex", "formula", "equation", "language-math",
        "lang-math", "mq-selectable", "mathquill-embedded-latex"
    )
)  # fmt: skip
"""Classes of elements whose text is TeX for a script to render: Pandoc, Sphinx, Stack Exchange,
mkdocs (arithmatex), CKEditor (math-tex), Springer (mathjax-tex), PreTeXt (process-math),
remark-math (math-inline), Wikidot (math-equation), GitLab, MathQuill."""

CERTAIN_CLASSES = frozenset(
    (
        "math-inline", "math-display", "math-tex", "arithmatex", "mathjax-tex", "math-container",
        "process-math", "language-math", "lang-math", "js-inline-math", "js-display-math",
        "mq-selectable"
    )
)  # fmt: skip
SOURCE_TAGS = frozenset(
    (
        "tex-math", "math-renderer", "math-field", "math-span", "math-div", "math-inline",
        "math-display", "la-tex", "eq", "eqn", "latex", "tex"
    )
)  # fmt: skip
"""Elements of web components (GitHub, MathLive), of JATS and of Markdown extensions."""

CODE_TAGS = frozenset(("code", "pre"))
CARRIER_TAGS = frozenset(
    ("span", "div", "p", "section", "figure", "td", "li", "em", "i", "b", "strong", "a", "center")
)
RENDERED = "math, script, img, .katex, mjx-container, [class*=MathJax]"

DELIMITERS = (
    ("\\[", "\\]", True), ("\\(", "\\)", False), ("$$$", "$$$", False), ("$$", "$$", True),
    ("$`", "`$", False), ("$", "$", False),
)  # fmt: skip
"""Pairs in the order they are looked for, and whether they make a display."""

MAX_SOURCE_CHARS = 20_000
"""An element with more text is a page marked as mathematics, not a formula."""

MAX_UNDELIMITED_CHARS = 24
"""An equation number and a headerlink beside a delimited formula; more is prose around it."""


SELECTOR = ":is({})".format(
    ", ".join(
        dict.fromkeys(
            (
                "[class*=math i], [class*=katex], [class*=formula], [class*=equation], .MathJye",
                ".tex, .latex, .arithmatex, .process-math, .ql-formula, .mq-selectable",
                ".mq-root-block, [data-math-style], pre[lang=math]",
                "pre:has(> code:is(.language-math, .lang-math))",
                *(f"[{name}]" for name in sorted(TEX_ATTRIBUTES)),
                *sorted(SOURCE_TAGS),
                formula_renderings.SELECTOR,
                formula_images.SELECTOR,
                numbered_equations.SELECTOR,
            )
        )
    )
)
"""Matches every element for which ``recognise`` may give something, and few others.

An alternative costs lexbor a test of each element that no other matches, so that one substring
stands for the many classes that hold it. Within :is() the first match decides; a bare list gives
an element once for each alternative that matches it."""


def recognise(  # noqa: C901, PLR0911, PLR0912 -- one line a kind of markup, in the order tried
    node: LexborNode, tag: str, attributes: dict[str, str | None]
) -> Formula | Skip | None:
    """The formula that ``node`` is, Skip.TWIN for a second rendering, None for anything else."""
    if tag == "math" or tag.endswith(":math"):
        return formula_renderings.of_mathml(node, attributes)
    if tag == "script":
        return formula_renderings.of_script(node, attributes)
    if tag == "mjx-container":
        return formula_renderings.of_mathjax3(node, attributes)
    if tag == "pre":
        return _of_block_of_code(node, attributes)
    if tag in SOURCE_TAGS:
        return _of_source(node, is_block=tag in ("math-display", "math-div", "eqn"))
    if not attributes:
        return None
    if not TEX_ATTRIBUTES.isdisjoint(attributes) and (found := _of_attribute(tag, attributes)):
        return found
    if tag == "img":
        if kept := attributes.get("data-mathml"):
            return formula_renderings.of_kept_mathml(kept)
        return formula_images.recognise(attributes)
    if "data-math-style" in attributes:
        return _of_source(node, is_block=attributes["data-math-style"] == "display")
    label = attributes.get("class")
    if not label:
        return None
    classes = label.split()
    if "katex" in label and (katex := formula_renderings.of_katex(node, classes)):
        return katex
    if "MathJax" in label or "MJX" in label or "mjx" in label:
        return formula_renderings.of_mathjax2(node, classes, attributes)
    if "mwe-math-element" in classes:
        return formula_renderings.of_mediawiki(node)
    if "ql-formula" in classes and attributes.get("data-value"):
        return formula_of(attributes["data-value"], is_display=False)
    if "mq-root-block" in classes:
        return Skip.TWIN if _follows_source(node) else None
    is_source = not SOURCE_CLASSES.isdisjoint(classes)
    if tag in CODE_TAGS and is_source and CERTAIN_CLASSES.isdisjoint(classes):
        return None
    if is_source and (tag in CARRIER_TAGS or tag in CODE_TAGS):
        is_block = tag == "div" or "display" in label or "block" in label
        if found := _of_source(node, is_block=is_block, is_certain=_is_certain(classes)):
            return found
    if not numbered_equations.CLASSES.isdisjoint(classes):
        return numbered_equations.recognise(node, tag, recognise_unnumbered)
    return None


def recognise_unnumbered(
    node: LexborNode, tag: str, attributes: dict[str, str | None]
) -> Formula | Skip | None:
    """As ``recognise``, for what stands inside a numbered equation: not another one."""
    label = attributes.get("class")
    if label and not numbered_equations.CLASSES.isdisjoint(label.split()):
        return None
    found = recognise(node, tag, attributes)
    if found is None and tag == "img":
        alternative = attributes.get("alt") or ""  # Sphinx marks the box, not the image in it
        if not is_placeholder(alternative) and not is_prose(alternative):
            return formula_of(alternative, is_display=True)
    return found


def _is_certain(classes: list[str]) -> bool:
    if not CERTAIN_CLASSES.isdisjoint(classes):
        return True
    return "math" in classes and ("inline" in classes or "display" in classes)  # Pandoc


def _of_attribute(tag: str, attributes: dict[str, str | None]) -> Formula | None:
    if tag in ("button", "input", "body", "html", "form"):
        return None
    label = attributes.get("class") or ""
    for name in sorted(TEX_ATTRIBUTES.intersection(attributes)):
        tex = attributes[name] or ""
        if not tex.strip() or tex in ("true", "false") or is_placeholder(tex):
            continue
        is_certain = name in CERTAIN_ATTRIBUTES or any(
            word in label for word in ("math", "formula", "tex", "equation")
        )
        if TEX_LIKE.search(tex) or (is_certain and not is_prose(tex)):
            return formula_of(
                tex, is_display="display" in label or "block" in label or tag == "div"
            )
    return None


def _of_block_of_code(node: LexborNode, attributes: dict[str, str | None]) -> Formula | None:
    """GitHub's, GitLab's and remark-math's blocks of TeX, which are code to other programs."""
    classes = (attributes.get("class") or "").split()
    inner = node.first_child
    while inner is not None and inner.tag == "-text" and not (inner.text_content or "").strip():
        inner = inner.next
    if inner is not None and inner.tag == "code" and "class" in inner.attributes:
        classes += (inner.attributes["class"] or "").split()
    is_marked = (
        attributes.get("lang") == "math"
        or "data-math-style" in attributes
        or not {"language-math", "lang-math", "math-display", "js-render-math"}.isdisjoint(classes)
    )
    return formula_of(node.text(), is_display=True) if is_marked else None


def _of_source(  # noqa: PLR0911 -- one refusal a line
    node: LexborNode, *, is_block: bool, is_certain: bool = False
) -> Formula | None:
    """An element with delimited TeX for a script to render: Sphinx, Pandoc, Stack Exchange."""
    if node.css_first(RENDERED) is not None:
        return None  # rendered already: the walk meets the rendering inside
    text = node.text()
    if not text or len(text) > MAX_SOURCE_CHARS:
        return None
    if (delimited := _delimited(text)) is not None:
        inside, around, is_display = delimited
        if len(around) > MAX_UNDELIMITED_CHARS or "$" in around or "\\(" in around:
            return None
        formula = formula_of(inside, is_display=is_display or is_block)
        if formula is None or not around:
            return formula
        number = numbered_equations.number_in(around)
        if number and formula.is_display:
            return numbered_equations.with_number(formula, number)
        return None if any(map(str.isalnum, around)) else formula
    if not is_certain and not TEX_LIKE.search(text):
        return None
    if is_prose(text) or node.css_first("sub, sup, i, em, p, table, div") is not None:
        return None
    return formula_of(text, is_display=is_block)


def _delimited(text: str) -> tuple[str, str, bool] | None:
    """What the first delimiters in ``text`` hold, the rest of it, and whether it is a display."""
    for opening, closing, is_display in DELIMITERS:
        start = text.find(opening)
        if start < 0:
            continue
        inner = start + len(opening)
        is_same = opening == closing
        end = text.find(closing, inner) if is_same else text.rfind(closing, inner)
        if end >= 0:
            return (
                text[inner:end],
                (text[:start] + text[end + len(closing) :]).strip(),
                is_display,
            )
    start, end = text.find("\\begin{"), text.rfind("\\end{")
    end = text.find("}", end) + 1 if 0 <= start < end else 0
    if not end:
        return None
    return text[start:end], (text[:start] + text[end:]).strip(), True


def _follows_source(node: LexborNode) -> bool:
    before = node.prev
    return before is not None and "mq-selectable" in (before.attributes.get("class") or "")
