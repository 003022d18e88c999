"""Tokenization: documents in, one row of int32 tokens each out, ending in exactly one EOD.

Text is text: the added tokens of a vocabulary (``<|endoftext|>`` and its like) are taken out of the
encoder, so that their names in a document become ordinary tokens and only this module can write an
end of document. Truncation, padding, templates and dropout that a ``tokenizer.json`` may carry are
left out too.
"""

import gzip
import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers

from mixtures.decoding import Bools, TokenBytes, find_decoded, find_exact, token_bytes
from mixtures.encoding import (
    ChosenEncoder,
    Encoded,
    ReferenceEncoder,
    Tokens,
    choose_encoder,
    hard_cases,
)
from mixtures.hashing import id_words, keyed_hashes
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

CHECKED_RATIO = 1 / 1_000
"""Documents that the fast encoder has encoded and `tokenizers` encodes again. At its 1 MB/s they
cost a millisecond for each megabyte of text, 3% of the time at 30 MB/s."""

_CHOOSING = threading.Lock()


@dataclass(frozen=True, eq=False, kw_only=True)
class Tokenizer:
    """A vocabulary and its encoder for plain text.

    ``sha256`` is of the uncompressed ``tokenizer.json``. ``added_tokens`` maps ids the encoder
    never gives to their names. ``unknown_id`` is given for what the vocabulary can't spell; None
    where there is no such token.
    """

    name: str
    sha256: str
    vocabulary_size: int
    eod_id: int
    pad_id: int
    unknown_id: int | None
    added_tokens: dict[int, str]
    _json: str
    _decoder: tokenizers.Tokenizer

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
            plain = json.dumps(_without_additions(raw))
            encoder = tokenizers.Tokenizer.from_str(plain)
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
            unknown_id=_unknown_id(raw["model"], encoder),
            added_tokens=added,
            _json=plain,
            _decoder=encoder,
        )

    @property
    def encoder(self) -> ChosenEncoder:
        """The encoder in use, chosen at first use: that takes a second."""
        with _CHOOSING:
            return self._chosen

    @cached_property
    def reference(self) -> ReferenceEncoder:
        """The encoder that defines this tokenizer's tokens."""
        return ReferenceEncoder(self._decoder)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of every text, without EOD; an empty text has none.

        Raises InvariantError if EOD or the pad token comes out, which a vocabulary that lists its
        added tokens among its ordinary ones could cause.
        """
        return self.encode_flat(texts).split()

    def encode_flat(self, texts: Sequence[str]) -> Encoded:
        """As :meth:`encode`, in one array."""
        encoded = self.encoder.encoder.encode(texts)
        is_reserved = (encoded.tokens == self.eod_id) | (encoded.tokens == self.pad_id)
        if is_reserved.any():
            row = int(np.searchsorted(encoded.offsets, np.argmax(is_reserved), side="right")) - 1
            raise InvariantError(
                f"tokenizer {self.name!r} gives the end-of-document or pad token for plain "
                f"text that begins {texts[row][:80]!r}"
            )
        return encoded

    def decode(self, tokens: Tokens) -> str:
        """Text of tokens, added tokens by their names; a character cut in two becomes U+FFFD."""
        return "".join(
            "".join(self.added_tokens[number] for number in run)
            if is_added
            else self._decoder.decode(list(run), skip_special_tokens=False)
            for is_added, run in groupby(tokens.tolist(), key=self.added_tokens.__contains__)
        )

    def find_exact(self, texts: pa.Array, encoded: Encoded) -> Bools:
        """Whether each text's tokens decode to the same bytes, or to those of its NFC form."""
        with _CHOOSING:
            table = self._token_bytes
        if table is None:
            return find_decoded(texts, encoded, self._decoder)
        return find_exact(texts, encoded, table)

    @cached_property
    def _chosen(self) -> ChosenEncoder:
        if self._truths is None:
            return ChosenEncoder(self.reference, "not compared: tokenizers fails on hard cases")
        return choose_encoder(self._json, self.reference, self._cases, self._truths)

    @cached_property
    def _token_bytes(self) -> TokenBytes | None:
        if self._truths is None:
            return None
        return token_bytes(self._decoder.get_vocab(), self._decoder, self._truths)

    @cached_property
    def _cases(self) -> list[str]:
        return hard_cases(self.added_tokens.values())

    @cached_property
    def _truths(self) -> list[Tokens] | None:
        """Tokens of the hard cases; None where some have none, as of words without an unknown."""
        try:
            return self.reference.encode(self._cases).split()
        except Exception:  # noqa: BLE001 - the library raises nothing more precise
            return None


