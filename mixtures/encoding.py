"""Encoders: plain texts in, the ids of their tokens out, in one flat array.

`tokenizers` is the truth. Of a byte-level vocabulary `fastokens` gives the same ids some fifty
times faster; whether it does so for a given ``tokenizer.json`` is found out, not listed: both
encode :func:`hard_cases`, and on any difference or refusal `tokenizers` does all the work.
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import islice, pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import tokenizers

try:
    import fastokens
except ImportError:  # no wheel for this platform
    fastokens = None

Tokens = npt.NDArray[np.int32]

MAX_PIECE_CHARS = 100_000
"""`tokenizers` encodes a longer document in pieces. Measured with 0.23: the library's own state
takes about 60 bytes for each byte of text, and its time grows faster than the text (0.7 s for one
megabyte, 11 s for eight in one piece)."""

_REFERENCE_CALL_CHARS = 1 << 20  # bounds the memory of a call to some 100 MB

# A document of 50 MB in one call: 0.9 CPU seconds and 180 MB, so texts are never cut; the bound
# is for batches of many large ones.
_FAST_CALL_CHARS = 1 << 24

# Where a piece may end: between a newline and a word or visible ASCII, or before the single space
# between two words. No pre-token of the GPT-4 family of patterns, Qwen's among them, spans either,
# none of them looks behind, and nothing composes across under NFC. Any other tokenizer is asked at
# every cut (``_is_harmless``).
_CUT = re.compile(r"(?<=\n)(?=[!-~\w])|(?<=\w)(?= \w)")
_CUT_CONTEXT_CHARS = 256

_RANDOM_CASES = 1_000
_MAX_RANDOM_CHARS = 80


class Encoded(NamedTuple):
    """Tokens of texts, one after the other: text ``i`` has ``tokens[offsets[i] : offsets[i + 1]]``.

    ``tokens`` is int32 of shape (tokens,), ``offsets`` int64 of shape (texts + 1,), from 0 on.
    """

    tokens: Tokens
    offsets: npt.NDArray[np.int64]

    def split(self) -> list[Tokens]:
        """Tokens of each text, as views."""
        return [self.tokens[low:high] for low, high in pairwise(self.offsets.tolist())]


class Encoder(Protocol):
    """Encodes any texts, the empty one to no tokens; safe to call from several threads."""

    @property
    def name(self) -> str:
        """Library and version."""

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Tokens of every text; no token is added, and names of added tokens are text."""


class ReferenceEncoder:
    """`tokenizers`: serves every ``tokenizer.json``, at about 1 MB of text a second and core."""

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, *, max_piece_chars: int = MAX_PIECE_CHARS
    ) -> None:
        self._tokenizer = tokenizer
        self._max_piece_chars = max_piece_chars

    @property
    def name(self) -> str:
        """Library and version."""
        return f"tokenizers {tokenizers.__version__}"

    def encode(self, texts: Sequence[str]) -> Encoded:
        """Long texts are encoded in pieces that give the tokens of the whole."""
        pieces: list[str] = []
        first_piece = [0]
        for text in texts:
            pieces += self.pieces(text)
            first_piece.append(len(pieces))
        calls = _calls(pieces, max_chars=_REFERENCE_CALL_CHARS)
        encoded = _joined(self._encode_call(call) for call in calls)
        return Encoded(encoded.tokens, encoded.offsets[first_piece])

    def pieces(self, text: str) -> Iterator[str]:
        """Split a long text where encoding the pieces gives the tokens of the whole."""
        start = 0
        while len(text) - start > self._max_piece_chars:
            cut = self._last_cut(text, start)
            if cut is None:
                break
            yield text[start:cut]
            start = cut
        yield text[start:]

    def _encode_call(self, texts: list[str]) -> Encoded:
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        tokens = [np.array(encoding.ids, np.int32) for encoding in encodings]
        return Encoded(np.concatenate(tokens), _offsets_of([len(one) for one in tokens]))

    def _last_cut(self, text: str, start: int) -> int | None:
        """The last harmless cut within a piece's length of ``start``; then the first beyond it."""
        end = start + self._max_piece_chars
        within = [match.start() for match in _CUT.finditer(text, start + 1, end)]
        beyond = (match.start() for match in _CUT.finditer(text, end))
        for candidates in (reversed(within[-8:]), islice(beyond, 8)):
            for cut in candidates:
                if self._is_harmless(text, cut):
                    return cut
        return None

    def _is_harmless(self, text: str, cut: int) -> bool:
        low, high = max(cut - _CUT_CONTEXT_CHARS, 0), cut + _CUT_CONTEXT_CHARS
        around = [text[low:high], text[low:cut], text[cut:high]]
        whole, left, right = self._encode_call(around).split()
        return np.array_equal(whole, np.concatenate([left, right]))


