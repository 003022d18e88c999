"""Tokenization: documents in, one row of int32 tokens each out, ending in exactly one EOD.

Text is text: the added tokens of a vocabulary (``<|endoftext|>`` and its like) are taken out of the
encoder, so that their names in a document become ordinary tokens and only this module can write an
end of document. Truncation, padding and templates that a ``tokenizer.json`` may carry are left out
too.
"""

import gzip
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tokenizers

from pipeline.errors import ConfigError, InvariantError

TOKENIZED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),  # in the shard of documents it came from
        pa.field("tokens", pa.large_list(pa.int32()), nullable=False),  # the last one is EOD
        pa.field("num_tokens", pa.int32(), nullable=False),  # EOD included
        pa.field("text_bytes", pa.int64(), nullable=False),  # UTF-8, as given
    ]
)

MAX_PIECE_CHARS = 100_000
"""A longer document is encoded in pieces. Measured with tokenizers 0.23: the library's own state
takes about 60 bytes for each byte of text, and its time grows faster than the text (0.7 s for one
megabyte, 11 s for eight in one piece)."""

_CALL_CHARS = 1 << 20  # of one call of the library; bounds its memory to some 100 MB

# Where a piece may end: between a newline and a word or visible ASCII, or before the single space
# between two words. No pre-token of the GPT-4 family of patterns, Qwen's among them, spans either,
# none of them looks behind, and nothing composes across under NFC. Any other tokenizer is asked at
# every cut (``_is_harmless``).
_CUT = re.compile(r"(?<=\n)(?=[!-~\w])|(?<=\w)(?= \w)")
_CUT_CONTEXT_CHARS = 256

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Tokenizer:
    """A vocabulary and its encoder for plain text.

    ``sha256`` is of the uncompressed ``tokenizer.json``. ``added_tokens`` maps ids the encoder
    never gives to their names.
    """

    name: str
    sha256: str
    vocabulary_size: int
    eod_id: int
    pad_id: int
    added_tokens: dict[int, str]
    _encoder: tokenizers.Tokenizer
    _max_piece_chars: int = MAX_PIECE_CHARS

    @classmethod
    def load(cls, name_or_path: str, *, eod_token: str, pad_token: str) -> Self:
        """Load a shipped tokenizer by name, or a ``tokenizer.json[.gz]`` by path; no network.

        Raises ConfigError when there is no such file, when it is not a tokenizer, or when it lacks
        one of the two tokens as an added token.
        """
        text = _read(name_or_path)
        try:
            raw = json.loads(text)
            added = {token["id"]: token["content"] for token in raw["added_tokens"]}
            plain = {**raw, "added_tokens": [], "truncation": None, "padding": None}
            encoder = tokenizers.Tokenizer.from_str(json.dumps(plain))
        except Exception as error:  # the library raises plain Exception on a file it cannot read
            raise ConfigError(
                f"tokenizer {name_or_path!r} is not a tokenizer.json: {error}"
            ) from error
        ids = {content: number for number, content in added.items()}
        for field, token in (("eod_token", eod_token), ("pad_token", pad_token)):
            if token not in ids:
                raise ConfigError(
                    f"{field} {token!r} is not an added token of {name_or_path!r}; it has "
                    f"{', '.join(sorted(ids))}"
                )
        return cls(
            name=name_or_path,
            sha256=hashlib.sha256(text).hexdigest(),
            vocabulary_size=max(encoder.get_vocab_size(), max(added) + 1),
            eod_id=ids[eod_token],
            pad_id=ids[pad_token],
            added_tokens=added,
            _encoder=encoder,
        )

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of every text, without EOD; an empty text has none.

        Raises InvariantError if an added token comes out, which a vocabulary that lists its added
        tokens among its ordinary ones could cause.
        """
        pieces: list[str] = []
        owners: list[int] = []
        for owner, text in enumerate(texts):
            for piece in self._pieces(text):
                pieces.append(piece)
                owners.append(owner)
        encoded = list(self._encode_pieces(pieces))
        first_piece = np.searchsorted(owners, np.arange(len(texts) + 1))
        tokens = [np.concatenate(encoded[low:high]) for low, high in pairwise(first_piece)]
        self._check_plain(texts, tokens)
        return tokens

    def decode(self, tokens: Tokens) -> str:
        """Text of tokens, added tokens by their names; a character cut in two becomes U+FFFD."""
        return "".join(
            "".join(self.added_tokens[number] for number in run)
            if is_added
            else self._encoder.decode(list(run), skip_special_tokens=False)
            for is_added, run in groupby(tokens.tolist(), key=self.added_tokens.__contains__)
        )

    def count_mismatches(self, texts: Sequence[str], tokens: Sequence[Tokens]) -> int:
        """Texts whose tokens do not decode to the same bytes, or to those of their NFC form."""
        decoded = self._encoder.decode_batch(
            [tokens_of_text.tolist() for tokens_of_text in tokens], skip_special_tokens=False
        )
        return sum(
            back != text and back != unicodedata.normalize("NFC", text)
            for text, back in zip(texts, decoded, strict=True)
        )

    def _encode_pieces(self, pieces: Sequence[str]) -> Iterator[Tokens]:
        call: list[str] = []
        call_chars = 0
        for piece in pieces:
            if call and call_chars + len(piece) > _CALL_CHARS:
                yield from self._encode_call(call)
                call, call_chars = [], 0
            call.append(piece)
            call_chars += len(piece)
        yield from self._encode_call(call)

    def _encode_call(self, texts: list[str]) -> Iterator[Tokens]:
        for encoding in self._encoder.encode_batch_fast(texts, add_special_tokens=False):
            yield np.array(encoding.ids, np.int32)

    def _pieces(self, text: str) -> Iterator[str]:
        """Split a long text where encoding the pieces gives the tokens of the whole."""
        start = 0
        while len(text) - start > self._max_piece_chars:
            cut = self._last_cut(text, start)
            if cut is None:
                break
            yield text[start:cut]
            start = cut
        yield text[start:]

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
        whole, left, right = self._encode_call([text[low:high], text[low:cut], text[cut:high]])
        return np.array_equal(whole, np.concatenate([left, right]))

    def _check_plain(self, texts: Sequence[str], tokens: list[Tokens]) -> None:
        reserved = np.array([self.eod_id, self.pad_id])
        for text, tokens_of_text in zip(texts, tokens, strict=True):
            if np.isin(tokens_of_text, reserved).any():
                raise InvariantError(
                    f"tokenizer {self.name!r} gives the end-of-document or pad token for plain "
                    f"text that begins {text[:80]!r}"
                )


@dataclass(frozen=True)
class TokenizationCounts:
    """What a batch came to; ``tokens`` includes one EOD a document."""

    documents: int
    tokens: int
    text_bytes: int
    round_trip_mismatches: int


def tokenize(
    ids: pa.Array, texts: pa.Array, tokenizer: Tokenizer, *, first_row: int
) -> tuple[pa.RecordBatch, TokenizationCounts]:
    """Tokenize a batch: ``TOKENIZED_SCHEMA``, as many rows, and what they add up to.

    ``texts`` is a string or large_string array without nulls; ``first_row`` is the number of the
    batch's first row in its shard. Every document is decoded again and compared.
    """
    strings = texts.to_pylist()
    tokens = tokenizer.encode(strings)
    num_tokens = np.array([len(of_text) + 1 for of_text in tokens], np.int64)
    eod = np.array([tokenizer.eod_id], np.int32)
    values = [part for of_text in tokens for part in (of_text, eod)]
    offsets = np.concatenate([[0], np.cumsum(num_tokens)]).astype(np.int64)
    text_bytes = np.array([len(text.encode()) for text in strings], np.int64)
    batch = pa.RecordBatch.from_arrays(
        [
            ids.cast(pa.string()),
            pa.array(np.arange(first_row, first_row + len(ids), dtype=np.int64)),
            pa.LargeListArray.from_arrays(
                pa.array(offsets), pa.array(np.concatenate(values or [eod[:0]]))
            ),
            pa.array(num_tokens.astype(np.int32)),
            pa.array(text_bytes),
        ],
        schema=TOKENIZED_SCHEMA,
    )
    return batch, TokenizationCounts(
        documents=len(ids),
        tokens=int(num_tokens.sum()),
        text_bytes=int(text_bytes.sum()),
        round_trip_mismatches=tokenizer.count_mismatches(strings, tokens),
    )


def _read(name_or_path: str) -> bytes:
    folder = files("mixtures") / "tokenizers"
    shipped: Any = folder / f"{name_or_path}.tokenizer.json.gz"
    path = Path(name_or_path)
    if path.name == name_or_path and shipped.is_file():
        return gzip.decompress(shipped.read_bytes())
    if not path.is_file():
        names = sorted(
            entry.name.removesuffix(".tokenizer.json.gz")
            for entry in folder.iterdir()
            if entry.name.endswith(".tokenizer.json.gz")
        )
        raise ConfigError(
            f"tokenizer {name_or_path!r} is neither shipped ({', '.join(names)}) nor a file; give "
            "the path of a tokenizer.json or tokenizer.json.gz"
        )
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content
