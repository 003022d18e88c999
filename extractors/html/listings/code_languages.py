"""Finds the language of a listing in the attributes and classes that highlighters give it."""

import re

from selectolax.lexbor import LexborNode

LANGUAGE_ATTRIBUTES = (
    "data-lang", "data-language", "data-enlighter-language", "data-code-language", "data-syntax",
)  # fmt: skip
PARAMETERS = re.compile(r"brush:\s*([\w+#.-]{1,24})")
"""Confluence's ``data-syntaxhighlighter-params``, SyntaxHighlighter's class."""

LANGUAGE_CLASS = re.compile(
    r"(?:^|\s)(?:(?:language|lang|highlight-source|highlight-text|highlight|type|src|source"
    r"|code-block-lang|brush)-|brush:\s*|highlight\s+(?=[a-z+#]+\s*$))([\w+#.-]{1,24})"
)
"""``highlight python`` is Hexo's figure, ``src-python`` Org mode's block."""

NOT_LANGUAGES = frozenset(
    (
        "none", "text", "txt", "plain", "plaintext", "nohighlight", "default", "notranslate",
        "highlighter-rouge", "auto", "code", "unknown", "console-output", "output", "source",
        "wrapper", "block", "table", "container", "raw", "other", "undefined", "null", "en",
        "lines", "body", "content", "wrap", "pre", "literal", "with", "line-numbers", "copy",
        "basic", "html-basic", "box", "area", "hljs", "linenos", "inline", "light", "dark"
    )
)  # fmt: skip
PLAIN_CLASSES = frozenset(
    (
        "bash", "c", "cpp", "csharp", "css", "diff", "go", "haskell", "html", "http", "ini",
        "java", "javascript", "js", "json", "julia", "kotlin", "latex", "lua", "makefile",
        "matlab", "mysql", "objc", "ocaml", "octave", "perl", "php", "powershell", "python", "r",
        "ruby", "rust", "scala", "shell", "sql", "swift", "tex", "ts", "typescript", "xml", "yaml",
        "clojure", "elixir", "erlang", "fortran", "lean", "scheme", "lisp", "pascal", "vb",
        "vhdl", "verilog", "toml", "dockerfile", "cmake", "groovy", "dart", "jsx", "tsx"
    )
)  # fmt: skip
"""Languages that are classes by themselves (highlight.js, Pandoc, SyntaxHighlighter)."""

SAME_LANGUAGE = {
    "python3": "python", "ipython3": "python", "ipython": "python", "py3": "python",
    "ipython2": "python", "python2": "python",
}  # fmt: skip
"""Lexers of Sphinx and Jupyter that only name a version."""

MAX_LANGUAGE_LEVELS = 4
"""How far above the listing its language may be named (Jekyll: div.language-x > div > pre)."""

MAX_LANGUAGE_CHARS = 24


def language_of(node: LexborNode) -> str | None:
    """The language named on the listing, inside it, or on the elements around it; else None."""
    inner = node.css_first("code[class], pre[class], code[data-lang], [data-language]")
    carriers = [node] if inner is None else [inner, node]
    num_own = len(carriers)
    above = node.parent
    while above is not None and len(carriers) <= MAX_LANGUAGE_LEVELS and above.tag != "body":
        carriers.append(above)
        above = above.parent
    for level, carrier in enumerate(carriers):
        named = _named_on(carrier.attributes, is_near=level <= num_own)
        if named:
            return SAME_LANGUAGE.get(named, named)
    return None


def _named_on(attributes: dict[str, str | None], *, is_near: bool) -> str | None:
    for name in LANGUAGE_ATTRIBUTES:
        language = (attributes.get(name) or "").strip().lower()
        if language and language not in NOT_LANGUAGES and " " not in language:
            return language[:MAX_LANGUAGE_CHARS]
    label = (attributes.get("class") or "").lower()
    if parameters := attributes.get("data-syntaxhighlighter-params"):
        label = f"{parameters.lower()} {label}"
    for match in LANGUAGE_CLASS.finditer(label):
        if match.group(1) not in NOT_LANGUAGES:
            return match.group(1)
    classes = PLAIN_CLASSES.intersection(label.split())
    language = (attributes.get("lang") or "").lower()  # WP-Syntax, GitHub
    if is_near and (classes or language in PLAIN_CLASSES):
        return min(classes) if classes else language
    return None