class Tokenized(NamedTuple):
    """Rows of ``TOKENIZED_SCHEMA``, and whether each decodes to its text again."""

    rows: pa.RecordBatch
    is_exact: Bools


def tokenize(
    ids: pa.Array,
    texts: pa.Array,
    tokenizer: Tokenizer,
    *,
    first_row: int,
    is_first_checked: bool = False,
) -> Tokenized:
    """Tokenize a batch, row by row, and decode every document again.

    ``texts`` is a string or large_string array without nulls; ``first_row`` is the number of the
    batch's first row in its shard. One document in a thousand, chosen by its id, is encoded by
    `tokenizers` too, and so is the first of all if ``is_first_checked``; raises InvariantError
    where the encoder in use gave other tokens.
    """
    strings = texts.to_pylist()
    encoded = tokenizer.encode_flat(strings)
    _check_encoder(ids, strings, encoded, tokenizer, is_first_checked=is_first_checked)
    offsets = encoded.offsets + np.arange(len(encoded.offsets))
    batch = pa.RecordBatch.from_arrays(
        [
            ids.cast(pa.string()),
            pa.array(np.arange(first_row, first_row + len(ids), dtype=np.int64)),
            pa.LargeListArray.from_arrays(
                pa.array(offsets), pa.array(_with_eod(encoded, offsets, tokenizer.eod_id))
            ),
            pa.array(np.diff(offsets).astype(np.int32)),
            pc.binary_length(texts).cast(pa.int64()),
        ],
        schema=TOKENIZED_SCHEMA,
    )
    return Tokenized(batch, tokenizer.find_exact(texts, encoded))


def count_unknowns(tokens: pa.Array, tokenizer: Tokenizer) -> npt.NDArray[np.int64]:
    """Tokens of each row that stand for what the vocabulary can't spell, shape (rows,).

    ``tokens`` is a large_list array of int32 without nulls.
    """
    if tokenizer.unknown_id is None or not len(tokens):
        return np.zeros(len(tokens), np.int64)
    offsets = tokens.offsets.to_numpy()
    values = tokens.values.to_numpy()[offsets[0] : offsets[-1]]
    (positions,) = np.nonzero(values == tokenizer.unknown_id)
    rows = np.searchsorted(offsets - offsets[0], positions, side="right") - 1
    return np.bincount(rows, minlength=len(tokens))


def _with_eod(encoded: Encoded, offsets: npt.NDArray[np.int64], eod_id: int) -> Tokens:
    """The tokens with one EOD after each text; ``offsets`` are those of the result."""
    tokens = np.full(offsets[-1], eod_id, np.int32)
    bounds = zip(offsets[:-1].tolist(), encoded.split(), strict=True)
    for start, of_text in bounds:
        tokens[start : start + len(of_text)] = of_text
    return tokens


def _check_encoder(
    ids: pa.Array,
    texts: Sequence[str],
    encoded: Encoded,
    tokenizer: Tokenizer,
    *,
    is_first_checked: bool,
) -> None:
    """Encode a sample with `tokenizers` too; the same documents whatever the batches."""
    if tokenizer.encoder.encoder is tokenizer.reference:
        return
    hashes = keyed_hashes(id_words(ids), "checked encoder")
    is_chosen = hashes < np.uint64(2**64 * CHECKED_RATIO)
    is_chosen[:1] |= is_first_checked
    rows = np.flatnonzero(is_chosen).tolist()
    truth = tokenizer.reference.encode([texts[row] for row in rows]).split()
    found = encoded.split()
    for row, tokens in zip(rows, truth, strict=True):
        if not np.array_equal(found[row], tokens):
            raise InvariantError(
                f"document {ids[row]}: {tokenizer.encoder.encoder.name} gives other tokens than "
                f"{tokenizer.reference.name}; without the package fastokens the run goes on, "
                "slowly, and the text is worth a report to its authors"
            )


def _without_additions(raw: dict[str, Any]) -> dict[str, Any]:
    """What encodes plain text, and nothing that adds to it, cuts it or depends on chance."""
    model = raw["model"]
    if "dropout" in model:
        model = {**model, "dropout": None}
    nothing = dict.fromkeys(("truncation", "padding", "post_processor"))
    return {**raw, **nothing, "added_tokens": [], "model": model}


def _unknown_id(model: dict[str, Any], encoder: tokenizers.Tokenizer) -> int | None:
    """Unigram models name the unknown token by its id, all others by its content."""
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    content = model.get("unk_token")
    return None if content is None else encoder.token_to_id(content)


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
