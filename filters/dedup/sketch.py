"""The annotator that reduces a document to the keys by which duplicates are found."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.dedup.config import MinHashParameters, SketchParameters
from filters.dedup.exact import text_keys
from filters.dedup.minhash import Signatures, draw_permutations, sign
from filters.dedup.url import url_key

KEY_TYPE = pa.binary(16)


class Sketch:
    """Columns ``url_key``, ``exact_key`` and ``minhash``, each where its parameter asks for it.

    ``url_key`` (16 bytes) is null without an address that names a host. ``exact_key`` (16 bytes)
    is never null. ``minhash`` (little-endian uint32 values) is null for a document of fewer than
    ``min_shingles`` shingles: it is too short to be called a near duplicate of anything.
    """

    name = "sketch"
    version = 1

    def __init__(self, parameters: SketchParameters) -> None:
        self.parameters = parameters
        fields = []
        if parameters.has_url_key:
            fields.append(pa.field("url_key", KEY_TYPE))
        if parameters.has_exact_key:
            fields.append(pa.field("exact_key", KEY_TYPE))
        if parameters.minhash is not None:
            fields.append(pa.field("minhash", pa.binary(4 * parameters.minhash.permutations)))
            self._permutations = draw_permutations(
                parameters.minhash.permutations, seed=parameters.minhash.seed
            )
        self.columns = pa.schema(fields)

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Sketch every document; reads ``text`` and ``url``."""
        columns = []
        if self.parameters.has_url_key:
            urls = documents.column("url").to_pylist()
            columns.append(pa.array([url_key(url) for url in urls], KEY_TYPE))
        if self.parameters.has_exact_key:
            columns.append(pa.array(text_keys(documents.column("text")), KEY_TYPE))
        if self.parameters.minhash is not None:
            columns.append(self._sign(documents.column("text"), self.parameters.minhash))
        return pa.RecordBatch.from_arrays(columns, schema=self.columns)

    def _sign(self, texts: pa.Array, parameters: MinHashParameters) -> pa.Array:
        signatures, num_shingles = sign(
            texts,
            permutations=self._permutations,
            unit=parameters.shingle_unit,
            size=parameters.shingle_size,
        )
        return pack_signatures(signatures, is_null=num_shingles < parameters.min_shingles)


def pack_signatures(signatures: Signatures, *, is_null: npt.NDArray[np.bool_]) -> pa.Array:
    """Signatures as a column of ``4 * permutations`` bytes, null where ``is_null``."""
    num_documents, permutations = signatures.shape
    validity = np.packbits(~is_null, bitorder="little")
    return pa.Array.from_buffers(
        pa.binary(4 * permutations),
        num_documents,
        [pa.py_buffer(validity), pa.py_buffer(signatures.astype("<u4", copy=False))],
    )


def unpack_signatures(column: pa.Array) -> Signatures:
    """The inverse of :func:`pack_signatures`; a null row has arbitrary values."""
    return _unpack(column, "<u4").astype(np.uint32, copy=False)


def unpack_keys(column: pa.Array) -> npt.NDArray[np.uint64]:
    """A column of 16-byte keys as numbers, shape (rows, 2); a null row has arbitrary values."""
    return _unpack(column, ">u8").astype(np.uint64)


def _unpack(column: pa.Array, dtype: str) -> npt.NDArray[Any]:
    width = column.type.byte_width // np.dtype(dtype).itemsize
    values = np.frombuffer(column.buffers()[1] or b"", dtype)
    first = column.offset * width
    return values[first : first + len(column) * width].reshape(len(column), width)
