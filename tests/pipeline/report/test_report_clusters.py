from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import InvariantError
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.report import clusters as module
from pipeline.report.clusters import (
    OF_EARLIER_RUN,
    SAMPLE_CHARS,
    TEXT_IS_GONE,
    Sample,
    SizeClass,
    read_clusters,
)
from pipeline.storage.filesystem import remove
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter

Rows = list[dict[str, Any]]
Stage = tuple[StageFolder, Manifest]

SIZES_SCHEMA = pa.schema(
    [(name, pa.int64()) for name in ("min_documents", "max_documents", "clusters", "documents")]
)
MEMBER = pa.struct([("id", pa.string()), ("shard", pa.int32()), ("row", pa.int64())])
LARGEST_SCHEMA = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("documents", pa.int64()),
        ("members", pa.list_(MEMBER)),
    ]
)


def write(folder: StageFolder, output: str, shards: Sequence[Rows], schema: pa.Schema) -> Any:
    """Shards of rows, and their entries."""
    entries = []
    for shard, rows in enumerate(shards):
        name = folder.shard_file(output, shard, len(shards))
        writer = TableWriter(folder.locate(name), schema)
        for row in rows:  # a batch each
            writer.write(pa.RecordBatch.from_pylist([row], schema=schema))
        entries.append(ShardEntry(output, shard, name, len(rows), *writer.close()))
    return tuple(entries)


def stage(name: str, folder: StageFolder, **outputs: Any) -> Stage:
    return folder, Manifest(name, 1, "abc", {}, {}, Counts(0, 0, 0, 0), outputs)


def ingested(folder: str, texts: Sequence[Sequence[str]]) -> Stage:
    """Documents with these texts; the id says shard and row."""
    there = StageFolder(f"{folder}/ingest")
    rows = [
        [
            {
                "id": identity(shard, row),
                "text": text,
                "source": f"source-{shard}",
                "url": None if row else f"https://example.org/{shard}",
                "media_type": "text/html",
                "provenance": {"archive": "a"},
            }
            for row, text in enumerate(shard_texts)
        ]
        for shard, shard_texts in enumerate(texts)
    ]
    return stage("ingest", there, documents=write(there, "documents", rows, DOCUMENT_SCHEMA))


def marked(folder: str, *members: Rows, sizes: Sequence[Sequence[int]] = ()) -> Stage:
    there = StageFolder(f"{folder}/deduplicate")
    largest = [
        {"cluster_id": min(one["id"] for one in cluster), "documents": 9, "members": cluster}
        for cluster in members
    ]
    return stage(
        "deduplicate",
        there,
        clusters=write(
            there,
            "clusters",
            [[dict(zip(SIZES_SCHEMA.names, size, strict=True)) for size in sizes]],
            SIZES_SCHEMA,
        ),
        largest=write(there, "largest", [largest], LARGEST_SCHEMA),
    )


def identity(shard: int, row: int) -> str:
    return f"{shard:016x}{row:016x}"


def member(shard: int, row: int, **changed: Any) -> dict[str, Any]:
    return {"id": identity(shard, row), "shard": shard, "row": row} | changed


def test_keeper_and_two_others_are_shown_with_their_texts(folder: str) -> None:
    documents = ingested(folder, [["a0", "a1"], ["b0", "b1", "b2"]])
    one = [member(1, 2), member(0, 0), member(1, 1), member(0, 1)]
    found = read_clusters([documents, marked(folder, one, [member(1, 0), member(0, 1)])])
    first, second = found.largest
    assert [sample.text for sample in first.samples] == ["b2", "a0", "b1"]
    assert [sample.id for sample in first.samples] == [one[n]["id"] for n in range(3)]
    assert first.sources == ("source-1", "source-0")
    assert first.samples[1].url == "https://example.org/0"
    assert [sample.text for sample in second.samples] == ["b0", "a1"]
    assert (first.cluster_id, first.documents) == (identity(0, 0), 9)


