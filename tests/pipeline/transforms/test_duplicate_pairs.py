"""The pairs that are found, and what of the search is counted."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters.dedup.config import DeduplicateConfig, KeepPreference, NearDuplicateConfig
from pipeline.errors import InvariantError
from pipeline.transforms.duplicate_pairs import PAIR_COUNTS, PAIRS
from pipeline.transforms.verify_pairs import EDGES, EDGES_SCHEMA
from tests.pipeline.transforms.duplicate_corpora import (
    CONFIG,
    QUALITY,
    Day,
    Document,
    counts_of,
    find_duplicates,
    marks_of,
    new_id,
    rows_of,
    spread,
    with_edits,
    words,
    write_day,
)


def corpus() -> list[Document]:
    """Four pairs by address, three by text, two near ones, and a template of 40 pages."""
    rng = random.Random(21)
    alone = [Document(new_id(rng), words(rng, 80), f"http://e.org/{i}") for i in range(20)]
    copies = [Document(new_id(rng), words(rng, 80), f"http://E.org/{i}/") for i in range(4)]
    copies += [Document(new_id(rng), alone[i].text) for i in range(5, 8)]
    copies += [Document(new_id(rng), with_edits(alone[i].text, rng, 1)) for i in range(10, 12)]
    template = words(rng, 200)
    pages = [Document(new_id(rng), with_edits(template, rng, 1)) for _ in range(40)]
    short = [Document(new_id(rng), "too short to sign")]
    failed = [Document(new_id(rng), alone[3].text, is_annotated=False)]
    return [*alone, *copies, *pages, *short, *failed]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return write_day(tmp_path_factory.mktemp("pairs"), spread(corpus(), 4, seed=1))


def test_keys_buckets_and_pairs_are_counted(day: Day) -> None:
    found = find_duplicates(day)
    url, exact, near = (counts_of(found, kind) for kind in ("url", "exact", "near"))
    nothing = dict.fromkeys(PAIR_COUNTS, 0)
    assert url == nothing | {"keys": 24, "pairs": 4, "merged_pairs": 4}
    assert exact == nothing | {"keys": 70, "pairs": 3, "merged_pairs": 3}
    # Three copies, a short one and a failed one have no bands.
    assert near["copies"] == 3
    assert near["keys"] == 14 * (71 - 5)
    # The pages of a template meet in nearly every band, in more than are all compared.
    assert near["hot_buckets"] == 14
    assert 14 * 20 < near["hot_documents"] < 14 * 40
    assert 40 < near["merged_pairs"] <= near["pairs"] < 40 * 39 / 2
    assert 0 < near["compared_pairs"] < near["pairs"]
    assert [row["kind"] for row in rows_of(found.pairs, PAIRS)] == ["url", "exact", "near"]


def test_edges_lie_with_their_first_document_in_order_and_once(day: Day) -> None:
    found = find_duplicates(day)
    seen = []
    for entry in found.pairs.manifest.shards(EDGES):
        table = pq.read_table(found.pairs.folder.locate(entry.name))
        assert table.schema.equals(EDGES_SCHEMA)
        edges = table.to_pylist()
        assert {edge["first"] >> 32 for edge in edges} <= {entry.shard}
        seen += [(edge["first"], edge["second"]) for edge in edges]
        assert all(edge["first"] < edge["second"] for edge in edges)
        assert all((edge["similarity"] is None) == (edge["kind"] != "near") for edge in edges)
        assert all(0.8 <= edge["similarity"] <= 1 for edge in edges if edge["kind"] == "near")
    assert seen == sorted(set(seen))


def test_kinds_that_are_off_find_nothing(day: Day, tmp_path: Path) -> None:
    for number, kinds in enumerate([{"url"}, {"exact"}, {"url", "exact"}, set()]):
        config = DeduplicateConfig(url="url" in kinds, exact="exact" in kinds, near=None)
        found = find_duplicates(day, config, run=tmp_path / str(number))
        assert {row["kind"] for row in marks_of(found).values()} == {None, *kinds}
    # Without texts to compare, copies of a text are near duplicates like others.
    near = DeduplicateConfig(url=False, exact=False)
    marks = marks_of(find_duplicates(day, near, run=tmp_path / "near"))
    assert sum(row["kind"] == "near" for row in marks.values()) == 39 + 2 + 3


def test_signatures_alone_may_decide(day: Day, tmp_path: Path) -> None:
    signature = CONFIG.model_copy(update={"near": NearDuplicateConfig(verify="signature")})
    found = find_duplicates(day, signature, run=tmp_path)
    counts = counts_of(found, "near")
    assert counts["compared_pairs"] == 0
    assert counts["screened_pairs"] + counts["merged_pairs"] == counts["pairs"]
    assert sum(row["kind"] == "near" for row in marks_of(found).values()) == 39 + 2


@pytest.mark.parametrize("shards", [[], [[]], [[], [], []]], ids=["none", "one", "three"])
def test_a_corpus_without_documents_has_no_pairs(
    tmp_path: Path, shards: list[list[Document]]
) -> None:
    found = find_duplicates(write_day(tmp_path, shards))
    assert marks_of(found) == {}
    assert sum(counts_of(found, "near").values()) == 0


def test_shards_of_failed_documents_have_no_pairs(tmp_path: Path) -> None:
    documents = [document._replace(is_annotated=False) for document in corpus()]
    found = find_duplicates(write_day(tmp_path, [documents[:30], documents[30:]]))
    assert {row["cluster_size"] for row in marks_of(found).values()} == {1}


def test_an_id_that_is_no_id_is_named(tmp_path: Path) -> None:
    day = write_day(tmp_path, [[Document("number 7", words(random.Random(1), 20))]])
    with pytest.raises(InvariantError, match="'number 7' is not 32 lowercase hex"):
        find_duplicates(day)


def test_documents_may_be_preferred_by_their_own_fields(tmp_path: Path) -> None:
    """The keeper is read from the documents' table where the recipe asks for what lies there."""
    rng = random.Random(22)
    text = words(rng, 40)
    sources = ["mirror", "web", "archive"]
    documents = [Document(new_id(rng), text, source=source) for source in sources]
    by_source = KeepPreference(column="source", order=("archive", "web"))
    config = CONFIG.model_copy(update={"keep": (by_source, QUALITY)})
    marks = marks_of(find_duplicates(write_day(tmp_path, [documents[:1], documents[1:]]), config))
    ranks = {row["source"]: row["rank"] for row in marks.values()}
    assert ranks == {"archive": 0, "web": 1, "mirror": 2}


def test_tables_longer_than_a_batch_or_a_row_group_stay_aligned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.storage.tables.GROUP_ROWS", 7)
    monkeypatch.setattr("pipeline.transforms.verify_pairs.READ_ROWS", 5)
    for module in ("nominate_pairs", "rank_clusters"):
        monkeypatch.setattr(f"pipeline.transforms.{module}.BATCH_ROWS", 3)
    shards = spread(corpus(), 4, seed=1)
    small = find_duplicates(write_day(tmp_path / "small", shards))
    monkeypatch.undo()
    assert marks_of(small) == marks_of(find_duplicates(write_day(tmp_path / "large", shards)))
