"""Whether a text slips into another script, as reasoning models do.

MiMo-7B drops responses of mixed languages (arXiv 2505.07608, section 3.1). Letters of formulas and
code are no slips; a Chinese word in an English sentence is. ``language_mixing`` tells languages of
one script apart.
"""

import re
from collections import Counter

_SCRIPTS = {
    "latin": r"A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "cyrillic": r"\u0400-\u052f",
    "greek": r"\u0370-\u03ff\u1f00-\u1fff",
    "han": r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "kana": r"\u3040-\u30ff",
    "hangul": r"\uac00-\ud7af\u1100-\u11ff",
    "arabic": r"\u0600-\u06ff\u0750-\u077f",
    "hebrew": r"\u0590-\u05ff",
    "devanagari": r"\u0900-\u097f",
    "thai": r"\u0e00-\u0e7f",
}
_LETTERS = re.compile("|".join(f"(?P<{name}>[{chars}]+)" for name, chars in _SCRIPTS.items()))
_NO_PROSE = re.compile(
    r"(?:^|\n)(`{3,}|~{3,}).*?(?:\n\1|\Z)|`[^`\n]+`|\$\$.*?\$\$|\$[^$\n]+\$"
    r"|\\\[.*?\\\]|\\\(.*?\\\)|https?://\S+",
    re.DOTALL,
)
_WORDS_PER_LETTER = {"han": 3}
"""A Chinese character says about as much as three letters: a text of both is of the language that
says more in it."""

_TOGETHER = {"kana": "han", "hangul": "han"}
"""Scripts that are written in one language with another."""


def prose_of(text: str) -> str:
    """``text`` without fenced and inline code, formulas and addresses."""
    return _NO_PROSE.sub(" ", text)


def letters_by_script(text: str) -> Counter[str]:
    """Letters of the prose of ``text`` by script. Greek letters are symbols, and left out."""
    counts: Counter[str] = Counter()
    for match in _LETTERS.finditer(prose_of(text)):
        name = match.lastgroup or ""
        counts[_TOGETHER.get(name, name)] += len(match.group())
    del counts["greek"]
    return counts


def foreign_script_ratio(text: str, source: str | None) -> float:
    """Share of the letters in scripts that are neither the text's main one nor in the source.

    A script of the source is one that at least a hundredth of its letters belong to. Latin letters
    are names and abbreviations in every language, and never foreign.
    """
    counts = letters_by_script(text)
    total = sum(counts.values())
    if not total:
        return 0.0
    main = max(counts, key=lambda name: (counts[name] * _WORDS_PER_LETTER.get(name, 1), name))
    known = {main, "latin"}
    if source:
        of_source = letters_by_script(source)
        least = sum(of_source.values()) / 100
        known |= {name for name, count in of_source.items() if count >= least}
    return sum(count for name, count in counts.items() if name not in known) / total