@pytest.mark.parametrize("group_rows", [1, 2, 3, 100])
def test_rows_are_found_in_whatever_row_group_they_lie(
    folder: str, group_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.storage.tables.GROUP_ROWS", group_rows)
    documents = ingested(folder, [[f"text {n}" for n in range(7)]])
    wanted = [[member(0, n), member(0, 6 - n)] for n in range(3)]
    found = read_clusters([documents, marked(folder, *wanted)])
    assert [[sample.text for sample in one.samples] for one in found.largest] == [
        [f"text {n}", f"text {6 - n}"] for n in range(3)
    ]


def test_long_texts_are_cut_between_characters(folder: str) -> None:
    exact, long = "\N{GRINNING FACE}" * SAMPLE_CHARS, "\N{GRINNING FACE}" * (SAMPLE_CHARS + 1)
    documents = ingested(folder, [[exact, long]])
    found = read_clusters([documents, marked(folder, [member(0, 0), member(0, 1)])])
    [whole, cut] = [sample.text for sample in found.largest[0].samples]
    assert whole == exact
    assert cut == exact + "\N{HORIZONTAL ELLIPSIS}"


def test_a_text_of_an_earlier_run_is_said_to_be_there_and_others_go_before_it(folder: str) -> None:
    old = [{"id": identity(7, n), "shard": None, "row": None} for n in range(3)]
    cluster = [old[0], old[1], member(0, 0), old[2], member(0, 1)]
    [found] = read_clusters([ingested(folder, [["a0", "a1"]]), marked(folder, cluster)]).largest
    assert found.samples[0] == Sample(id=identity(7, 0), absence=OF_EARLIER_RUN)
    assert [sample.text for sample in found.samples[1:]] == ["a0", "a1"]


def test_a_text_whose_file_is_gone_is_said_to_be(folder: str) -> None:
    documents = ingested(folder, [["a0"], ["b0"]])
    remove(documents[0].locate(documents[1].shards("documents")[1].name))
    marks = marked(folder, [member(0, 0), member(1, 0)])
    [found] = read_clusters([documents, marks]).largest
    assert found.samples[0].text == "a0"
    assert found.samples[1] == Sample(id=identity(1, 0), absence=TEXT_IS_GONE)
    [found] = read_clusters([marks]).largest
    assert {sample.absence for sample in found.samples} == {TEXT_IS_GONE}


def test_a_row_of_another_document_is_refused(folder: str) -> None:
    documents = ingested(folder, [["a0", "a1"]])
    marks = marked(folder, [member(0, 0, id=identity(0, 1)), member(0, 1)])
    with pytest.raises(InvariantError, match=f"row 0 of shard 0 .* {identity(0, 0)}"):
        read_clusters([documents, marks])


def test_only_shards_that_hold_a_sample_are_opened(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_input = module.open_input
    monkeypatch.setattr(module, "open_input", lambda path: opened.append(path) or open_input(path))
    documents = ingested(folder, [["a0"], ["b0"], ["c0"]])
    read_clusters([documents, marked(folder, [member(0, 0), member(2, 0)])])
    names = [entry.name for entry in documents[1].shards("documents")]
    assert [path.endswith(name) for path, name in zip(opened, names[::2], strict=True)] == [
        True
    ] * 2


def test_size_classes_are_read_as_they_are(folder: str) -> None:
    found = read_clusters([marked(folder, sizes=[(2, 2, 5, 10), (1025, 2048, 1, 1300)])])
    assert found.sizes == (
        SizeClass(min_documents=2, max_documents=2, clusters=5, documents=10),
        SizeClass(min_documents=1025, max_documents=2048, clusters=1, documents=1300),
    )
    assert [one.label for one in found.sizes] == ["2", "1,025 to 2,048"]
    assert found.largest == ()


def test_a_run_without_marks_has_no_clusters(folder: str) -> None:
    assert read_clusters([ingested(folder, [["a"]])]) == module.Clusters()
