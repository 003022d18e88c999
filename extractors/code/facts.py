"""What can be told of a source file from its path and text alone: who wrote it, and for what."""

import re

from extractors.extraction import CodeFacts
from pipeline.storage.licenses import find_notice

GENERATED_SCAN_CHARS = 4_000
"""Generators say so at the top; go-enry looks at the first 40 lines at most."""

MAX_MEAN_LINE_CHARS = 100
MAX_LINE_CHARS = 1_000
"""BigCode's preprocessing drops files whose mean line is over 100 or longest over 1,000 characters
(bigcode-dataset, preprocessing); both are asked for here, as one long table is no minified file."""

# Only on a comment line, or in capitals as generators write it: a docstring may say it of a value.
_GENERATED = re.compile(
    r"@generated\b|\bDO NOT (?:EDIT|MODIFY)\b"
    r"|^[ \t]*(?://|#|/?\*|--|;|%|<!--).{0,80}?(?i:\bdo not (?:edit|modify)\b"
    r"|\b(?:auto[- ]?|automatically )generated\b"
    r"|\b(?:code )?generated (?:by|from)\b)",
    re.MULTILINE,
)

# After linguist's vendor.yml, the commonest entries.
_VENDORED = re.compile(
    r"(?:^|/)(?:_?vendor(?:s|ed)?|third[-_]?party|3rd[-_]?party|external|extern|node_modules"
    r"|bower_components|jspm_packages|deps|Godeps|site-packages)/"
    r"|(?:^|/)(?:jquery(?:[-.]ui)?|bootstrap|d3|react|angular|underscore|lodash|modernizr)"
    r"(?:[-.]\d[\w.]*)?(?:\.min)?\.(?:js|css)$"
    r"|\.min\.(?:js|css)$",
    re.IGNORECASE,
)

_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|__tests__|testdata|fixtures)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_tests?|[^/]*[._-](?:test|spec)|[^/]*Tests?|conftest)\.\w+$"
)


def facts_of(text: str, path: str, language: str | None) -> tuple[CodeFacts, str | None]:
    """The facts, and the SPDX id that the file states (None when it states none)."""
    spdx, license_class = find_notice(text)
    facts = CodeFacts(
        language=language,
        license_class=license_class,
        is_generated=_GENERATED.search(text, 0, GENERATED_SCAN_CHARS) is not None,
        is_vendored=_VENDORED.search(path) is not None,
        is_minified=_is_minified(text, path),
        is_test=_TEST.search(path) is not None,
    )
    return facts, spdx


def _is_minified(text: str, path: str) -> bool:
    if re.search(r"[.-]min\.(?:js|css|mjs)$", path):
        return True
    lines = [len(line) for line in text.splitlines() if line.strip()]
    if not lines:
        return False
    return sum(lines) / len(lines) > MAX_MEAN_LINE_CHARS and max(lines) > MAX_LINE_CHARS
