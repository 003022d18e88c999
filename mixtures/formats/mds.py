"""MDS, version 2, of mosaicml-streaming: one sample for each window.

A shard is u32 samples n, u32[n + 1] offsets of samples in the file, the configuration as JSON, and
the samples; a sample is a u32 size for each column of variable size, then the columns in order of
their names (``streaming.base.format.mds.writer.MDSWriter``). An ``ndarray`` of variable shape
begins with its number of dimensions and its shape in the smallest fitting type.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mixtures.formats.export import ExportContext, NativeShard, WrittenSet
from mixtures.formats.window_files import WindowFormat, WindowRow, window_rows
from pipeline.errors import InvariantError

SUFFIX = ".mds"

_UINT32_MAX = (1 << 32) - 1
_SHAPE_TYPES = ("<u1", "<u2", "<u4")

_README = """\
MDS data of the stage `{stage}`: one sample for each window of {size} tokens.

    streaming.StreamingDataset(local=".", shuffle=False, batch_size=...)

shuffles again unless told not to; the windows are shuffled already. A sample has

    tokens            int32 ({row},): the window, then {extra} tokens of lookahead
    cu_seqlens        int32: bounds of the documents, 0 first and {size} last; pads are the last one
    num_tokens        tokens before the pads
    lookahead         true next tokens after the window; above 0 when the last document continues
    document_ids      which documents, document_offsets: where in each the window begins

Position i at depth d (0 is the main head) is to predict tokens[i + 1 + d], and the target counts
only if i + 1 + d lies before the end of i's document (plus `lookahead` for the last one) and
i < num_tokens. `mixtures.formats.window_files.row_bounds` and `mixtures.mtp.targets` do that.
The ids are those of the window shards' `NAME.documents.parquet`.
"""


def write_shard(stream: BinaryIO, native: NativeShard) -> None:
    """Write one ``.mds``; InvariantError above the format's 4 GiB."""
    heads = []
    for row in window_rows(native):
        variable = (
            _encode_array(row.cu_seqlens),
            json.dumps(list(row.document_ids)).encode(),
            _encode_array(row.document_offsets),
        )
        sizes = struct.pack(f"<{len(variable)}I", *map(len, variable))
        scalars = struct.pack("<2i", row.lookahead, row.num_tokens)
        heads.append(sizes + b"".join(variable) + scalars)
    tokens = native.windows.tokens
    row_bytes = 4 * native.windows.layout.row_tokens
    config = json.dumps(_config(native.windows.layout.row_tokens), sort_keys=True).encode()
    begin = 4 + 4 * (len(heads) + 1) + len(config)
    offsets = begin + np.cumsum([0, *(len(head) + row_bytes for head in heads)])
    if offsets[-1] > _UINT32_MAX:
        raise InvariantError(f"an MDS shard ends at 4 GiB, this one at {int(offsets[-1])} bytes")
    stream.write(struct.pack("<I", len(heads)) + offsets.astype("<u4").tobytes() + config)
    stream.writelines(
        head + tokens[window].astype("<i4").tobytes() for window, head in enumerate(heads)
    )


def read_rows(path: str) -> Iterator[WindowRow]:
    """The samples of a shard that ``write_shard`` wrote."""
    data = memoryview(Path(path).read_bytes())
    (num_samples,) = struct.unpack_from("<I", data)
    offsets = np.frombuffer(data, "<u4", num_samples + 1, 4).tolist()
    config = json.loads(bytes(data[4 + 4 * (num_samples + 1) : offsets[0]]))
    if config["column_names"] != list(_columns(0)):
        raise InvariantError(f"{path} has columns {config['column_names']}")
    for begin, end in pairwise(offsets):
        sizes = struct.unpack_from("<3I", data, begin)
        first, second, third = np.cumsum([begin + 12, *sizes])[:3].tolist()
        scalars = third + sizes[2]
        lookahead, num_tokens = struct.unpack_from("<2i", data, scalars)
        yield WindowRow(
            tokens=np.frombuffer(data[scalars + 8 : end], "<i4"),
            cu_seqlens=_decode_vector(data[first:second], "<i4"),
            num_tokens=num_tokens,
            lookahead=lookahead,
            document_ids=json.loads(bytes(data[second:third])),
            document_offsets=_decode_vector(data[third:scalars], "<i8"),
        )


def describe(sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
    """``index.json``, which names every shard, and a README."""
    layout = context.layout
    shards = [
        {
            **_config(layout.row_tokens),
            "raw_data": {
                "basename": one.files.name.rpartition("/")[2] + SUFFIX,
                "bytes": one.num_bytes,
                "hashes": {"sha256": one.sha256},
            },
            "samples": one.counts.sequences,
            "zip_data": None,
        }
        for one in sets
    ]
    return {
        "index.json": json.dumps({"shards": shards, "version": 2}, sort_keys=True) + "\n",
        "README.md": _README.format(
            stage=context.stage,
            size=layout.sequence_tokens,
            row=layout.row_tokens,
            extra=1 + layout.mtp_depth,
        ),
    }


def _columns(row_tokens: int) -> dict[str, tuple[str, int | None]]:
    """Encoding and fixed size of every column, sorted by name."""
    return {
        "cu_seqlens": ("ndarray:int32", None),
        "document_ids": ("json", None),
        "document_offsets": ("ndarray:int64", None),
        "lookahead": ("int32", 4),
        "num_tokens": ("int32", 4),
        "tokens": (f"ndarray:int32:{row_tokens}", 4 * row_tokens),
    }


def _config(row_tokens: int) -> dict[str, Any]:
    columns = _columns(row_tokens)
    return {
        "column_encodings": [encoding for encoding, _ in columns.values()],
        "column_names": list(columns),
        "column_sizes": [size for _, size in columns.values()],
        "compression": None,
        "format": "mds",
        "hashes": ["sha256"],
        "size_limit": None,
        "version": 2,
    }


def _encode_array(values: npt.NDArray[Any]) -> bytes:
    """One dimension of known type: dimensions and code of the shape's type, shape, values."""
    code = next(c for c, of in enumerate(_SHAPE_TYPES) if len(values) <= np.iinfo(of).max)
    shape = np.array([len(values)], _SHAPE_TYPES[code])
    return bytes([1 << 2 | code]) + shape.tobytes() + values.tobytes()


def _decode_vector(data: memoryview, dtype: str) -> npt.NDArray[Any]:
    shape = np.dtype(_SHAPE_TYPES[data[0] & 3])
    return np.frombuffer(data[1 + shape.itemsize :], dtype)


MDS = WindowFormat(
    name="mds", suffix=SUFFIX, write_shard=write_shard, read_rows=read_rows, describe=describe
)
