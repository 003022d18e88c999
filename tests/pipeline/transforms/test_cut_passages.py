"""The stage that cuts passages, and tokenization behind it, as a run has them."""

import dataclasses
from pathlib import Path

import pyarrow as pa
import pytest

from filters.dedup.config import PassageConfig
from mixtures.spec import MixtureConfig
from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.records.manifest import Counts
from pipeline.storage.tables import read_table
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.cut_passages import PASSAGES, PASSAGES_SCHEMA, SOURCES, passages_stage
from pipeline.transforms.decide import KEPT_SCHEMA
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import KEPT
from pipeline.transforms.rank_clusters import MARKS_SCHEMA
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.tokenize import TOKENS, TokenizeInput, tokenize_stage
from tests.mixtures.texts import words
from tests.support.beam import FOUR_THREADS, OPTIONS
from tests.support.document_rows import SOURCE_FILE
from tests.support.stages import finished

CONFIG = PassageConfig(min_words=3)
SHARED = "a b c\n"


def documents(*rows: dict) -> pa.RecordBatch:
    """Documents; ``name`` makes the id."""
    made = [
        {
            "id": document_id(row.get("source", "web"), row["name"]),
            "text": row["text"],
            "source": row.get("source", "web"),
            "media_type": "text/plain",
            "provenance": {"archive": "a", "offset": 0},
            "code": row.get("code"),
        }
        for row in rows
    ]
    return pa.RecordBatch.from_pylist(made, schema=DOCUMENT_SCHEMA)


def inputs(folder: Path, shards: list[pa.RecordBatch], rejected=()) -> tuple[Finished, ...]:
    """Documents, measures and kept rows: all but the texts ``rejected``."""
    measures = [batch.select(["id", "source"]) for batch in shards]
    kept = [
        pa.RecordBatch.from_pylist(
            [
                {"id": row["id"], "source": row["source"], "row": number}
                for number, row in enumerate(batch.to_pylist())
                if row["text"] not in rejected
            ],
            schema=KEPT_SCHEMA,
        )
        for batch in shards
    ]
    return (
        finished(folder, DOCUMENTS, shards),
        finished(folder, MEASURES, measures),
        finished(folder, KEPT, kept),
    )


def cut(folder: Path, given: tuple[Finished, ...], options=OPTIONS, **how) -> Finished:
    stage = passages_stage(*given, CONFIG, **how)
    return run_stage(stage, str(folder), options, max_failed_ratio=0)


def rows_of(done: Finished, output: str) -> list[dict]:
    number = done.num_shards(output)
    paths = (done.folder.table(output, shard, number) for shard in range(number))
    return [row for path in paths for batch in read_table(path) for row in batch.to_pylist()]


def test_one_copy_is_kept_in_a_document_that_the_rules_keep(tmp_path):
    texts = [f"{name}\n\n{SHARED}" for name in ("r", "s", "t", "u")]
    shards = [
        documents(*({"name": text, "text": text} for text in texts[:2])),
        documents(),
        documents(
            *({"name": text, "text": text} for text in texts[2:]),
            {"name": "f", "text": SHARED, "code": SOURCE_FILE, "source": "code"},
        ),
    ]
    least = min(texts, key=lambda text: document_id("web", text))
    done = cut(tmp_path, inputs(tmp_path, shards, rejected={least}))
    rows = rows_of(done, PASSAGES)
    assert [row["id"] for row in rows] == [i for s in shards for i in s.column("id").to_pylist()]
    cut_ids = {row["id"] for row in rows if row["passages.cuts"]}
    kept_ids = sorted(document_id("web", text) for text in texts if text != least)
    assert cut_ids == set(kept_ids[1:]), "the least of those that are kept keeps its passage"
    assert {row["passages.cut_chars"] for row in rows} == {0, len(f"\n{SHARED}")}
    assert done.manifest.counts == Counts(rows_in=5, kept=5, rejected=0, failed=0)
    assert done.manifest.statistics[SOURCES] == {
        "code": {
            "documents": 1,
            "chars": 6,
            "windows": 0,
            "cut_documents": 0,
            "cuts": 0,
            "cut_chars": 0,
        },
        "web": {
            "documents": 3,
            "chars": 27,
            "windows": 6,
            "cut_documents": 2,
            "cuts": 2,
            "cut_chars": 14,
        },
    }
    assert not Path(done.folder.locate("work")).exists()


