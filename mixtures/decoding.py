"""Round trips: do the tokens of a text decode to its own bytes again?

Of a byte-level vocabulary every token is a string of bytes, so a table and a comparison of bytes
answer that without a decoder. Whether a tokenizer is of that kind is found out, not listed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tokenizers
from tokenizers.normalizers import NFC

from mixtures.encoding import Encoded, Tokens
from pipeline.compilation import compile_kernel

Bools = npt.NDArray[np.bool_]
Offsets = npt.NDArray[np.int64]


def _byte_characters() -> dict[int, int]:
    """The printable character that stands for each byte in a byte-level vocabulary, inverted.

    Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), `encoder.py`:
    visible Latin-1 stands for itself, the other bytes for U+0100 onward in order.
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(0x100) if byte not in visible]
    return {byte: byte for byte in visible} | {
        0x100 + number: byte for number, byte in enumerate(hidden)
    }


_BYTE_OF = _byte_characters()


class ByteStrings(NamedTuple):
    """Strings of bytes in a row, of texts or of token ids: ``data[offsets[i] : offsets[i + 1]]``.

    ``data`` is uint8, ``offsets`` int64 of shape (strings + 1,). An id that is not in use has an
    empty string.
    """

    data: npt.NDArray[np.uint8]
    offsets: Offsets

    def join(self, numbers: npt.NDArray[np.integer]) -> bytes:
        """The strings of these numbers, one after the other."""
        starts = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - starts
        ends = np.cumsum(lengths)
        positions = np.repeat(starts - ends + lengths, lengths) + np.arange(lengths.sum())
        return bytes(self.data[positions])


def token_bytes(
    vocabulary: Mapping[str, int], decoder: tokenizers.Tokenizer, samples: Sequence[Tokens]
) -> ByteStrings | None:
    """The table of a byte-level vocabulary; None for any other.

    Every character must stand for a byte, and ``decoder`` must give the table's bytes for all ids
    in a row, twice, and for each of ``samples``. An undecodable byte is U+FFFD on both sides.
    """
    by_id = sorted((number, token) for token, number in vocabulary.items())
    if not by_id:
        return None
    joined = "".join(token for _, token in by_id)
    if not all(ord(character) in _BYTE_OF for character in set(joined)):
        return None
    ids = np.array([number for number, _ in by_id])
    lengths = np.zeros(ids[-1] + 1, np.int64)
    lengths[ids] = [len(token) for _, token in by_id]
    table = ByteStrings(
        np.frombuffer(joined.translate(_BYTE_OF).encode("latin-1"), np.uint8),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )
    for tokens in (np.tile(ids, 2), *samples):
        decoded = decoder.decode(tokens.tolist(), skip_special_tokens=False)
        if table.join(tokens).decode(errors="replace") != decoded:
            return None
    return table


def find_exact(texts: pa.Array, encoded: Encoded, table: ByteStrings) -> Bools:
    """Whether the tokens of each text are its own UTF-8 or that of its NFC form, shape (texts,).

    ``texts`` is a string or large_string array without nulls.
    """
    starts, ends = encoded.offsets[:-1], encoded.offsets[1:]
    is_exact = _matches(encoded.tokens, starts, ends, _utf8(texts), table)
    (others,) = np.nonzero(~is_exact)
    if len(others):
        composed = pa.array([compose(texts[row].as_py()) for row in others], pa.large_string())
        is_exact[others] = _matches(
            encoded.tokens, starts[others], ends[others], _utf8(composed), table
        )
    return is_exact


def find_decoded(texts: pa.Array, encoded: Encoded, decoder: tokenizers.Tokenizer) -> Bools:
    """As :func:`find_exact`, for any vocabulary: by decoding, at the speed of `tokenizers`."""
    decoded = decoder.decode_batch(
        [tokens.tolist() for tokens in encoded.split()], skip_special_tokens=False
    )
    pairs = zip(texts.to_pylist(), decoded, strict=True)
    return np.array([back in (text, compose(text)) for text, back in pairs], np.bool_)


def compose(text: str) -> str:
    """NFC as `tokenizers` does it, whose Unicode is older than Python's: later marks stay put."""
    return NFC().normalize_str(text)


def _utf8(texts: pa.Array) -> ByteStrings:
    """The array's own buffers; nothing is copied."""
    strings = texts.cast(pa.large_string())  # may or may not keep the offset of a slice
    _, offsets, data = strings.buffers()
    if data is None or offsets is None or not len(strings):
        return ByteStrings(np.empty(0, np.uint8), np.zeros(len(strings) + 1, np.int64))
    return ByteStrings(
        np.frombuffer(data, np.uint8),
        np.frombuffer(offsets, np.int64)[strings.offset :][: len(strings) + 1],
    )


@compile_kernel
def _matches(
    tokens: Tokens,
    starts: Offsets,
    ends: Offsets,
    texts: ByteStrings,
    table: ByteStrings,
) -> Bools:
    """Whether the tokens ``starts[row] : ends[row]`` spell the row's text, shape (rows,).

    Indices are unsigned, which spares numba the test for negative ones: a third faster.
    """
    is_match = np.empty(len(starts), np.bool_)
    text, text_offsets = texts.data, texts.offsets
    spelling, spelling_offsets = table.data, table.offsets
    num_ids = np.uint64(len(spelling_offsets) - 1)
    one = np.uint64(1)
    for row in range(len(starts)):
        position = np.uint64(text_offsets[row])
        end = np.uint64(text_offsets[row + 1])
        is_same = True
        for number in range(np.uint64(starts[row]), np.uint64(ends[row])):
            token = np.uint64(np.uint32(tokens[number]))
            if token >= num_ids:
                is_same = False
                break
            byte = np.uint64(spelling_offsets[token])
            stop = np.uint64(spelling_offsets[token + one])
            if byte == stop or stop - byte > end - position:
                is_same = False
                break
            while byte < stop and spelling[byte] == text[position]:
                byte += one
                position += one
            if byte < stop:
                is_same = False
                break
        is_match[row] = is_same and position == end
    return is_match
