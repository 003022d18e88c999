"""Formulas drawn as images: their TeX is in the alternative text, the title or the address."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

from extractors.html.mathematics.tex_source import CERTAIN_TEX, Formula, formula_of, is_placeholder

IMAGE_CLASSES = frozenset(
    (
        "latex", "latexcenter", "tex", "tex-image", "texrender", "math", "mathimg", "math-image",
        "ltx_Math", "equation", "equation_image", "formula", "formulaDsp", "formulaInl",
        "mimetex", "texImage", "math-display", "math-inline", "mwe-math-fallback-image-inline",
        "mwe-math-fallback-image-display", "ee_img", "tex-formula", "ql-img-inline-formula",
        "ql-img-displayed-equation", "ql-img-displayed-formula", "quicklatex-auto-format"
    )
)  # fmt: skip
"""Classes of the images that WordPress, Sphinx, MediaWiki, Doxygen, latex2html, Moodle, Canvas,
Zhihu, QuickLaTeX, the Art of Problem Solving and Codeforces put in place of TeX."""

RENDERERS = (
    "codecogs.com", "latex.php", "mathtex", "mimetex", "/math/render/", "cht=tx", "/render/math",
    "zhihu.com/equation", "upmath.me", "tex.s2cms.ru", "/equation_images/", "tex2img",
    "tex.z-dn.net", "math.now.sh", "numberempire.com/render", "/filter/tex/",
    "latex.artofproblemsolving.com", "/latexrender/", "texify.com",
)  # fmt: skip
"""Parts of the addresses of services that draw TeX."""

QUERY_IS_TEX = ("codecogs.com", "mathtex", "mimetex", "numberempire.com/render", "texify.com")
"""Services to which the whole query is TeX: a plus sign in it is a plus sign."""

TEX_PARAMETERS = ("latex", "tex", "chl", "math", "eq", "formula", "from", "inline", "f")
PATH_IS_TEX = ("/svg/", "/png/", "/equation_images/")
HASH = re.compile(r"[0-9a-f]{32,64}")
"""The rest of an address whose TeX is on the server (Wikimedia)."""

OPTION = re.compile(
    r"\\(?:inline|dpi\{\d+\}|(?:bg|fg)_\w+|\d{2,3}dpi|(?:tiny|small|large|huge|LARGE)(?![a-zA-Z])"
    r"|fn_\w+|space(?![a-zA-Z]))\s*"
)
"""CodeCogs' settings, which stand before the formula."""

SQUEEZED = re.compile(r"[\s+{}]|\\space")
DISPLAY_CLASS = re.compile(r"isplay|Dsp|latexcenter|(?:^|\s)center")

SELECTOR = "img:is({})".format(
    ", ".join(
        (
            *(f".{name}" for name in sorted(IMAGE_CLASSES)),
            *(f'[src*="{part}"], [data-src*="{part}"]' for part in RENDERERS),
            '[alt*="\\\\"], [alt*="$"], [title*="\\\\"], [title*="$"], [data-mathml]',
        )
    )
)
"""Matches every image that may be a formula."""


def recognise(attributes: dict[str, str | None]) -> Formula | None:
    """The formula that an ``img`` shows; None for any other image.

    The address is believed before the alternative text, which may be a description, except
    where the alternative text is the same formula better spelled.
    """
    label = attributes.get("class") or ""
    source = attributes.get("src") or ""
    if not source or source.startswith("data:"):
        source = attributes.get("data-src") or attributes.get("data-lazy-src") or ""
    alternative = attributes.get("alt") or ""
    is_display = bool(label) and DISPLAY_CLASS.search(label) is not None
    if any(part in source for part in RENDERERS):
        tex = tex_of_address(source)
        if not tex or _is_same(tex, alternative):
            tex = alternative
        if tex and not is_placeholder(tex):
            return formula_of(tex, is_display=is_display)
    if not alternative.strip() or is_placeholder(alternative):
        alternative = attributes.get("title") or ""
        if not alternative.strip() or is_placeholder(alternative):
            return None
    if IMAGE_CLASSES.isdisjoint(label.split()) and not CERTAIN_TEX.search(alternative):
        return None
    return formula_of(alternative, is_display=is_display)


def tex_of_address(source: str) -> str | None:
    """The TeX in the address of a renderer; None if the address holds none or is not valid."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    query, path = parts.query, parts.path
    if any(part in source for part in QUERY_IS_TEX):
        path_tex = path.rpartition(".latex/")[2] if ".latex/" in path else ""
        tex = unquote((query or path_tex).replace("&space;", " "))
        if parts.fragment:
            tex += "#" + unquote(parts.fragment)
        return OPTION.sub("", tex).strip() or None
    fields = parse_qs(query)
    for name in TEX_PARAMETERS:
        if name in fields:
            return fields[name][0]
    for part in PATH_IS_TEX:
        if part in path and (tex := unquote(unquote(path.partition(part)[2]))):
            return None if HASH.match(tex) else tex
    return None


def _is_same(tex: str, alternative: str) -> bool:
    """Whether ``alternative`` is ``tex`` with its plus signs and ampersands in place."""
    if not alternative:
        return False
    ours, theirs = SQUEEZED.sub("", tex), SQUEEZED.sub("", alternative)
    return ours == theirs or (
        theirs.startswith(ours) and CERTAIN_TEX.search(alternative) is not None
    )
