"""The whole search for duplicates, both stages, on planted and on random corpora."""

import random
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

from filters.dedup.config import DeduplicateConfig, LargeClusterConfig, NearDuplicateConfig
from pipeline.errors import InvariantError
from pipeline.transforms import connect_clusters, deduplicate, exchange, rank_clusters, tasks
from pipeline.transforms import corpus as corpus_module
from pipeline.transforms.rank_clusters import CLUSTERS, LARGEST, MARKS, MARKS_SCHEMA, SEARCHES
from tests.pipeline.transforms.duplicate_corpora import (
    CONFIG,
    QUALITY,
    Day,
    Document,
    Finding,
    find_duplicates,
    marks_of,
    new_id,
    rows_of,
    spread,
    with_edits,
    words,
    write_day,
    written,
)
from tests.pipeline.transforms.plain_deduplication import plain_marks
from tests.support.beam import FOUR_THREADS, OPTIONS

SETTINGS = {"partition_entries": 50, "partition_nodes": 7, "group_rows": 1}
"""Much smaller than by default: 36 partitions of bands, 32 of nodes, a task a shard."""


def corpus() -> dict[str, list[Document]]:
    """Documents by what they are there for."""
    rng = random.Random(11)

    def add(text: str, url: str | None = None, quality: float | None = 0.5) -> Document:
        return Document(new_id(rng), text, url, quality)

    alone = [
        add(words(rng, 120), f"http://example.org/{i}", 0.1 + 0.9 * rng.random()) for i in range(40)
    ]
    template = words(rng, 200)
    return {
        "alone": alone,
        "url": [add(words(rng, 120), f"https://EXAMPLE.org/{i}/") for i in range(10)],
        "exact": [add(f"  {alone[10 + i].text}\n", None, None) for i in range(10)],
        "near": [add(with_edits(alone[20 + i].text, rng, 1)) for i in range(10)],
        "dissimilar": [add(with_edits(alone[30 + i].text, rng, 90)) for i in range(10)],
        "short": [add(f"too short to {end}") for end in ("sign", "sign", " be signed")],
        # A page found under the address of one document and with the text of another.
        "tie": [add(alone[12].text, "http://example.org/3?utm_source=x", 0.99)],
        "copies": [add(alone[9].text) for _ in range(60)],
        "template": [
            add(with_edits(template, rng, 1), None, rng.choice([None, 0.25, 0.75]))
            for _ in range(40)
        ],
        "rejected": [add(alone[8].text, None, 0.01)],
        "failed": [add(alone[7].text)._replace(is_annotated=False)],
    }


def flat(documents: dict[str, list[Document]]) -> list[Document]:
    return [document for part in documents.values() for document in part]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    shards = spread(flat(corpus()), 5, seed=4)
    return write_day(tmp_path_factory.mktemp("day"), [*shards[:2], [], *shards[2:]])


@pytest.fixture(scope="module")
def found(day: Day) -> Finding:
    return find_duplicates(day)


@pytest.fixture(scope="module")
def marks(found: Finding) -> dict[str, dict[str, Any]]:
    return marks_of(found)


def test_planted_duplicates_are_found_by_their_kind(marks: dict[str, dict[str, Any]]) -> None:
    documents = corpus()
    for kind, first in (("url", 0), ("exact", 10), ("near", 20)):
        for original, copy in zip(documents["alone"][first:], documents[kind], strict=False):
            rows = marks[original.id], marks[copy.id]
            assert rows[0]["cluster_id"] == rows[1]["cluster_id"] is not None
            assert kind in {row["kind"] for row in rows}


def test_documents_without_a_duplicate_are_alone(marks: dict[str, dict[str, Any]]) -> None:
    documents = corpus()
    alone = {"cluster_id": None, "rank": 0, "cluster_size": 1, "kind": None}
    alone |= {"keeper_id": None, "older_id": None}
    for document in [*documents["alone"][30:], *documents["dissimilar"], *documents["failed"]]:
        assert marks[document.id] == {"id": document.id, "source": "web", **alone}


def test_short_documents_are_duplicates_only_when_equal(marks: dict[str, dict[str, Any]]) -> None:
    found = [marks[document.id] for document in corpus()["short"]]
    assert [row["cluster_size"] for row in found] == [2, 2, 1]
    assert {row["kind"] for row in found[:2]} == {None, "exact"}


