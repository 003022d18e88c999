"""The tokenization stage as a run has it: Parquet in, token shards, failures and counts out."""

from pathlib import Path

import pyarrow as pa
import pytest

from mixtures.spec import MixtureConfig
from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.records.manifest import Counts
from pipeline.run import local_options
from pipeline.storage.tables import read_table
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import FAILED
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.tokenize import (
    TOKENS,
    TokenizeInput,
    load_tokenizer,
    tokenize_stage,
)
from tests.mixtures.texts import words
from tests.support.stages import finished

MEASURES_SCHEMA = pa.schema([("id", pa.string()), ("prose.words", pa.int32())])


@pytest.fixture
def mixture(tmp_path: Path) -> MixtureConfig:
    """Of a vocabulary of two words, ids 1 and 2, after the unknown; 3 ends a document."""
    path = words(tmp_path, {"<unk>": 0, "a": 1, "b": 2})
    return MixtureConfig.model_validate(
        {
            "seed": 0,
            "tokenizer": str(path),
            "eod_token": "<end>",
            "pad_token": "<pad>",
            "stages": [
                {
                    "name": "one",
                    "sequence_tokens": 16,
                    "components": [{"name": "all", "weight": 100}],
                }
            ],
        }
    )


def documents(texts: list[str], source: str = "web") -> pa.RecordBatch:
    rows = [
        {
            "id": document_id(source, f"{text} {number}"),
            "text": text,
            "source": source,
            "url": f"https://example.org/{text}",
            "media_type": "text/plain",
            "provenance": {"archive": "a.warc.gz", "offset": number},
        }
        for number, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT_SCHEMA)


def run(folder: Path, shards: list[pa.RecordBatch], mixture: MixtureConfig) -> Finished:
    measures = [
        pa.record_batch(
            [batch.column("id"), pa.array([7] * batch.num_rows, pa.int32())],
            schema=MEASURES_SCHEMA,
        )
        for batch in shards
    ]
    given = finished(folder, DOCUMENTS, shards)
    sidecars = ((finished(folder, MEASURES, measures), MEASURES),)
    stage = tokenize_stage(TokenizeInput(given, sidecars, None), mixture)
    return run_stage(stage, str(folder), local_options(), max_failed_ratio=1)


def test_documents_become_tokens_and_inexact_ones_fail(
    tmp_path: Path, mixture: MixtureConfig
) -> None:
    shards = [documents(["a b", "a zebra", "b b a"]), documents(["a", "a  b"], "papers")]
    done = run(tmp_path / "run", shards, mixture)
    assert done.manifest.counts == Counts(rows_in=5, kept=3, rejected=0, failed=2)
    rows = [
        row
        for shard in range(2)
        for batch in read_table(done.folder.table(TOKENS, shard, 2))
        for row in batch.to_pylist()
    ]
    assert [row["tokens"] for row in rows] == [[1, 2, 3], [2, 2, 1, 3], [1, 3]]
    assert [row["row"] for row in rows] == [0, 2, 0]
    assert {row["prose.words"] for row in rows} == {7}
    assert "text" not in rows[0]
    statistics = done.manifest.statistics
    assert statistics[TOKENS]["sources"] == {
        "web": {"documents": 2, "tokens": 7, "bytes": 8, "unknowns": 0},
        "papers": {"documents": 1, "tokens": 2, "bytes": 1, "unknowns": 0},
    }
    [(encoder, counted)] = statistics[TOKENS]["encoders"].items()
    assert encoder == str(load_tokenizer(mixture).encoder)
    assert counted == 3
    assert statistics[FAILED] == {"web": {"RoundTripError": 1}, "papers": {"RoundTripError": 1}}


def test_a_shard_without_documents_has_an_empty_table(
    tmp_path: Path, mixture: MixtureConfig
) -> None:
    done = run(tmp_path / "run", [documents([]), documents(["a"])], mixture)
    assert [entry.rows for entry in done.manifest.shards(TOKENS)] == [0, 1]
