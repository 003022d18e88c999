"""Turn kept documents into token shards that carry every column a mixture may select by."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.typehints.decorators import no_annotations

from filters.dedup.passage_cuts import CUTS, without_cuts
from mixtures.spec import MixtureConfig
from mixtures.tokenization import TOKENIZED_SCHEMA, Tokenizer, count_unknowns, tokenize
from pipeline.records.address import address_of
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import Statistics
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_aligned
from pipeline.transforms.decide import join_measures, kept_rows
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import (
    FAILED,
    KEPT,
    REJECTED,
    Outcome,
    StageOutcome,
    addressed,
    all_kept,
    empty,
    locators,
    outputs,
    split_outcome,
    tagged,
)
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Finished, Stage, outcome_counts

STAGE = "tokenize"

TOKENS = "tokens"
"""Output of the stage: tokens, and what is known of their documents."""

LEFT_BEHIND = ("sketch.", "verification.")
"""Beginnings of columns that no mixture selects by: sketches of deduplication, and measures that
synthetic documents alone have (``lineage.verdict`` and ``lineage.pass_rate`` go along)."""

_ROW = "row"
_ROW_FIELD = pa.field(_ROW, pa.int64())
_TEXT = "text"
_SUMMED = ("tokens", "bytes", "unknowns")


@dataclass(frozen=True)
class TokenizeInput:
    """Documents, the sidecars beside them, and which rows to take (None: all).

    Columns of ``shared`` are there even if no sidecar has them, as nulls: synthetic documents must
    have the columns of natural ones to be mixed with them. Where a sidecar says that passages are
    cut, the text is tokenized without them.
    """

    documents: Finished
    sidecars: tuple[tuple[Finished, str], ...]
    kept: Finished | None
    shared: tuple[pa.Schema, ...] = ()

    @property
    def num_shards(self) -> int:
        """Shards of the documents, and so of the tokens."""
        return self.documents.num_shards(DOCUMENTS)

    def schema(self) -> pa.Schema:
        """Columns of a token shard: tokens first, then the documents' and the sidecars'."""
        fields = {field.name: field for field in TOKENIZED_SCHEMA}
        for field in self.described():
            fields.setdefault(field.name, field)
        return pa.schema(list(fields.values()))

    def described(self) -> pa.Schema:
        """Every column of documents and sidecars but the text and what ``LEFT_BEHIND`` names."""
        schemas = [finished.schema(output) for finished, output in self.sidecars]
        fields: dict[str, pa.Field] = {}
        for field in (f for schema in (DOCUMENT_SCHEMA, *schemas, *self.shared) for f in schema):
            if field.name != _TEXT and not field.name.startswith(LEFT_BEHIND):
                fields.setdefault(field.name, field.with_nullable(True))
        return pa.schema(list(fields.values()))


def load_tokenizer(mixture: MixtureConfig) -> Tokenizer:
    """The tokenizer a mixture names, with its end-of-document and padding tokens.

    Loaded once a process: it takes a second, and its threads share it safely.
    """
    with _LOADING:
        return _load(mixture.tokenizer, mixture.eod_token, mixture.pad_token)


_LOADING = threading.Lock()  # threads that all found nothing in the cache would all load


@cache
def _load(name: str, eod_token: str, pad_token: str) -> Tokenizer:
    return Tokenizer.load(name, eod_token=eod_token, pad_token=pad_token)


def tokenize_stage(read: TokenizeInput, mixture: MixtureConfig, *, name: str = STAGE) -> Stage:
    """Tokenize the kept documents with the mixture's tokenizer.

    The tokenizer's digest is part of the identity, so a changed file makes another stage.
    """
    tokenizer = load_tokenizer(mixture)
    names = (TOKENS, REJECTED, FAILED)
    schema = read.schema()

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        outcome = (
            graph | PendingShards(folder, read.num_shards, names) | TokenizeDocuments(read, mixture)
        )
        outcome.write(folder, TOKENS, schema, summarize=SummarizeTokens(mixture))

    inputs = {"documents": read.documents.identity}
    inputs |= {output: finished.identity for finished, output in read.sidecars}
    if read.kept is not None:
        inputs["kept"] = read.kept.identity
    taken = read.documents.manifest.rows(DOCUMENTS)
    return Stage(
        name=name,
        version=2,
        config={
            "sha256": tokenizer.sha256,
            "eod_id": tokenizer.eod_id,
            "columns": schema.names,
        },
        inputs=inputs,
        outputs=dict.fromkeys(names, read.num_shards),
        build=build,
        count=lambda entries: outcome_counts(
            entries,
            rows_in=taken if read.kept is None else read.kept.manifest.rows(KEPT),
            kept=TOKENS,
        ),
    )


def tokenize_batch(
    documents: pa.RecordBatch,
    tokenizer: Tokenizer,
    schema: pa.Schema,
    *,
    is_first_checked: bool = False,
) -> Outcome:
    """Tokenize every document; one that does not decode to its own text again fails.

    With ``is_first_checked`` the first document is among those that `tokenizers` encodes too.
    """
    rows, is_exact = tokenize(
        documents.column("id"),
        documents.column(_TEXT),
        tokenizer,
        first_row=0,
        is_first_checked=is_first_checked,
    )
    columns = {name: documents.column(name) for name in documents.schema.names}
    columns |= {name: rows.column(name) for name in rows.schema.names if name != _ROW}
    tokenized = pa.record_batch([columns[field.name] for field in schema], schema=schema)
    if is_exact.all():
        return all_kept(tokenized)
    return Outcome(
        tokenized.filter(pa.array(is_exact)),
        empty(REJECTION_SCHEMA),
        inexact(documents.filter(pa.array(~is_exact))),
    )


class SummarizeTokens:
    """By source: documents, tokens, bytes and unknowns; tokens by language and by topic.

    ``encoders`` counts the documents that each encoder has encoded, and says why it was that one.
    """

    def __init__(self, mixture: MixtureConfig) -> None:
        self._mixture = mixture

    def __call__(self, tokenized: pa.RecordBatch) -> Statistics:
        """Numbers that add up over batches; nothing for one without rows."""
        if not tokenized.num_rows:
            return {}
        tokenizer = load_tokenizer(self._mixture)
        tokens = tokenized.column("num_tokens").cast(pa.int64())
        sums = (
            pa.table(
                {
                    "source": tokenized.column("source"),
                    "tokens": tokens,
                    "bytes": tokenized.column("text_bytes"),
                    "unknowns": count_unknowns(tokenized.column("tokens"), tokenizer),
                }
            )
            .group_by("source", use_threads=False)
            .aggregate([("tokens", "count"), *((name, "sum") for name in _SUMMED)])
        )
        statistics: Statistics = {
            "sources": {
                row["source"]: {"documents": row["tokens_count"]}
                | {name: row[f"{name}_sum"] for name in _SUMMED}
                for row in sums.to_pylist()
            },
            "encoders": {str(tokenizer.encoder): tokenized.num_rows},
        }
        for column in ("language.code", "tagger.topic"):
            if column in tokenized.schema.names:
                values = pa.table({"value": tokenized.column(column), "tokens": tokens})
                grouped = values.group_by("value", use_threads=False)
                statistics[column] = {
                    row["value"] or "none": row["tokens_sum"]
                    for row in grouped.aggregate([("tokens", "sum")]).to_pylist()
                }
        return statistics


@dataclass(eq=False)
class TokenizeDocuments(beam.PTransform):  # type: ignore[misc]
    """Shard numbers -> token batches of the kept documents of each shard."""

    read: TokenizeInput
    mixture: MixtureConfig

    def __post_init__(self) -> None:
        super().__init__(label="Tokenize documents")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, shards: beam.PCollection) -> StageOutcome:
        """Nothing is rejected here."""
        documents = shards | "Read kept" >> beam.ParDo(_ReadKept(self.read)).with_output_types(
            pa.RecordBatch
        )
        return split_outcome(
            documents
            | "Tokenize" >> outputs(beam.ParDo(_Tokenize(self.mixture, self.read.schema())))
        )


class _ReadKept(beam.DoFn):  # type: ignore[misc]
    """Reads documents with their sidecars, only the kept rows, numbered as in the shard."""

    def __init__(self, read: TokenizeInput) -> None:
        tables = ((read.documents, DOCUMENTS), *read.sidecars)
        self._tables = [(finished.folder, output) for finished, output in tables]
        self._kept = None if read.kept is None else read.kept.folder
        self._num_shards = read.num_shards
        self._described = [*read.described(), DOCUMENT_SCHEMA.field(_TEXT), _ROW_FIELD]

    def process(self, shard: int) -> Iterator[pa.RecordBatch]:
        paths = [folder.table(output, shard, self._num_shards) for folder, output in self._tables]
        schema = pa.schema([_ROW_FIELD])
        yield from addressed(
            self._read(shard, paths),
            shard=shard,
            num_shards=self._num_shards,
            empty=empty(schema),
        )

    def _read(self, shard: int, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
        kept = None if self._kept is None else kept_rows(self._kept, shard, self._num_shards)
        start = 0
        for step in read_aligned(paths, [None] * len(paths)):
            numbers = np.arange(start, start + step[0].num_rows, dtype=np.int64)
            start += step[0].num_rows
            batch = join_measures(step).append_column(_ROW, pa.array(numbers))
            if kept is not None:
                batch = batch.filter(pa.array(np.isin(numbers, kept, assume_unique=True)))
            if batch.num_rows:
                yield _completed(_without_passages(batch), self._described)


class _Tokenize(beam.DoFn):  # type: ignore[misc]
    def __init__(self, mixture: MixtureConfig, schema: pa.Schema) -> None:
        self._mixture = mixture
        self._schema = schema
        self._tokenizer: Tokenizer | None = None

    def setup(self) -> None:
        self._tokenizer = load_tokenizer(self._mixture)

    def process(self, documents: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if self._tokenizer is None:
            raise RuntimeError("process() before setup()")
        if documents.num_rows:
            outcome = tokenize_batch(
                documents,
                self._tokenizer,
                self._schema,
                is_first_checked=address_of(documents).sequence == 0,
            )
        else:
            outcome = all_kept(empty(self._schema))
        yield from tagged(outcome, address_of(documents))


def _without_passages(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The documents with the texts that go on, where a sidecar says what is cut of them."""
    if CUTS not in batch.schema.names:
        return batch
    texts = without_cuts(batch.column(_TEXT), batch.column(CUTS))
    return batch.set_column(
        batch.schema.get_field_index(_TEXT), DOCUMENT_SCHEMA.field(_TEXT), texts
    )


def _completed(batch: pa.RecordBatch, fields: Sequence[pa.Field]) -> pa.RecordBatch:
    """The columns ``fields`` of ``batch``; one that it lacks is null."""
    names = set(batch.schema.names)
    columns = [
        batch.column(field.name) if field.name in names else pa.nulls(batch.num_rows, field.type)
        for field in fields
    ]
    return pa.record_batch(columns, schema=pa.schema(list(fields)))


def inexact(documents: pa.RecordBatch) -> pa.RecordBatch:
    """Failures of documents whose tokens decode to another text."""
    count = documents.num_rows
    values = locators(documents) | {
        "stage": pa.array([STAGE] * count, pa.string()),
        "error_type": pa.array(["RoundTripError"] * count, pa.string()),
        "message": pa.array(["its tokens decode to another text"] * count, pa.string()),
        "traceback": pa.nulls(count, pa.string()),
    }
    return pa.record_batch([values[field.name] for field in FAILURE_SCHEMA], schema=FAILURE_SCHEMA)
