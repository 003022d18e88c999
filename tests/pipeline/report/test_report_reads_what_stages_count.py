"""The report knows stages' outputs and statistics by name; here the stages' own code makes them."""

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mixtures.ledger import count_realised, nest
from mixtures.packing import PackingCounts, pack
from mixtures.spec import ComponentSpec, MixtureConfig, StageSpec
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.manifest import Counts, Manifest, Statistics
from pipeline.report.summary import RunSummary, summarize_run
from pipeline.transforms import (
    decide,
    deduplicate,
    duplicate_pairs,
    ingest,
    outcome,
    rank_clusters,
    read,
    tokenize,
    windows,
)
from pipeline.transforms.extract import summarize_documents
from tests.pipeline.report.reported_run import solution

DOCUMENTS = 3


def summarize(stage: str, statistics: Statistics, **more: Any) -> RunSummary:
    manifest = Manifest(stage, 1, "abc", {}, {}, Counts(3, 3, 0, 0), {}, statistics)
    return summarize_run(recipe="demo", manifests=[manifest], **more)


def table(**columns: list[Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(columns)


def test_records_documents_and_structure_of_a_source() -> None:
    document = {
        "id": "0" * 32,
        "text": "four",
        "source": "web",
        "media_type": "text/html",
        "provenance": {"archive": "a.warc"},
        "structure": {"formulas_found": 10, "formulas_kept": 7, "tables_found": 0},
    }
    documents = pa.RecordBatch.from_pylist([document] * DOCUMENTS, schema=DOCUMENT_SCHEMA)
    counted = {"web": {"records": 5, "payload_bytes": 50, "ignored": {"warc.request": 2}}}
    summary = summarize(
        ingest.STAGE, {read.READ: counted, ingest.DOCUMENTS: summarize_documents(documents)}
    )
    [source] = summary.sources
    assert (source.records, source.payload_bytes, source.documents) == (5, 50, DOCUMENTS)
    assert (source.chars, source.ignored) == (12, (("warc.request", 2),))
    assert source.media_types == (("text/html", DOCUMENTS),)
    formulas = source.fidelity[0]
    assert (formulas.kind, formulas.found, formulas.kept) == ("formulas", 30, 21)
    assert summary.stages[0].is_on_main_path


def test_kept_rejected_and_failed_rows() -> None:
    lost = table(source=["web", "web"], reason=["a.too_low"] * 2, error_type=["ValueError"] * 2)
    summary = summarize(
        decide.STAGE,
        {
            outcome.KEPT: outcome.count_by("source")(table(source=["web"])),
            outcome.REJECTED: outcome.count_by("source", "reason")(lost),
            outcome.FAILED: outcome.count_by("source", "error_type")(lost),
            read.READ: {"web": {"records": 5}},
        },
    )
    [source] = summary.sources
    assert (source.kept, source.rejected, source.failed) == (1, 2, 2)
    assert [(one.name, one.rows) for one in summary.rejections] == [("a.too_low", 2)]
    assert [(one.name, one.rows) for one in summary.failures] == [("ValueError", 2)]


def test_duplicates_and_compared_pairs() -> None:
    marks = pa.RecordBatch.from_pydict(
        {"source": ["web"] * 3, "dedup.kind": pa.array([None, "near", "exact"])}
    )
    schema = duplicate_pairs.PAIRS_SCHEMA
    counts = {field.name: [4] for field in schema if field.name != "kind"}
    pairs = pa.RecordBatch.from_pydict({"kind": ["near"]} | counts, schema=schema)
    searched = {name: [2] for name in rank_clusters.SEARCH_COUNTS}
    searches = pa.RecordBatch.from_pydict(
        {"search": ["all"]} | searched, schema=rank_clusters.SEARCHES_SCHEMA
    )
    found = summarize(
        deduplicate.STAGE,
        {
            rank_clusters.MARKS: outcome.count_by("source", "dedup.kind")(marks),
            duplicate_pairs.PAIRS: duplicate_pairs.summarize_pairs(pairs),
            rank_clusters.SEARCHES: rank_clusters.summarize_searches(searches),
        },
    ).duplicates
    assert found is not None
    assert (found.documents, found.duplicates, found.kinds) == (3, 2, ("exact", "near"))
    [(kind, measures)] = found.compared
    assert (kind, dict(measures)) == ("near", dict.fromkeys(counts, 4))
    assert found.measures == duplicate_pairs.PAIR_COUNTS
    assert found.rounds == (("all", 2),)
    assert (found.stricter.clusters, found.stricter.dropped_pairs) == (2, 2)


def test_tokens_of_a_source() -> None:
    one = MixtureConfig(
        seed=0,
        stages=(
            StageSpec(
                name="all",
                sequence_tokens=16,
                components=(ComponentSpec(name="all", weight=100),),
            ),
        ),
    )
    tokens = pa.RecordBatch.from_pydict(
        {
            "source": ["web", "web"],
            "tokens": pa.array([[1] * 10, [1] * 20], pa.large_list(pa.int32())),
            "num_tokens": pa.array([10, 20], pa.int32()),
            "text_bytes": pa.array([40, 80], pa.int64()),
            "language.code": ["en", "de"],
        }
    )
    document = {
        "id": "0" * 32,
        "text": "four",
        "source": "web",
        "media_type": "text/html",
        "provenance": {"archive": "a.warc"},
    }
    lost = tokenize.inexact(pa.RecordBatch.from_pylist([document], schema=DOCUMENT_SCHEMA))
    summary = summarize(
        tokenize.STAGE,
        {
            tokenize.TOKENS: tokenize.SummarizeTokens(one)(tokens),
            outcome.FAILED: outcome.count_by("source", "error_type")(lost),
        },
    )
    [source] = summary.sources
    assert (source.tokenized, source.tokens, source.text_bytes) == (2, 30, 120)
    assert (source.unknowns, source.inexact) == (0, 1)
    assert source.tokens_per_byte == pytest.approx(0.25)
    [(encoder, documents)] = summary.encoders
    assert encoder.startswith(("fastokens", "tokenizers"))
    assert documents == 2


def test_windows_and_ledgers() -> None:
    solved = solution()
    stage = solved.stages[0]
    lengths = np.array([100, 9000, 40])
    segments = pack(lengths, sequence_tokens=stage.sequence_tokens, mtp_depth=1, shuffle_seed=1)
    counts = PackingCounts.of(segments, sequence_tokens=stage.sequence_tokens)
    documents = pa.table(
        {
            "num_tokens": pa.array(lengths, pa.int32()),
            "component": [stage.components[0].name] * 3,
            "source": ["web", "papers", "web"],
            "language.code": ["en", None, "en"],
            "tagger.quality": pa.array([0.05, 0.95, 1.0], pa.float32()),
            "copy": pa.array([0, 0, 1], pa.int32()),
            "seen": pa.array([0, 2, 1], pa.int32()),
        }
    )
    packing = dataclasses.asdict(counts) | {"live_targets": {"0": 9137, "1": 9134}}
    summary = summarize(
        f"windows-{stage.name}",
        {
            windows.WINDOWS: {"packing": packing},
            windows.DOCUMENTS: {"ledger": nest(count_realised(documents))},
        },
        solution=solved,
    )
    first = summary.mixture[0]
    assert first.packing == counts
    assert first.components[0].realised_tokens == 9140
    assert first.components[0].documents == 3
    assert first.components[0].unique_tokens == 9100
    assert first.components[0].new_tokens == 100
    assert first.live_targets == ((0, 9137), (1, 9134))
    rows = {ledger.column: ledger.rows for ledger in summary.ledgers}
    assert [(row.value, row.stage_tokens) for row in rows["quality"]] == [
        ("0", (100,)),
        ("9", (9040,)),
    ]
    assert {row.value: row.stage_tokens for row in rows["language"]} == {
        "en": (140,),
        "none": (9000,),
    }
