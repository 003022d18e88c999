"""What a word is, in any script: the unit that the prose measures count.

A word is a run of letters, digits and the marks that belong to them, with apostrophes and hyphens
inside: ``don't``, ``state-of-the-art`` and Hindi words with their vowel signs are one each.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no spaces between words. A run of such
characters is cut, from its start, into pieces of a fixed length, each counted as one word: 2
characters in Chinese and Japanese, 4 in the others. These are round figures near the mean word
length of running text, taken by convention and not measured; they make ``words`` comparable
between scripts to within a factor of two, and repeated n-grams findable, which is all that the
rules need. No segmentation model is loaded, so the count never depends on a model's version.
"""

import functools
import re
import unicodedata
from itertools import chain

CHARS_PER_IDEOGRAPHIC_WORD = 2
CHARS_PER_SOUTHEAST_ASIAN_WORD = 4

_IDEOGRAPHIC = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_SOUTHEAST_ASIAN = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0eff\u1000-\u109f\u1780-\u17d3\uaa60-\uaa7f"
UNSPACED = re.compile(f"[{_IDEOGRAPHIC}{_SOUTHEAST_ASIAN}]")
"""A character of a script that puts no spaces between words."""

FIRST_UNSPACED = "\u0e01"
"""None of them comes before this one."""

# Latin, Greek, Cyrillic, Armenian, Hangul and symbols: no marks and no unspaced scripts, so that a
# simpler pattern, three times faster, finds the same words.
_PLAIN_TEXT = re.compile(
    "[\0-\u02ff\u0370-\u0482\u048a-\u058f\u2000-\u200b\u200e-\u20cf\u2100-\u2bff\uac00-\ud7a3\ufffc]*"
)
_PLAIN_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
MAX_REMEMBERED_CHARS = 32
"""Longer chunks are not kept: a text without blanks is one."""

_ABBREVIATIONS = (
    "Mr", "Mrs", "Ms", "Dr", "Prof", "Rev", "Gen", "Gov", "Sen", "Rep", "St", "Jr", "Sr", "Mt",
    "Inc", "Co", "Corp", "Ltd", "Bros", "vs", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug",
    "Sep", "Sept", "Oct", "Nov", "Dec",
)  # fmt: skip
_APOSTROPHE = "['\u2019]"
_PLAIN_TOKEN = re.compile(
    rf"""[^\W\d_]++(?![\w.:'\u2019])                           # most words, at once
    | [,;!?()"\u201c\u201d]
    | (?!(?:{"|".join(_ABBREVIATIONS)})\.)[^\W\d_]{{2,}}+(?=\.+(?!\w))  # at a sentence's end
    | https?://\S+
    | \w+?(?=n{_APOSTROPHE}t\b) | n{_APOSTROPHE}t\b              # is|n't
    | {_APOSTROPHE}(?:[smd]|re|ve|ll)\b                          # 's, 'll
    | \d+(?:[.,:/]\d+)+\w*                                      # 10,000.5, 1/2 and 11:30pm
    | (?:[^\W\d_]\.){{2,}} | \b[^\W\d_]\.(?!\w)                 # e.g., J.
    | (?:{"|".join(_ABBREVIATIONS)})\.(?!\w)
    | \w+(?:\.(?!(?<=[a-z]\.)[A-Z])\w+)+                       # example.org
    | \w+(?:{_APOSTROPHE}(?!(?:[smd]|re|ve|ll)\b)\w+)*          # o'clock
    | \.{{2,}} | -{{2,}} | [^\w\s]""",
    re.VERBOSE,
)
_WORD_START = re.compile(rf"[^\W_]|{UNSPACED.pattern}")
_MARK_CODES = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))  # the planes that have marks


def words(text: str) -> list[str]:
    """The words of ``text``, in order and as they are written.

    >>> words("It's 3.5 state-of-the-art -- isn't it?")
    ["It's", '3', '5', 'state-of-the-art', "isn't", 'it']
    """
    is_plain = text.isascii() or _PLAIN_TEXT.fullmatch(text) is not None
    return (_PLAIN_WORD if is_plain else _word()).findall(text)


def tokens(text: str) -> list[str]:
    """The words and the punctuation of ``text``, in order: what Gopher's ratios divide by.

    As spaCy's English tokenizer, which datatrove counts by, cuts prose: hyphens and clitics stand
    apart, numbers, dotted abbreviations and addresses of the web are one token. Its hundreds of
    special cases are left out but for a few. Words of other scripts are those of
    :func:`words`.

    >>> tokens("It's 3.5 well-known... isn't it?")
    ['It', "'s", '3.5', 'well', '-', 'known', '...', 'is', "n't", 'it', '?']
    """
    return list(chain.from_iterable(map(_cut_chunk, text.split())))


def _cut_chunk(chunk: str) -> tuple[str, ...]:
    """The tokens of what stands between blanks; most chunks of a text have been seen before."""
    return _cut(chunk) if len(chunk) > MAX_REMEMBERED_CHARS else _remembered(chunk)


def _cut(chunk: str) -> tuple[str, ...]:
    is_plain = chunk.isascii() or _PLAIN_TEXT.fullmatch(chunk) is not None
    return tuple((_PLAIN_TOKEN if is_plain else _token()).findall(chunk))


_remembered = functools.lru_cache(maxsize=1 << 16)(_cut)


def has_word(text: str) -> bool:
    """Whether :func:`words` finds anything, for less."""
    return _WORD_START.search(text) is not None


@functools.cache
def _word() -> re.Pattern[str]:
    """The pattern of a word; a function, because collecting the marks takes 20 ms."""
    letters = rf"[^\W_{_IDEOGRAPHIC}{_SOUTHEAST_ASIAN}]+"
    marks = f"[{_mark_ranges()}]"
    return re.compile(
        f"[{_IDEOGRAPHIC}]{{1,{CHARS_PER_IDEOGRAPHIC_WORD}}}"
        f"|[{_SOUTHEAST_ASIAN}]{{1,{CHARS_PER_SOUTHEAST_ASIAN_WORD}}}"
        rf"|{letters}(?:{marks}+(?:{letters})?|['\u2019-]{letters})*"
    )


@functools.cache
def _token() -> re.Pattern[str]:
    """Words of any script, and punctuation."""
    return re.compile(rf"{_word().pattern}|\.{{2,}}|-{{2,}}|[^\w\s]")


def _mark_ranges() -> str:
    """Combining marks and joiners as the inside of a character class.

    ``re`` does not count them as letters, so that words of most Indian scripts would fall apart.
    """
    unspaced = UNSPACED.fullmatch
    ranges: list[list[int]] = []
    for code in _MARK_CODES:
        character = chr(code)
        is_mark = code in (0x200C, 0x200D) or unicodedata.category(character).startswith("M")
        if not is_mark or unspaced(character):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)
