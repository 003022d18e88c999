"""What can be measured of a generated text without a model: copies, loops, slips, leftovers.

Measures, not verdicts: a strategy names the bounds it wants kept, a recipe may judge by any.
``grounding``, ``scripts`` and ``language_mixing`` hold those that need more than counting. What
they find in natural texts and in planted faults: ``python -m benchmarks.text_checks``.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xxhash

from synth.verification.grounding import grounding_of
from synth.verification.language_mixing import languages_of
from synth.verification.scripts import foreign_script_ratio

UInt64Array = npt.NDArray[np.uint64]

COPY_WORDS = 8
"""Words in a row that count as copied: MinHash and decontamination of public corpora take 5 to 13;
at eight, terms, formulas and idioms of a subject are no copies, sentences are."""

REPEAT_WORDS = 10
"""Words in a row that count as repeated where they stand again (components of degenerate text;
Gopher's rules, arXiv 2112.11446, look at 5 to 10)."""

MIN_LOOP_UNITS = 3
"""Times that a piece stands in a row at the end before it is a loop."""

MAX_LOOP_UNIT_CHARS = 400
LOOP_WINDOW_CHARS = 8000
"""Of the end of a text, where a loop would be."""

_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)
"""Odd, so that no bit of a word is lost (2 to the 64 over the golden ratio)."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+", re.UNICODE)
_FENCED = re.compile(r"^(`{3,}|~{3,})", re.MULTILINE)
_REFUSAL = re.compile(
    r"(?<![a-z])(?=[aim])(?:as an? (?:ai|artificial intelligence|language)(?: language)? (?:model"
    r"|assistant)|as an ai(?=[,. ])|i(?:'m| am) (?:just |only )?an? (?:ai|language model)(?![a-z])"
    r"|i(?:'m| am) (?:very |really |so )?(?:sorry|afraid),? (?:but )?(?:that )?(?:i|this"
    r"|as)(?![a-z])"
    r"|i apologi[sz]e,? (?:but|for)(?![a-z])"
    r"|i (?:can(?:no|')t|cannot|am unable to|am not able to|won't|will not|must decline to) (?:help"
    r"|assist|comply|provide|fulfill|answer|continue|generate|create|discuss|engage|write)(?![a-z])"
    r"|i (?:do not|don't) have (?:access to|the ability|enough information)"
    r"|my (?:training data|knowledge cutoff))"
    r"|\u4f5c\u4e3a\u4e00\u4e2a?(?:\u4eba\u5de5\u667a\u80fd|ai|\u8bed\u8a00\u6a21\u578b)"
    r"|(?:\u62b1\u6b49|\u5bf9\u4e0d\u8d77)[\uff0c,]\s*\u6211(?:\u65e0\u6cd5|\u4e0d\u80fd)"
)
"""Of text in lower case with straight apostrophes."""

_SOURCE = r"(?:text|passage|document|excerpt|context|article|material|snippet)"
_META = re.compile(
    r"(?<![a-z])(?=[abcfghiloprstuy])(?:"
    rf"(?:the |this |your )(?:provided|given|above|original|source) {_SOURCE}(?![a-z])"
    rf"|(?:the|this) {_SOURCE} (?:also |then |only )?(?:says|states|mentions|describes|explains"
    rf"|notes"
    r"|discusses|provides|highlights|emphasi[sz]es|presents|outlines|argues|claims|suggests"
    r"|does not"
    r"|doesn't|begins|concludes)(?![a-z])"
    rf"|(?:according to|based on|as (?:mentioned|stated|described|noted|discussed) in) (?:the|this)"
    rf" (?:provided |given |above )?(?:{_SOURCE}|information provided)(?![a-z])"
    rf"|(?:in|from) (?:the|this) (?:passage|excerpt|provided {_SOURCE})(?![a-z])"
    r"|the author (?:says|states|mentions|describes|explains|argues|writes|notes|claims)(?![a-z])"
    r"|(?:certainly|sure|of course|absolutely)[!,] (?:here|i(?![a-z])|let me)"
    r"|here(?:'s| is| are) (?:the|a|an|your) (?:\w+ )?(?:rewritten|revised|rewrite|version|section"
    r"|conversation|dialogue|questions?|answers?|summary)(?![a-z])"
    r"|i hope (?:this|that) helps(?![a-z])|let me know if you(?![a-z])|feel free to (?:ask"
    r"|reach out)"
    r"|(?:user|assistant|human|instruction|response):\s)"
)
"""As ``_REFUSAL``. "The text" alone is no such phrase: technical prose speaks of texts, documents
and contexts of its own; with what it says, or who provided it, it is."""

_ENVIRONMENT = re.compile(r"\\(begin|end)\{([a-zA-Z*]+)\}")
_SENTENCE_ENDS = frozenset(
    ".!?:;)]}>\"'`*|$\u2019\u201d\u00bb\u3002\uff01\uff1f\uff09\u300d\u300f\u2026"
    "\u06d4\u061f\u0964\u0965\u0589\u104b\u1362\u17d4"  # Arabic to Khmer
)
_CREDIT = re.compile(
    r"(?:https?://|www\.)\S+$|\S+@\S+\.\w+$|[^\w\s,;\u2013\u2014-]\W*$|\b[A-Z]{2,}$"
)
"""Ends of a last line that is no sentence cut short: an address, a mark, an abbreviation."""

_UNSTOPPED = re.compile(r"[\u0e00-\u0eff]$")
"""Thai and Lao set no mark behind a sentence."""

_OTHER_SCRIPT = re.compile(r"[\u0370-\u1dff\u2e80-\ud7ff\uf900-\ufdff\uff66-\uffdc]")
_TELLING_WORD = re.compile(r"[^\W\d_]{3,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, kw_only=True)
class TextMeasures:
    """Of one generated text; None where there is nothing to measure it by.

    Ratios run from 0 to 1. ``copy_ratio`` is the share of the words that lie in runs of
    ``COPY_WORDS`` or more which the source has too; ``repetition_ratio`` those in runs of
    ``REPEAT_WORDS`` that stood in the text before. ``compression_ratio`` is zlib's, small where
    text repeats. ``grounded_ratio`` of ``checkable`` particulars are in the source.
    """

    copy_ratio: float | None
    longest_copied_words: int | None
    grounded_ratio: float | None
    checkable: int | None
    repetition_ratio: float
    loop_chars: int
    compression_ratio: float | None
    foreign_script_ratio: float
    language: str | None
    is_language_switched: bool | None
    num_refusals: int
    num_meta_phrases: int
    prompt_echo_ratio: float | None
    is_unfinished: bool


def measure_text(text: str, *, source: str | None, prompt: str | None) -> TextMeasures:
    """Measure ``text``; ``source`` is what it was made of, ``prompt`` the instruction alone.

    Both may be None, and so are then the measures that compare with them.
    """
    spelled = words_of(text)
    words = hash_words(spelled)
    language, is_switched = languages_of(text, source)
    plain = text.lower().replace("\u2019", "'")
    copied = None if not source else copied_runs(words, _known_words(source), COPY_WORDS)
    echoed = None if not prompt else copied_runs(words, _known_words(prompt), COPY_WORDS)
    grounding = None if not source else grounding_of(text, source)
    return TextMeasures(
        copy_ratio=None if copied is None else _share(copied, len(words)),
        longest_copied_words=None if copied is None else max(copied, default=0),
        grounded_ratio=None if grounding is None else grounding.ratio,
        checkable=None if grounding is None else grounding.num_checkable,
        repetition_ratio=repetition_ratio(spelled, words),
        loop_chars=loop_chars(text),
        compression_ratio=compression_ratio(text),
        foreign_script_ratio=foreign_script_ratio(text, source)
        if _OTHER_SCRIPT.search(text)
        else 0.0,
        language=language,
        is_language_switched=is_switched,
        num_refusals=len(_REFUSAL.findall(plain)),
        num_meta_phrases=len(_META.findall(plain)),
        prompt_echo_ratio=None if echoed is None else _share(echoed, len(words)),
        is_unfinished=is_unfinished(text),
    )


def words_of(text: str) -> list[str]:
    """Words in lower case without punctuation.

    A character of Chinese, Japanese or Korean is a word.
    """
    words: list[str] = _WORD.findall(text.lower())
    return words


def hash_words(words: Sequence[str]) -> UInt64Array:
    """A hash of each word [words]."""
    hashes = {word: xxhash.xxh3_64_intdigest(word.encode()) for word in set(words)}
    return np.fromiter(map(hashes.__getitem__, words), np.uint64, len(words))


@lru_cache(maxsize=8)
def _known_words(text: str) -> UInt64Array:
    """Of a source or a prompt, which many samples in a row are compared with."""
    return hash_words(words_of(text))


def copied_runs(words: UInt64Array, source: UInt64Array, length: int) -> list[int]:
    """Lengths of the longest runs of ``words``, from ``length`` words on, that ``source`` holds."""
    is_known = np.isin(_grams(words, length), _grams(source, length))
    runs: list[int] = []
    end = 0  # of the last run
    for start in np.flatnonzero(is_known).tolist():
        if runs and start < end:
            runs[-1] += start + length - end
        else:
            runs.append(length)
        end = start + length
    return runs


def repetition_ratio(spelled: Sequence[str], words: UInt64Array) -> float:
    """Share of the words in a run of ``REPEAT_WORDS`` that has stood in the text before.

    ``words`` are the hashes of ``spelled``. Half of a run must be words of three letters or more:
    rows of numbers, matrices and steps of a calculation are alike without being repeated.
    """
    grams = _grams(words, REPEAT_WORDS)
    is_repeated = np.ones(len(grams), bool)
    is_repeated[np.unique(grams, return_index=True)[1]] = False
    if not is_repeated.any():
        return 0.0
    telling = {word: _TELLING_WORD.match(word) is not None for word in set(spelled)}
    is_telling = np.fromiter(map(telling.__getitem__, spelled), bool, len(spelled))
    num_telling = np.convolve(is_telling, np.ones(REPEAT_WORDS, np.int64), "valid")
    starts = np.flatnonzero(is_repeated & (2 * num_telling >= REPEAT_WORDS))
    covered = np.zeros(len(words) + 1, np.int64)
    np.add.at(covered, starts, 1)
    np.add.at(covered, starts + REPEAT_WORDS, -1)
    return float((np.cumsum(covered)[:-1] > 0).mean())


def loop_chars(text: str) -> int:
    r"""Characters at the end that are one piece over and over; 0 where there is no loop.

    >>> loop_chars("It is 4! " + "Wait, no. " * 5), loop_chars("1, 2, 3, 4, 5")
    (51, 0)
    """
    tail = text[-LOOP_WINDOW_CHARS:]
    best = 0
    for unit in range(1, min(MAX_LOOP_UNIT_CHARS, len(tail) // MIN_LOOP_UNITS) + 1):
        # The last piece may be cut, so the period is what counts: each character equals the one
        # a piece before it.
        if tail[-1] != tail[-1 - unit] or tail[-unit:] != tail[-2 * unit : -unit]:
            continue
        length = 2 * unit
        while length < len(tail) and tail[-length - 1] == tail[-length - 1 + unit]:
            length += 1
        if length >= MIN_LOOP_UNITS * unit and _is_telling(tail[-unit:], length):
            best = max(best, length)
    return best


def _is_telling(unit: str, length: int) -> bool:
    """Whether a repeated piece is no mere line of dashes, spaces or dots of a table."""
    return any(char.isalnum() for char in unit) and length >= 20  # noqa: PLR2004 - "111111" is none


def compression_ratio(text: str) -> float | None:
    """Compressed bytes per byte; None below 200 bytes, where headers decide it."""
    data = text.encode("utf-8", "replace")
    return len(zlib.compress(data, 6)) / len(data) if len(data) >= 200 else None  # noqa: PLR2004


def is_unfinished(text: str) -> bool:
    r"""Whether a text stops in the middle: of a fence, an environment, a formula or a sentence.

    A last line without a final stop counts only where it is long enough to be a sentence.
    """
    if len(_FENCED.findall(text)) % 2:
        return True
    opened = sum(1 if kind == "begin" else -1 for kind, _ in _ENVIRONMENT.findall(text))
    if opened > 0 or text.count("$$") % 2:
        return True
    last = text.rstrip().rpartition("\n")[2].strip()
    is_prose = len(last.split()) >= 8 and last[:1] not in "|#>-*+"  # noqa: PLR2004 - a sentence
    if not is_prose or last[-1] in _SENTENCE_ENDS or _UNSTOPPED.search(last):
        return False
    return _CREDIT.search(last) is None


def _grams(words: UInt64Array, length: int) -> UInt64Array:
    """A hash of each run of ``length`` words, [words - length + 1]; none where there are fewer."""
    num_grams = max(0, len(words) - length + 1)
    grams = np.zeros(num_grams, np.uint64)
    for place in range(length):
        grams = grams * _MULTIPLIER + words[place : place + num_grams]
    return grams


def _share(runs: list[int], total: int) -> float:
    return sum(runs) / total if total else 0.0