@pytest.fixture
def many() -> list[pa.RecordBatch]:
    """Four shards of documents that share lines."""
    lines = ["a b c\n", "d e f g\n", "h\n", "\n", "i j\n", "k l m n o\n"]
    texts = ["".join(lines[(n * k + k // 3) % 6] for k in range(n % 9)) for n in range(40)]
    return [
        documents(*({"name": str(n), "text": texts[n]} for n in range(first, first + 10)))
        for first in range(0, 40, 10)
    ]


@pytest.mark.parametrize(
    ("options", "how"),
    [
        (OPTIONS, {"partition_documents": 3}),
        (OPTIONS, {"group_rows": 1}),
        (FOUR_THREADS, {"partition_documents": 1, "group_rows": 25}),
    ],
)
def test_neither_partitions_nor_workers_change_a_byte(tmp_path, many, options, how):
    one, other = (
        cut(tmp_path / name, inputs(tmp_path / name, many), **given)
        for name, given in (("one", {}), ("other", {"options": options, **how}))
    )
    assert one.manifest.outputs == other.manifest.outputs
    assert one.manifest.statistics[SOURCES]["web"]["cuts"] > 10


def test_documents_in_other_shards_are_cut_alike(tmp_path, many):
    batch = pa.Table.from_batches(many).combine_chunks().to_batches()[0]
    order = pa.array([(7 * n + 3) % 40 for n in range(40)])
    moved = batch.take(order)
    found = [
        {row["id"]: row for row in rows_of(cut(folder, inputs(folder, shards)), PASSAGES)}
        for folder, shards in (
            (tmp_path / "one", many),
            (tmp_path / "other", [moved.slice(0, 33), moved.slice(33)]),
        )
    ]
    assert found[0] == found[1]


@pytest.fixture
def mixture(tmp_path) -> MixtureConfig:
    names = ["<unk>", "a", "b", "c", "x", "y"]
    path = words(tmp_path, {name: number for number, name in enumerate(names)})
    stage = {"name": "one", "sequence_tokens": 16, "components": [{"name": "all", "weight": 100}]}
    tokens = {"tokenizer": str(path), "eod_token": "<end>", "pad_token": "<pad>"}
    return MixtureConfig.model_validate({"seed": 0, **tokens, "stages": [stage]})


def test_texts_are_tokenized_without_what_is_cut_and_stay_as_they_are(tmp_path, mixture):
    # The tokenizer of this test knows words alone, so only texts of one line come back exactly.
    texts = ["a b c", "a b c", "x", "a b c\nx"]
    shards = [documents(*({"name": str(n), "text": text} for n, text in enumerate(texts)))]
    given = inputs(tmp_path, shards)
    done = cut(tmp_path, given)
    sidecars = ((given[1], MEASURES), (done, PASSAGES))
    read = TokenizeInput(given[0], sidecars, given[2])
    tokens = run_stage(tokenize_stage(read, mixture), str(tmp_path), OPTIONS, max_failed_ratio=1)
    rows = {row["id"]: row for row in rows_of(tokens, TOKENS)}
    for document, passages in zip(shards[0].to_pylist(), rows_of(done, PASSAGES), strict=True):
        text = document["text"].encode()
        for cut_ in reversed(passages["passages.cuts"]):
            text = text[: cut_["begin"]] + text[cut_["end"] :]
        if text == document["text"].encode() and b"\n" in text:
            assert document["id"] not in rows, "it fails as it would without the stage"
            continue
        row = rows[document["id"]]
        assert row["text_bytes"] == len(text)
        assert row["num_tokens"] == len(text.split()) + 1
        assert row["passages.cut_ratio"] == passages["passages.cut_ratio"]
        assert row["passages.cuts"] == passages["passages.cuts"]
    assert any(row["num_tokens"] == 1 for row in rows.values()), "a text that is cut to nothing"


def test_documents_without_passages_have_the_columns_of_those_with(tmp_path, mixture):
    given = inputs(tmp_path, [documents({"name": "x", "text": "x"})])
    plain = TokenizeInput(given[0], ((given[1], MEASURES),), None)
    shared = dataclasses.replace(plain, shared=(MARKS_SCHEMA, PASSAGES_SCHEMA))
    stages = [tokenize_stage(read, mixture) for read in (plain, shared)]
    assert stages[0].identity != stages[1].identity
    done = run_stage(stages[1], str(tmp_path), OPTIONS, max_failed_ratio=0)
    [row] = rows_of(done, TOKENS)
    assert [row[name] for name in row if name.startswith("passages.")] == [None] * 3
    assert done.manifest.config["columns"] == list(row)
