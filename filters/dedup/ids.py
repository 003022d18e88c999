"""Document ids as two numbers each, and back: a third of the bytes, compared in one step."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import InvariantError
from pipeline.records.document import ID_BYTES

_ID_CHARS = 2 * ID_BYTES
_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, np.uint8)
_VALUES[_DIGITS] = np.arange(len(_DIGITS))


def id_keys(ids: pa.Array) -> npt.NDArray[np.uint64]:
    """Ids of 32 lowercase hex characters as numbers, shape (ids, 2), the high half first.

    Rows compare as the ids do. Raises InvariantError, naming it, when one is no such id: a
    null, one of another length, or one with another character.
    """
    is_odd = pc.not_equal(pc.binary_length(ids), _ID_CHARS).fill_null(True)
    _refuse(ids, is_odd.to_numpy(zero_copy_only=False))
    chars = ids.cast(pa.binary(_ID_CHARS))
    begin = chars.offset * _ID_CHARS
    buffer = np.frombuffer(chars.buffers()[1] or b"", np.uint8)
    digits = _VALUES[buffer[begin : begin + len(ids) * _ID_CHARS].reshape(-1, _ID_CHARS)]
    _refuse(ids, (digits == _NO_DIGIT).any(axis=1))
    halves = (digits[:, 0::2] << np.uint8(4) | digits[:, 1::2]).view(">u8")
    return halves.astype(np.uint64)


def key_ids(keys: npt.NDArray[np.uint64]) -> pa.Array:
    """The inverse of :func:`id_keys`: a string column."""
    octets = np.ascontiguousarray(keys, ">u8").view(np.uint8).reshape(-1, ID_BYTES)
    digits = np.stack([octets >> np.uint8(4), octets & np.uint8(15)], axis=-1)
    chars = pa.py_buffer(_DIGITS[digits])
    return pa.Array.from_buffers(pa.binary(_ID_CHARS), len(keys), [None, chars]).cast(pa.string())


def _refuse(ids: pa.Array, is_odd: npt.NDArray[np.bool_]) -> None:
    if is_odd.any():
        odd = ids[int(np.argmax(is_odd))].as_py()
        raise InvariantError(f"id {odd!r} is not {_ID_CHARS} lowercase hex characters")