def test_a_document_that_ties_two_clusters_makes_them_one(
    marks: dict[str, dict[str, Any]],
) -> None:
    documents = corpus()
    # Two documents of one address, two of one text, and the one that has both.
    chain = [documents["alone"][3], documents["url"][3], documents["alone"][12]]
    chain += [documents["exact"][2], *documents["tie"]]
    rows = [marks[document.id] for document in chain]
    assert {row["cluster_size"] for row in rows} == {5}
    assert {row["cluster_id"] for row in rows} == {min(document.id for document in chain)}
    assert [row["kind"] for row in rows] == ["url", "url", "exact", "exact", None]


def test_a_text_of_many_copies_and_a_hot_template_are_one_cluster_each(
    marks: dict[str, dict[str, Any]],
) -> None:
    documents = corpus()
    for name, original in (("copies", documents["alone"][9:10]), ("template", [])):
        members = [*original, *documents[name]]
        assert len({marks[document.id]["cluster_id"] for document in members}) == 1
        assert {marks[document.id]["cluster_size"] for document in members} >= {len(members)} - {61}


def test_every_cluster_keeps_its_best_and_ranks_the_rest(
    marks: dict[str, dict[str, Any]],
) -> None:
    by_id = {document.id: document for document in flat(corpus())}
    clusters: dict[str, list[dict[str, Any]]] = {}
    for row in marks.values():
        if row["cluster_id"] is not None:
            clusters.setdefault(row["cluster_id"], []).append(row)
    assert len(clusters) == 31  # 30 planted, two of them tied, the short ones and the template
    for name, rows in clusters.items():

        def order(row: dict[str, Any]) -> tuple[Any, ...]:
            quality = by_id[row["id"]].quality
            return quality == 0.01, quality is None, -(quality or 0.0), row["id"]

        rows.sort(key=order)
        assert name == min(row["id"] for row in rows)
        assert [row["rank"] for row in rows] == list(range(len(rows)))
        assert {row["cluster_size"] for row in rows} == {len(rows)}
        assert {row["keeper_id"] for row in rows} == {rows[0]["id"]}
        assert [row["kind"] is None for row in rows] == [True] + [False] * (len(rows) - 1)


def test_a_document_that_the_rules_reject_is_no_keeper(
    tmp_path: Path, day: Day, marks: dict[str, dict[str, Any]]
) -> None:
    [rejected] = corpus()["rejected"]
    assert marks[rejected.id]["rank"] == marks[rejected.id]["cluster_size"] - 1
    low = CONFIG.model_copy(
        update={"keep": (QUALITY.model_copy(update={"prefer": "lowest"}),)},
    )
    assert marks_of(find_duplicates(day, low, run=tmp_path))[rejected.id]["rank"] == 2
    trusting = find_duplicates(day, low, run=tmp_path / "no rules", rules=())
    assert marks_of(trusting)[rejected.id]["rank"] == 0


def test_every_shard_has_a_row_for_each_document_in_order(day: Day, found: Finding) -> None:
    entries = found.marks.manifest.shards(MARKS)
    assert [entry.rows for entry in entries][2] == 0
    for entry, measured in zip(entries, day.measures.manifest.shards("measures"), strict=True):
        table = pq.read_table(found.marks.folder.locate(entry.name))
        ids = pq.read_table(day.measures.folder.locate(measured.name), columns=["id"])
        assert table.schema.equals(MARKS_SCHEMA)
        assert table.column("id").equals(ids.column("id"))


