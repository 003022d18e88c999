"""OLMo's arrays: headerless uint32 ``.npy``, and ``.csv.gz`` with the bounds of documents.

Rows of the CSV, which has no header, are ``start,end,id,src,loc``: bounds in tokens, the end
exclusive, and where the document came from, for us the row (from 1) of the document table beside
(``dolma/tokenizer/memmap_writer.py``). ``numpy.load`` cannot read the array; ``numpy.memmap`` can.
"""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import numpy as np

from mixtures.formats.document_files import DocumentFormat, DocumentIndex
from mixtures.formats.export import DOCUMENTS_SUFFIX, ExportContext, FileSet, WrittenSet
from mixtures.windows import Int64Array
from pipeline.errors import InvariantError

METADATA_SUFFIX = ".csv.gz"

FILE_TOKENS = 1 << 28
"""Tokens of an array, 1 GB: half of Dolma's own limit of 512 Mi, so that the bounds of the shortest
documents, some 50 bytes each until they are written, stay below half a gigabyte."""

_BLOCK_ROWS = 1 << 16

_README = """\
OLMo-core data of the stage `{stage}`: headerless uint32 arrays, documents ending in EOD (id {eod}).

    from olmo_core.data import NumpyFSLDatasetConfig, TokenizerConfig
    NumpyFSLDatasetConfig(
        paths=sorted(glob.glob("*/*.npy")), sequence_length={size},
        tokenizer=TokenizerConfig(vocab_size=..., eos_token_id={eod}, pad_token_id={pad}),
        generate_doc_lengths=True,
    )

`vocab_size` above 65,535 makes OLMo-core read uint32. `generate_doc_lengths` gives `doc_lens`, the
bounds of documents for attention. Use `NumpyPackedFSLDatasetConfig` to pack whole documents again;
its `long_doc_strategy` must be "fragment", or it drops what exceeds {size} tokens of a document.
One folder for each component of the mixture. `NAME.documents.parquet` says where the document of a
CSV row came from (its column `loc` counts that table's rows from 1).
"""


def write_metadata(
    stream: BinaryIO, index: DocumentIndex, files: FileSet, context: ExportContext
) -> None:
    """Write ``.csv.gz``; no time or name is stored, so equal rows give equal bytes."""
    del context
    ends = index.ends
    begins = ends - index.lengths
    source = files.name.rpartition("/")[2] + DOCUMENTS_SUFFIX
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        for low in range(0, len(ends), _BLOCK_ROWS):
            block = slice(low, low + _BLOCK_ROWS)
            ids = index.ids.slice(low, _BLOCK_ROWS).to_pylist()
            bounds = (column[block].tolist() for column in (begins, ends, index.rows))
            writer.writerows(
                (begin, end, document, source, row + 1)
                for document, begin, end, row in zip(ids, *bounds, strict=True)
            )


def read_lengths(base: str) -> Int64Array:
    """Tokens of the documents of an array; InvariantError unless they follow one another."""
    path = base + METADATA_SUFFIX
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        bounds = np.array([(int(row[0]), int(row[1])) for row in csv.reader(file)], np.int64)
    bounds = bounds.reshape(-1, 2)
    if not np.array_equal(bounds[:, 0], np.concatenate([[0], bounds[:, 1]])[: len(bounds)]):
        raise InvariantError(f"{path}: documents do not follow one another")
    lengths: Int64Array = bounds[:, 1] - bounds[:, 0]
    return lengths


def describe(sets: Sequence[WrittenSet], context: ExportContext) -> Mapping[str, str]:
    """A README; paths are given as patterns."""
    del sets
    layout = context.layout
    text = _README.format(
        stage=context.stage, eod=layout.eod_id, pad=layout.pad_id, size=layout.sequence_tokens
    )
    return {"README.md": text}


OLMO = DocumentFormat(
    name="olmo",
    tokens_suffix=".npy",
    indexes={METADATA_SUFFIX: write_metadata},
    read_lengths=read_lengths,
    describe=describe,
    file_tokens=FILE_TOKENS,
)
