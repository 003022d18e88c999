"""datatrove's tokenized files: ``.ds``, ``.ds.index`` and ``.ds.metadata``, as Nanotron reads them.

``.ds`` holds uint32 tokens and no header, ``.ds.index`` a u64 for each document: where it ends, in
tokens; ``.ds.metadata`` three lines: tokenizer and bytes of a token, tokens, tokens for people
(``datatrove.pipeline.tokens.tokenizer.TokenizedFile``). There is no ``.ds.loss``: it would mask
nothing, because every token of a document is to be learned.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mixtures.formats.document_files import DocumentFormat, DocumentIndex
from mixtures.formats.export import ExportContext, FileSet, WrittenSet
from mixtures.windows import Int64Array
from pipeline.errors import InvariantError

INDEX_SUFFIX = ".ds.index"
METADATA_SUFFIX = ".ds.metadata"
TOKEN_BYTES = 4

FILE_TOKENS = 1 << 28
"""Tokens of a file, 1 GB: readers drop the last partial block of S + 1 tokens of each."""

_SIGNIFICANT_DIGITS = 3

_README = """\
datatrove data of the stage `{stage}`: uint32 tokens, documents ending in EOD (id {eod}).

    from datatrove.utils.dataset import DatatroveFolderDataset
    DatatroveFolderDataset(
        ".", seq_len={size}, token_size=4, return_positions=True, filename_pattern="**/*.ds"
    )

Nanotron takes the same folders, one for each component of the mixture, with weights. The reader
takes disjoint blocks of S + 1 tokens, so one transition in S + 1 and the last partial block of a
file are not trained on. `NAME.documents.parquet` says where document n came from (`sequence`).
"""


def write_index(
    stream: BinaryIO, index: DocumentIndex, files: FileSet, context: ExportContext
) -> None:
    """Write ``.ds.index``."""
    del files, context
    stream.write(index.ends.astype("<u8").tobytes())


def write_metadata(
    stream: BinaryIO, index: DocumentIndex, files: FileSet, context: ExportContext
) -> None:
    """Write ``.ds.metadata``; it has no end of line."""
    del files
    tokens = int(index.lengths.sum())
    lines = (f"{context.tokenizer}|{TOKEN_BYTES}", str(tokens), readable_tokens(tokens))
    stream.write("\n".join(lines).encode())


def readable_tokens(tokens: int) -> str:
    """Three digits, a prefix of the metric system and T, as in ``1.23 MT``."""
    thousands, digits = divmod(len(str(tokens)) - 1, 3)
    decimals = max(0, _SIGNIFICANT_DIGITS - digits - 1)
    prefix = ("", "k", "M", "G", "T", "P", "E")[thousands]
    return f"{tokens / 1000**thousands:.{decimals}f} {prefix}T"


def read_lengths(base: str) -> Int64Array:
    """Tokens of the documents of a file; InvariantError when an end lies before another."""
    path = Path(base + INDEX_SUFFIX)
    ends: Int64Array = np.frombuffer(path.read_bytes(), "<u8").astype(np.int64)
    lengths: Int64Array = ends - np.concatenate([[0], ends])[:-1]
    if (lengths < 1).any():
        raise InvariantError(f"{path}: ends of documents do not ascend")
    return lengths


def describe(sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
    """A README; folders are read whole."""
    del sets
    layout = context.layout
    text = _README.format(stage=context.stage, eod=layout.eod_id, size=layout.sequence_tokens)
    return {"README.md": text}


DATATROVE = DocumentFormat(
    name="datatrove",
    tokens_suffix=".ds",
    indexes={INDEX_SUFFIX: write_index, METADATA_SUFFIX: write_metadata},
    read_lengths=read_lengths,
    describe=describe,
    file_tokens=FILE_TOKENS,
)