class FastEncoder:
    """`fastokens`: exact for the tokenizers that :func:`choose_encoder` finds it exact for.

    It lets go of the interpreter lock and shares one pool of threads among all callers of a
    process. Measured with 0.3.5 and Qwen's vocabulary, on source code and documentation: 120 to
    240 MB a CPU second; 20 to 30 on words that never come twice.
    """

    def __init__(self, tokenizer_json: str) -> None:
        """Raises whatever the library raises for a file that it can't serve."""
        if fastokens is None:
            raise ImportError("not installed")
        self._tokenizer = fastokens.Tokenizer.from_json_str(tokenizer_json)

    @property
    def name(self) -> str:
        """Library and version."""
        return f"fastokens {version('fastokens')}"

    def encode(self, texts: Sequence[str]) -> Encoded:
        """No text is cut, however long."""
        return _joined(
            self._encode_call(call) for call in _calls(texts, max_chars=_FAST_CALL_CHARS)
        )

    def _encode_call(self, texts: list[str]) -> Encoded:
        ids, offsets = self._tokenizer.encode_batch_flat(texts)
        return Encoded(np.frombuffer(ids, "<i4"), np.frombuffer(offsets, "<i8"))


class ChosenEncoder(NamedTuple):
    """The encoder to use, and why it isn't the fast one (None: it is)."""

    encoder: Encoder
    refusal: str | None

    def __str__(self) -> str:
        """For the report: ``fastokens 0.3.5``, or ``tokenizers 0.23.3 (fastokens: ...)``."""
        said = "" if self.refusal is None else f" (fastokens: {self.refusal})"
        return f"{self.encoder.name}{said}"


def choose_encoder(
    tokenizer_json: str, reference: ReferenceEncoder, cases: Sequence[str], truths: Sequence[Tokens]
) -> ChosenEncoder:
    """The fast encoder if it gives the reference's tokens, ``truths``, for every one of ``cases``.

    ``tokenizer_json`` is without added tokens.
    """
    try:
        fast = FastEncoder(tokenizer_json)
        found = fast.encode(cases).split()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of the library is no Exception
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ChosenEncoder(reference, reason)
    for case, one, truth in zip(cases, found, truths, strict=True):
        if not np.array_equal(one, truth):
            return ChosenEncoder(reference, f"other tokens for {case[:40]!a}")
    return ChosenEncoder(fast, None)


def hard_cases(added_tokens: Iterable[str] = ()) -> list[str]:
    """Texts on which encoders have been seen to differ, the same ones every time.

    Names of added tokens; characters that compose, reorder or compose no more under NFC, some of
    them only since a later Unicode than `tokenizers` knows (gigatoken 0.10 fails on these); zero
    width, spaces and line ends of every kind; runs longer than any token; code; and 1,000 strings
    of random characters.
    """
    return [*map("".join, _written_cases(list(added_tokens))), *_random_cases()]


