"""Keyed 64-bit hashes of document ids: where sampling and shuffling get their randomness.

A document id is 128 uniform bits in hexadecimal (``pipeline.records.document.document_id``), so a
hash of it under a key needs mixing and no reading of text. Everything is a function of the key and
the id alone: not of order, batch, worker or process.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import SchemaError

UInt64Array = npt.NDArray[np.uint64]

ID_CHARS = 32
"""Length of a document id: 16 bytes in hexadecimal."""

_NOT_HEX = 255
_NIBBLES = np.full(256, _NOT_HEX, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)

# Constants of the splitmix64 generator: Steele, Lea and Flood, "Fast splittable pseudorandom
# number generators", OOPSLA 2014 (the variant 13 finalizer and the golden gamma).
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def id_words(ids: pa.Array) -> UInt64Array:
    """Parse document ids into two 64-bit words each, shape (rows, 2).

    Takes a string or large_string array without nulls; raises SchemaError on a null or on anything
    but 32 lower-case hexadecimal characters.
    """
    if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)) or ids.null_count:
        raise SchemaError(
            f"document ids must be strings without nulls, got {ids.type} with {ids.null_count} "
            "nulls"
        )
    if len(ids) == 0:
        return np.empty((0, 2), np.uint64)
    strings = ids.cast(pa.large_string())  # may or may not keep the offset of a slice
    _, offsets_buffer, chars_buffer = strings.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[strings.offset :][: len(strings) + 1]
    is_id = np.diff(offsets) == ID_CHARS
    if is_id.all():
        chars = np.frombuffer(chars_buffer, np.uint8)[offsets[0] : offsets[-1]]
        nibbles = _NIBBLES[chars].reshape(-1, ID_CHARS)
        is_id = (nibbles != _NOT_HEX).all(axis=1)
    if not is_id.all():
        row = int(np.argmin(is_id))
        raise SchemaError(
            f"document id {ids[row].as_py()!r} in row {row} is not {ID_CHARS} lower-case "
            "hexadecimal characters"
        )
    id_bytes = (nibbles[:, 0::2] << 4) | nibbles[:, 1::2]
    return np.ascontiguousarray(id_bytes).view(">u8").astype(np.uint64)


def keyed_hashes(
    words: UInt64Array, *key: str | int, copies: npt.NDArray[np.int32] | None = None
) -> UInt64Array:
    """Hash every id under ``key``, shape (rows,); ``copies`` numbers the copies of a document.

    Different keys give independent hashes. ``words`` comes from :func:`id_words`; ``copies`` has
    one number a row, and copy 0 hashes otherwise than no copy number at all.
    """
    digest = hashlib.blake2b("\0".join(map(str, key)).encode(), digest_size=16).digest()
    key_words = np.frombuffer(digest, "<u8").astype(np.uint64)
    hashes = mix(words[:, 0] ^ key_words[0])
    hashes = mix(hashes ^ words[:, 1] ^ key_words[1])
    if copies is not None:
        hashes = mix(hashes + (copies.astype(np.uint64) + np.uint64(1)) * _GOLDEN_GAMMA)
    return hashes


def mix(values: UInt64Array) -> UInt64Array:
    """Permute 64-bit values so that every input bit reaches every output bit (splitmix64)."""
    mixed: UInt64Array = values ^ (values >> np.uint64(30))
    mixed = mixed * _MULTIPLIER_1
    mixed = mixed ^ (mixed >> np.uint64(27))
    mixed = mixed * _MULTIPLIER_2
    mixed ^= mixed >> np.uint64(31)
    return mixed
