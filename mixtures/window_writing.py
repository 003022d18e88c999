"""Write the files of a window shard that need no Parquet; ``mixtures.windows`` is their format.

Apart from the format, because copying is compiled and a reader shall need numpy alone.
"""

from typing import BinaryIO

import numpy as np

from mixtures.windows import (
    Int32Array,
    Int64Array,
    Segments,
    TokenTable,
    WindowLayout,
    count_windows,
    first_segments,
)
from pipeline.compilation import compile_kernel

_BLOCK_BYTES = 32 << 20  # tokens are written in blocks of rows of about this size


def write_tokens(
    stream: BinaryIO, segments: Segments, documents: TokenTable, layout: WindowLayout
) -> None:
    """Write ``NAME.tokens.npy``: the windows that ``segments`` describe, lookahead included.

    Writes forward only, in blocks of rows; beyond ``documents`` it holds one block.
    """
    num_windows = count_windows(segments)
    np.lib.format.write_array_header_1_0(
        stream,
        {
            "descr": "<i4",
            "fortran_order": False,
            "shape": (num_windows, layout.row_tokens),
        },
    )
    first = first_segments(segments, num_windows)
    block_rows = max(1, _BLOCK_BYTES // (4 * layout.row_tokens))
    held = np.empty((min(block_rows, num_windows), layout.row_tokens), "<i4")
    for low in range(0, num_windows, block_rows):
        high = min(low + block_rows, num_windows)
        block = held[: high - low]
        block.fill(layout.pad_id)
        _fill(block, segments[first[low] : first[high]], documents, first_window=low)
        stream.write(block.data.cast("B"))


def write_segments(stream: BinaryIO, segments: Segments) -> None:
    """Write ``NAME.segments.npy``."""
    np.lib.format.write_array(stream, segments, version=(1, 0), allow_pickle=False)


def write_layout(stream: BinaryIO, layout: WindowLayout) -> None:
    """Write ``NAME.windows.json``."""
    stream.write(layout.to_json().encode())


def _fill(
    block: Int32Array, segments: Segments, documents: TokenTable, *, first_window: int
) -> None:
    rows = segments["window"] - first_window
    copy_ranges(
        documents.values,
        documents.offsets[segments["document"]] + segments["offset"],
        # A fragment that continues ends its window, so its lookahead follows it in the row too.
        (segments["length"] + segments["lookahead"]).astype(np.int64),
        block.reshape(-1),
        rows * block.shape[1] + segments["start"],
    )


@compile_kernel
def copy_ranges(
    source: Int32Array,
    begins: Int64Array,
    lengths: Int64Array,
    target: Int32Array,
    places: Int64Array,
) -> None:
    """Copy ``source[begin : begin + length]`` to ``target`` at each of ``places``.

    Nothing is checked: a range that reaches beyond either array is undefined behaviour.
    """
    for number in range(len(begins)):
        # Unsigned, or every index is asked whether it counts from the end: three times the time.
        begin = np.uint64(begins[number])
        place = np.uint64(places[number])
        for step in range(np.uint64(lengths[number])):
            target[place + step] = source[begin + step]