def _written_cases(added_tokens: list[str]) -> Iterator[Sequence[str]]:
    yield ("",)
    for name in added_tokens:
        yield name, " ", name, "\n", name, name[:-1], "a", name, "b ", name.upper()
    for part in _PARTS:
        yield (part,)
        yield "a", part, "b ", part, " ", part, "\n", part
        yield (part * 70,)
    yield _PARTS
    yield _PARTS[::-1]
    yield ("a" * 5_000, " ", "ab" * 3_000, " ", "\u4f60\u597d" * 2_000)
    yield (" " * 3_000, "x", "\n" * 3_000, "x", "\t" * 500, "x", "\r\n" * 500)
    yield ("7" * 3_000, ".", "=" * 3_000, "e\u0301" * 1_000, "\U0001f600" * 1_000)
    yield (_CODE * 3,)


_PARTS = (
    "e\u0301",
    "\u00e9",
    "\u212b",
    "\ufb01",
    "\u1112\u1161\u11ab",
    "\u0344",
    "\u05a9\u0c3c",
    "\u302a\u0eba",
    "\u1ad4\u0eb8",
    "q\u0323\u0307",
    "q\u0307\u0323",
    "\u0915\u093c",
    "\u0130",
    "'\u017f",
    "\u01c5",
    "\u00df",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u00ad",
    "\u2060",
    "\U0001f469\u200d\U0001f4bb",
    "\U0001f1e9\U0001f1ea",
    "\u2764\ufe0f",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002",
    "\u3053\u3093\u306b\u3061\u306f",
    "\uc548\ub155\ud558\uc138\uc694",
    "\u0645\u0631\u062d\u0628\u0627\u064b",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u041f\u0440\u0438\u0432\u0435\u0442",
    " ",
    "   ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\n\n \n",
    " \n ",
    "\x0b",
    "\x0c",
    "\x1c\x1d",
    "\x85",
    "\u00a0",
    "\u2003\u2003",
    "\u2028",
    "\u3000",
    "\x00",
    "\x7f",
    "\ufffd",
    "\ufffe",
    "\U0010ffff",
    "12345",
    "3.14159",
    "1,000",
    "\u0661\u0662\u0663",
    "\u00bd",
    "\u2167",
    "\U0001d7d9",
    "don't",
    "I'LL",
    "'S",
    "''",
    "_a_",
    "CamelCaseWord",
    "!!!",
    "--",
    " ...",
    "$\\frac{1}{2}$",
    "<b>",
    "</",
    "\\n",
    "\u2581",
    "\u2581a",
    "\u0120",
    "\u010a",
)

_CODE = (
    "def f(x: int) -> int:\n    return x + 12  # \u4f60\u597d\n\n\n"
    "\tif (a[0] != 'b') { printf(\"%d\\n\", i++); }\r\n"
    "SELECT * FROM t WHERE a >= 1e-9;  \n"
    "https://example.org/?q=a%20b&c=d#e\n"
)

_ALPHABETS: tuple[Sequence[int], ...] = (
    range(0x20, 0x7F),
    range(0x80, 0x3100),
    range(0x09, 0x0E),
    range(0x300, 0x370),
    (*range(0xD800), *range(0xE000, 0x110000, 7)),
)


def _random_cases() -> Iterator[str]:
    source = random.Random(0)  # noqa: S311 - variety, not secrecy
    for _ in range(_RANDOM_CASES):
        length = source.randrange(_MAX_RANDOM_CHARS)
        yield "".join(chr(source.choice(source.choice(_ALPHABETS))) for _ in range(length))


def _calls(texts: Sequence[str], *, max_chars: int) -> Iterator[list[str]]:
    """Divide texts into runs of at most ``max_chars`` characters, a longer one by itself."""
    call: list[str] = []
    call_chars = 0
    for text in texts:
        if call and call_chars + len(text) > max_chars:
            yield call
            call, call_chars = [], 0
        call.append(text)
        call_chars += len(text)
    if call:
        yield call


def _joined(parts: Iterable[Encoded]) -> Encoded:
    found = list(parts)
    if len(found) == 1:
        return found[0]
    lengths = [np.diff(part.offsets) for part in found]
    return Encoded(
        np.concatenate([np.empty(0, np.int32), *(part.tokens for part in found)]),
        _offsets_of(np.concatenate([np.empty(0, np.int64), *lengths])),
    )


def _offsets_of(lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
