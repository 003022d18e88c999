r"""Megatron-LM's indexed dataset: ``.bin`` and ``.idx``, one sequence for each document.

``.idx``, little-endian: ``MMIDIDX\0\0``, u64 1, u8 4 (int32), u64 sequences n, u64 n + 1, then
i32[n] lengths in tokens, i64[n] begins in bytes, i64[n + 1] the sequences that documents begin at
(``megatron.core.datasets.indexed_dataset._IndexWriter``).
"""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mixtures.formats.document_files import DocumentFormat, DocumentIndex
from mixtures.formats.export import ExportContext, FileSet, WrittenSet
from mixtures.windows import Int64Array
from pipeline.errors import InvariantError

INDEX_SUFFIX = ".idx"
_HEAD = struct.Struct("<9sQBQQ")
_MAGIC = b"MMIDIDX\0\0"
_INT32 = 4

FILE_TOKENS = 1 << 29
"""Tokens of a ``.bin``, 2 GB: Megatron opens every prefix and builds three indexes for it on each
start, so a trillion tokens should be some thousand prefixes and not one for each window shard."""

_README = """\
Megatron-LM data of the stage `{stage}`: one sequence for each document, ending in one EOD
(id {eod}), int32. `PREFIX.documents.parquet` says where sequence n came from (column `sequence`).

From this folder:

    pretrain_gpt.py --seq-length {size} --data-path $(cat data-path.txt) --split 1,0,0 ...

or `--per-split-data-args-path blend.json` instead of `--data-path` and `--split`. Weights are the
tokens of each prefix. Prefixes without weights are read once each, with weights Megatron draws
samples until --train-samples are there.

For multi-token prediction without targets that cross documents:

    --mtp-num-layers {depth} --eod-mask-loss --dataloader-inter-document-masking

The last one (`GPTDatasetConfig.inter_document_masking`; megatron-core 0.19 has it, 0.16 does not)
makes Megatron shift labels inside each document. Without it targets at depth d >= 1 cross into the
next document, because `--eod-mask-loss` hides the first of them only.

The tokenizer's pad id must be {pad} (or any id that is no special token): when it equals EOD,
Megatron resets it to -1. The files hold no pads.

Megatron cuts the concatenated documents where a sample ends, so the best-fit packing of the window
shards is not kept here; documents and their repetitions are.
"""


def write_index(
    stream: BinaryIO, index: DocumentIndex, files: FileSet, context: ExportContext
) -> None:
    """Write ``.idx``; InvariantError when a sequence has more tokens than an int32 counts."""
    del context
    num_sequences = len(index.lengths)
    if num_sequences and index.lengths.max() > np.iinfo(np.int32).max:
        raise InvariantError(f"{files.name}: a document of {int(index.lengths.max())} tokens")
    stream.write(_HEAD.pack(_MAGIC, 1, _INT32, num_sequences, num_sequences + 1))
    stream.write(index.lengths.astype("<i4").tobytes())
    stream.write((4 * (index.ends - index.lengths)).astype("<i8").tobytes())
    stream.write(np.arange(num_sequences + 1, dtype="<i8").tobytes())


def read_lengths(base: str) -> Int64Array:
    """Lengths of the sequences of a prefix; InvariantError unless they follow one another."""
    path = Path(base + INDEX_SUFFIX)
    data = path.read_bytes()
    magic, version, dtype, num_sequences, num_bounds = _HEAD.unpack_from(data)
    if (magic, version, dtype, num_bounds) != (_MAGIC, 1, _INT32, num_sequences + 1):
        raise InvariantError(f"{path} is no index of int32 documents")
    if len(data) != _HEAD.size + 20 * num_sequences + 8:
        raise InvariantError(f"{path} has {len(data)} bytes for {num_sequences} sequences")
    lengths = np.frombuffer(data, "<i4", num_sequences, _HEAD.size).astype(np.int64)
    begins = np.frombuffer(data, "<i8", num_sequences, _HEAD.size + 4 * num_sequences)
    bounds = np.frombuffer(data, "<i8", num_bounds, _HEAD.size + 12 * num_sequences)
    if not np.array_equal(begins, 4 * (np.cumsum(lengths) - lengths)) or not np.array_equal(
        bounds, np.arange(num_bounds)
    ):
        raise InvariantError(f"{path}: sequences do not follow one another, one a document")
    return lengths


def describe(sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
    """The blend in both forms that Megatron takes, and a README."""
    blend = [word for one in sets for word in (str(one.counts.tokens), _below(one.files.name))]
    layout = context.layout
    return {
        "blend.json": json.dumps({"train": blend, "valid": None, "test": None}, indent=1) + "\n",
        "data-path.txt": " ".join(blend) + "\n",
        "README.md": _README.format(
            stage=context.stage,
            eod=layout.eod_id,
            pad=layout.pad_id,
            size=layout.sequence_tokens,
            depth=layout.mtp_depth,
        ),
    }


def _below(name: str) -> str:
    """The name inside the format's folder."""
    return name.partition("/")[2]


MEGATRON = DocumentFormat(
    name="megatron",
    tokens_suffix=".bin",
    indexes={INDEX_SUFFIX: write_index},
    read_lengths=read_lengths,
    describe=describe,
    file_tokens=FILE_TOKENS,
)
