"""Round trips: do the tokens of a text decode to its own bytes again?

Of a byte-level vocabulary every token is a string of bytes, so a table and a comparison of bytes
answer that without a decoder. Whether a tokenizer is of that kind is found out, not listed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

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
_NFC = NFC()


class TokenBytes(NamedTuple):
    """Bytes of every token id, ``data[offsets[id] : offsets[id + 1]]``; none for an unused id.

    ``data`` is uint8, ``offsets`` int64 of shape (ids + 1,). ``heads`` is uint64 of shape (ids,):
    the first eight bytes as a little-endian number, zeros where there are fewer.
    """

    data: npt.NDArray[np.uint8]
    offsets: Offsets
    heads: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, data: bytes, lengths: npt.NDArray[np.int64]) -> Self:
        """From the bytes of all ids in a row, and how many each has."""
        array = np.frombuffer(data, np.uint8)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        heads = np.zeros((len(lengths), 8), np.uint8)
        for number in range(8):
            has_byte = lengths > number
            heads[has_byte, number] = array[offsets[:-1][has_byte] + number]
        return cls(array, offsets, heads.view("<u8").reshape(-1).astype(np.uint64))

    def decode(self, tokens: npt.NDArray[np.integer]) -> bytes:
        """Bytes of tokens, which must be ids of the table."""
        starts = self.offsets[tokens]
        lengths = self.offsets[tokens + 1] - starts
        ends = np.cumsum(lengths)
        positions = np.repeat(starts - ends + lengths, lengths) + np.arange(lengths.sum())
        return bytes(self.data[positions])


def token_bytes(
    vocabulary: Mapping[str, int], decoder: tokenizers.Tokenizer, samples: Sequence[Tokens]
) -> TokenBytes | None:
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
    table = TokenBytes.of(joined.translate(_BYTE_OF).encode("latin-1"), lengths)
    for tokens in (np.tile(ids, 2), *samples):
        decoded = decoder.decode(tokens.tolist(), skip_special_tokens=False)
        if table.decode(tokens).decode(errors="replace") != decoded:
            return None
    return table


def find_exact(texts: pa.Array, encoded: Encoded, table: TokenBytes) -> Bools:
    """Whether the tokens of each text are its own UTF-8 or that of its NFC form, shape (texts,).

    ``texts`` is a string or large_string array without nulls.
    """
    starts, ends = encoded.offsets[:-1], encoded.offsets[1:]
    is_exact = _matches(encoded.tokens, starts, ends, *_utf8(texts), table)
    (others,) = np.nonzero(~is_exact)
    if len(others):
        composed = pa.array([compose(texts[row].as_py()) for row in others], pa.large_string())
        is_exact[others] = _matches(
            encoded.tokens, starts[others], ends[others], *_utf8(composed), table
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
    """NFC as `tokenizers` does it, whose Unicode is older than Python's: later marks stay put.

    Line by line, since nothing composes with a line end: the library takes 40 bytes for each byte
    that it is given at once.
    """
    return "\n".join(
        line if line.isascii() else _NFC.normalize_str(line) for line in text.split("\n")
    )


def _utf8(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Offsets]:
    """The array's buffer of bytes, and where each text begins and ends in it; nothing is copied."""
    strings = texts.cast(pa.large_string())  # may or may not keep the offset of a slice
    _, offsets, data = strings.buffers()
    if data is None or offsets is None or not len(strings):
        return np.empty(0, np.uint8), np.zeros(len(strings) + 1, np.int64)
    return (
        np.frombuffer(data, np.uint8),
        np.frombuffer(offsets, np.int64)[strings.offset :][: len(strings) + 1],
    )


@compile_kernel
def _matches(  # noqa: PLR0917 - flat arrays
    tokens: Tokens,
    starts: Offsets,
    ends: Offsets,
    text: npt.NDArray[np.uint8],
    text_offsets: Offsets,
    table: TokenBytes,
) -> Bools:
    """Whether the tokens ``starts[row] : ends[row]`` spell the row's text, shape (rows,).

    Most tokens have at most eight bytes and are compared as one number: 1,100 MB a second against
    450 byte by byte. Indices are unsigned, which spares numba the test for negative ones.
    """
    is_match = np.empty(len(starts), np.bool_)
    num_ids = np.uint64(len(table.heads))
    one, width = np.uint64(1), np.uint64(8)
    last_word = np.int64(len(text)) - np.int64(8)
    for row in range(len(starts)):
        position = np.uint64(text_offsets[row])
        end = np.uint64(text_offsets[row + 1])
        is_same = True
        for number in range(np.uint64(starts[row]), np.uint64(ends[row])):
            token = np.uint64(np.uint32(tokens[number]))
            if token >= num_ids:
                is_same = False
                break
            byte = np.uint64(table.offsets[token])
            length = np.uint64(table.offsets[token + one]) - byte
            if length == np.uint64(0) or length > end - position:
                is_same = False
                break
            if length <= width and np.int64(position) <= last_word:
                word = np.uint64(0)
                for shift in range(8):  # the compiler makes one load of it
                    part = np.uint64(text[position + np.uint64(shift)])
                    word |= part << np.uint64(8 * shift)
                unused = np.uint64(64) - width * length
                if word << unused != table.heads[token] << unused:
                    is_same = False
                    break
                position += length
            else:
                stop = position + length
                while position < stop and table.data[byte] == text[position]:
                    byte += one
                    position += one
                if position < stop:
                    is_same = False
                    break
        is_match[row] = is_same and position == end
    return is_match