def test_summaries_say_what_the_marks_say(
    day: Day, found: Finding, marks: dict[str, dict[str, Any]]
) -> None:
    sizes = [row["cluster_size"] for row in marks.values() if row["rank"] == 0]
    expected = {}
    for size in sorted(size for size in sizes if size > 1):
        most = 1 << (size - 1).bit_length()
        row = expected.setdefault(most, {"clusters": 0, "documents": 0})
        row["clusters"] += 1
        row["documents"] += size
    table = rows_of(found.marks, CLUSTERS)
    assert {row["max_documents"]: row for row in table} == {
        most: {"min_documents": 2 if most == 2 else most // 2 + 1, "max_documents": most, **row}
        for most, row in expected.items()
    }
    largest = rows_of(found.marks, LARGEST)
    assert [row["documents"] for row in largest] == sorted(sizes, reverse=True)[: len(largest)]
    shards = [
        pq.read_table(day.measures.folder.locate(entry.name), columns=["id"]).column("id")
        for entry in day.measures.manifest.shards("measures")
    ]
    for row in largest:
        ranks = [marks[member["id"]]["rank"] for member in row["members"]]
        assert ranks == list(range(min(5, row["documents"])))
        assert {marks[member["id"]]["cluster_id"] for member in row["members"]} == {
            row["cluster_id"]
        }
        for member in row["members"]:
            assert shards[member["shard"]][member["row"]].as_py() == member["id"]
    kinds = found.marks.manifest.statistics["dedup"]["web"]
    assert sum(kinds.values()) == len(marks)
    assert kinds["none"] == len(sizes)


@pytest.mark.parametrize("options", [OPTIONS, FOUR_THREADS])
def test_partitions_groups_and_buffers_change_no_byte(
    day: Day, found: Finding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any
) -> None:
    monkeypatch.setattr(exchange, "BLOCK_BYTES", 4000)
    monkeypatch.setattr(exchange, "READ_BYTES", 2000)
    monkeypatch.setattr(exchange, "MIN_READ_ROWS", 1)
    other = find_duplicates(day, run=tmp_path, options=options, **SETTINGS)
    assert written(other) == written(found)


@pytest.mark.parametrize(("num_shards", "seed"), [(1, 1), (4, 2), (9, 3)])
def test_order_and_shards_of_the_documents_change_no_mark(
    marks: dict[str, dict[str, Any]], tmp_path: Path, num_shards: int, seed: int
) -> None:
    shuffled = write_day(tmp_path, spread(flat(corpus()), num_shards, seed))
    assert marks_of(find_duplicates(shuffled)) == marks


def chain(num_documents: int) -> list[list[Document]]:
    """Documents of which each has the text of one neighbour and the address of the other."""
    rng = random.Random(5)
    texts = [words(rng, 30) for _ in range(num_documents)]
    documents = [
        Document(new_id(rng), texts[i // 2], f"http://e.org/{(i + 1) // 2}", rng.random())
        for i in range(num_documents)
    ]
    return [documents[begin : begin + 5] for begin in range(0, num_documents, 5)]


def test_a_long_chain_takes_several_graphs_and_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DeduplicateConfig(near=None, keep=(QUALITY,))
    day = write_day(tmp_path / "day", chain(200), config)
    many = find_duplicates(day, config, run=tmp_path / "many", **SETTINGS)
    assert {row["cluster_size"] for row in marks_of(many).values()} == {200}
    [search] = rows_of(many.marks, SEARCHES)
    assert search["rounds"] > 2
    graphs = []
    monkeypatch.setattr(deduplicate, "ROUNDS", 1)
    steps = deduplicate._steps
    monkeypatch.setattr(deduplicate, "_steps", lambda search: graphs.append(1) or steps(search))
    monkeypatch.setattr(corpus_module, "MIN_GROUPS", 1)  # all shards are one task's
    single = find_duplicates(day, config, run=tmp_path / "single")
    assert len(graphs) > search["rounds"] // 2
    assert written(single) == written(many)


def test_a_search_that_finds_no_end_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DeduplicateConfig(near=None, keep=(QUALITY,))
    day = write_day(tmp_path, chain(200), config)
    monkeypatch.setattr(deduplicate, "ROUNDS", 1)
    monkeypatch.setattr(deduplicate, "MAX_ROUNDS", 1)
    with pytest.raises(InvariantError, match="not found after 2 rounds"):
        find_duplicates(day, config)


@pytest.mark.parametrize(
    "killed_in", [(connect_clusters, "star_labels"), (rank_clusters, "mark_rows")]
)
def test_a_run_that_was_killed_goes_on_and_writes_the_same(
    day: Day,
    found: Finding,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_in: tuple[ModuleType, str],
) -> None:
    module, name = killed_in
    function = getattr(module, name)
    calls = []

    def fail_at_third(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("killed")
        return function(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail_at_third)
        with pytest.raises(ValueError, match="killed"):
            find_duplicates(day, run=tmp_path)
    files = (path for path in tmp_path.rglob("work/*") if path.is_file())
    made = {path.name: path.stat().st_mtime_ns for path in files}
    assert {name.rpartition(".")[2] for name in made} == {"rows", "index", "json"}
    kept = tmp_path / "kept"
    with monkeypatch.context() as patch:
        # What was made is looked at before the stage deletes it.
        patch.setattr(tasks, "remove", lambda path: shutil.copytree(path, kept))
        resumed = find_duplicates(day, run=tmp_path)
    assert written(resumed) == written(found)
    assert {name: (kept / name).stat().st_mtime_ns for name in made} == made


@pytest.mark.parametrize("seed", range(10))
def test_clusters_are_those_that_all_pairs_and_union_find_give(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    config = DeduplicateConfig(
        url=rng.random() < 0.8,
        exact=rng.random() < 0.8,
        # Every pair that shares a value of the signature is a candidate.
        near=NearDuplicateConfig(threshold=0.8, bands=112, rows=1),
        keep=(QUALITY,),
        large_clusters=rng.choice([None, LargeClusterConfig(max_documents=3, threshold=0.9)]),
    )
    documents = random_documents(rng, num_documents=16)
    day = write_day(tmp_path, spread(documents, rng.randint(1, 5), seed), config)
    found = find_duplicates(day, config, partition_entries=600, partition_nodes=3, group_rows=1)
    assert marks_of(found) == plain_marks(documents, config)


def random_documents(rng: random.Random, *, num_documents: int) -> list[Document]:
    """Documents of which many are copies of others, with all sorts of changes."""
    documents: list[Document] = []
    for _ in range(num_documents):
        original = rng.choice(documents).text if documents and rng.random() < 0.8 else None
        text = words(rng, rng.choice([3, 12, 60])) if original is None else original
        if len(text.split()) > 10:
            text = with_edits(text, rng, rng.choice([0, 0, 1, 1, 2, 3]))
        url = rng.choice([None, None, f"http://e.org/{rng.randrange(12)}", "no address"])
        quality = rng.choice([None, 0.01, 0.3, 0.6, 0.9])
        is_annotated = rng.random() < 0.95
        documents.append(Document(new_id(rng), text, url, quality, "web", is_annotated))
    return documents


def templated(rng: random.Random) -> list[Document]:
    """Pages of which each is a little off the one before: similarity 0.86, and 0.74 two on."""
    text = words(rng, 200)
    pages = []
    for _ in range(60):
        text = with_edits(text, rng, 3)
        pages.append(Document(new_id(rng), text))
    return pages


def test_large_clusters_are_held_together_by_strong_pairs_only(tmp_path: Path) -> None:
    rng = random.Random(6)
    pages = templated(rng)
    copies = [Document(new_id(rng), pages[0].text) for _ in range(30)]
    day = write_day(tmp_path, spread([*pages, *copies], 4, seed=1))
    near = NearDuplicateConfig(threshold=0.8, bands=28, rows=4)  # finds every pair of the chain
    loose = CONFIG.model_copy(update={"near": near, "large_clusters": None})
    together = marks_of(find_duplicates(day, loose, run=tmp_path / "loose"))
    assert {together[page.id]["cluster_size"] for page in pages} == {90}
    strict = loose.model_copy(update={"large_clusters": LargeClusterConfig(max_documents=20)})
    found = find_duplicates(day, strict, run=tmp_path / "strict")
    split = marks_of(found)
    same_text = [pages[0], *copies]
    assert {split[document.id]["cluster_size"] for document in same_text} == {31}
    assert {split[page.id]["cluster_size"] for page in pages[1:]} == {1}
    searches = found.marks.manifest.statistics["searches"]
    assert searches["all"]["large_clusters"] == 1
    assert searches["all"]["large_documents"] == 90
    assert searches["all"]["dropped_pairs"] == searches["all"]["pairs"] - 30
    # Small clusters are left alone by the second look.
    trusting = loose.model_copy(update={"large_clusters": LargeClusterConfig(max_documents=90)})
    assert marks_of(find_duplicates(day, trusting, run=tmp_path / "trusting")) == together


def test_a_similarity_that_equals_the_threshold_of_large_clusters_is_strong(tmp_path: Path) -> None:
    # 39 words in common at the front, and one more each: 35 shingles of 37 are shared.
    rng = random.Random(3)
    text = words(rng, 39)
    pages = [Document(new_id(rng), f"{text} end{i}") for i in range(3)]
    at = DeduplicateConfig(
        near=NearDuplicateConfig(threshold=0.9, bands=112, rows=1),
        large_clusters=LargeClusterConfig(max_documents=2, threshold=35 / 37),
    )
    day = write_day(tmp_path, [pages], at)
    assert {row["cluster_size"] for row in marks_of(find_duplicates(day, at)).values()} == {3}
