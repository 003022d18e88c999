"""A corpus that comes day by day is marked as if it had come at once."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from filters.dedup.config import DeduplicateConfig, LargeClusterConfig, NearDuplicateConfig
from pipeline.errors import ConfigError
from pipeline.transforms.rank_clusters import INDEXED, MARKS
from tests.pipeline.transforms.duplicate_corpora import (
    CONFIG,
    QUALITY,
    Day,
    Document,
    Finding,
    counts_of,
    find_duplicates,
    index_of,
    marks_of,
    new_id,
    rows_of,
    spread,
    with_edits,
    without_older,
    words,
    write_day,
)
from tests.pipeline.transforms.plain_deduplication import plain_marks
from tests.pipeline.transforms.test_deduplicate import random_documents

Days = list[tuple[Day, Finding]]

LARGE_CLUSTERS = LargeClusterConfig(max_documents=15)


def run_days(
    folder: Path, parts: Sequence[Sequence[Document]], config: DeduplicateConfig = CONFIG
) -> Days:
    """A run a day, each with all earlier ones as its index."""
    days: Days = []
    for number, documents in enumerate(parts):
        shards = spread(documents, 1 + number % 3, number)
        day = write_day(folder / f"day-{number}", shards, config)
        days.append((day, find_duplicates(day, config, index=index_of(days))))
    return days


def run_at_once(
    folder: Path, documents: Sequence[Document], config: DeduplicateConfig = CONFIG
) -> Finding:
    day = write_day(folder / "at-once", spread(documents, 3, 0), config)
    return find_duplicates(day, config)


def divide(
    documents: Sequence[Document], num_days: int, rng: random.Random
) -> list[list[Document]]:
    parts: list[list[Document]] = [[] for _ in range(num_days)]
    for document in documents:
        rng.choice(parts).append(document)
    return parts


def related(rng: random.Random) -> list[Document]:
    """Duplicates of all kinds: hot templates, masses of copies, chains, and pages that drift."""

    def add(text: str, url: str | None = None) -> Document:
        quality = rng.choice([None, 0.01, 0.3, 0.6, 0.9])
        return Document(new_id(rng), text, url, quality)

    alone = [add(words(rng, 60), f"http://e.org/{i}") for i in range(12)]
    template = words(rng, 150)
    hot = [add(with_edits(template, rng, 1)) for _ in range(40)]
    copies = [add(rng.choice(hot[:4]).text) for _ in range(24)]
    text, drifting = words(rng, 120), []
    for number in range(20):
        text = with_edits(text, rng, rng.choice([1, 2]))
        drifting.append(add(text, f"http://e.org/{number}"))
    return [*alone, *hot, *copies, *drifting]


@pytest.mark.parametrize(
    ("num_days", "large_clusters"),
    [(2, None), (3, None), (2, LARGE_CLUSTERS), (3, LARGE_CLUSTERS)],
)
def test_days_are_marked_as_one_run_over_everything(
    tmp_path: Path, num_days: int, large_clusters: LargeClusterConfig | None
) -> None:
    rng = random.Random(num_days)
    config = CONFIG.model_copy(update={"large_clusters": large_clusters})
    documents = related(rng)
    days = run_days(tmp_path, divide(documents, num_days, rng), config)
    at_once = marks_of(run_at_once(tmp_path, documents, config))
    assert without_older(marks_of(days[-1][1])) == at_once


@pytest.mark.parametrize("seed", range(8))
def test_days_are_marked_as_all_pairs_and_union_find_would(tmp_path: Path, seed: int) -> None:
    rng = random.Random(100 + seed)
    config = DeduplicateConfig(
        exact=rng.random() < 0.7,
        near=NearDuplicateConfig(threshold=0.8, bands=112, rows=1),
        keep=(QUALITY,),
        large_clusters=LargeClusterConfig(max_documents=4, threshold=0.9),
        keep_indexed=seed % 2 == 0,
    )
    documents = random_documents(rng, num_documents=16)
    parts = divide(documents, 2 + seed % 2, rng)
    days = run_days(tmp_path, parts, config)
    indexed = frozenset(document.id for part in parts[:-1] for document in part)
    expected = plain_marks(documents, config, indexed=indexed)
    marks = marks_of(days[-1][1])
    # Where the index keeps its documents, those of earlier days need not be marked again.
    assert {document.id for document in (parts[-1] if config.keep_indexed else documents)} <= set(
        marks
    )
    assert marks == {name: expected[name] for name in marks}


def hot_documents(rng: random.Random, count: int) -> list[Document]:
    template = words(rng, 200)
    return [Document(new_id(rng), with_edits(template, rng, 1)) for _ in range(count)]


def test_a_bucket_that_grows_hot_by_the_new_day_is_found_as_if_it_had_always_been(
    tmp_path: Path,
) -> None:
    documents = hot_documents(random.Random(7), 60)
    days = run_days(tmp_path, [documents[:12], documents[12:]])
    assert counts_of(days[0][1], "near")["hot_buckets"] == 0
    assert counts_of(days[1][1], "near")["hot_buckets"] > 0
    at_once = run_at_once(tmp_path, documents)
    assert without_older(marks_of(days[-1][1])) == marks_of(at_once)
    assert (
        counts_of(days[1][1], "near")["merged_pairs"] == counts_of(at_once, "near")["merged_pairs"]
    )


@pytest.mark.parametrize("lesser_id_comes", ["first", "last"])
def test_copies_may_come_in_any_order(tmp_path: Path, lesser_id_comes: str) -> None:
    """Whichever copy stands for its text, its near duplicates are found."""
    rng = random.Random(8)
    text = words(rng, 60)
    names = sorted(new_id(rng) for _ in range(2))
    first, last = names if lesser_id_comes == "first" else reversed(names)
    near = Document(new_id(rng), with_edits(text, rng, 1))
    parts = [[Document(first, text), near], [Document(last, f" {text}\n")]]
    days = run_days(tmp_path, parts)
    marks = marks_of(days[-1][1])
    assert {row["cluster_size"] for row in marks.values()} == {3}
    assert without_older(marks) == marks_of(run_at_once(tmp_path, [*parts[0], *parts[1]]))


def test_pairs_of_old_documents_are_not_compared_again(tmp_path: Path) -> None:
    rng = random.Random(9)
    old = related(rng)
    unrelated = [Document(new_id(rng), words(rng, 60)) for _ in range(5)]
    copy = Document(new_id(rng), with_edits(old[0].text, rng, 1))
    days = run_days(tmp_path, [old, unrelated, [copy]])
    first, second, third = (counts_of(found, "near") for _, found in days)
    assert first["pairs"] > 100
    assert (second["pairs"], third["pairs"]) == (0, 1)
    assert (second["compared_pairs"], second["screened_pairs"]) == (0, 0)
    assert second["merged_pairs"] == first["merged_pairs"]
    assert third["merged_pairs"] == first["merged_pairs"] + 1


def test_marks_name_the_best_older_document_and_tell_days_apart(tmp_path: Path) -> None:
    rng = random.Random(10)
    texts = [words(rng, 60) for _ in range(3)]
    qualities = ((0.3, 0.2), (0.9, 0.1))
    parts = [
        [
            Document(new_id(rng), text, None, quality)
            for text, quality in zip(texts, row, strict=False)
        ]
        for row in qualities
    ]
    parts[1].append(Document(new_id(rng), texts[2]))
    days = run_days(tmp_path, parts)
    found = days[-1][1]
    marks = marks_of(found)
    (good, better), (best, worse, alone) = ([document.id for document in part] for part in parts)
    older = [marks[name]["older_id"] for name in (good, best, better, worse, alone)]
    assert older == [good, good, better, better, None]
    assert [marks[name]["rank"] for name in (good, best, better, worse)] == [1, 0, 0, 1]
    assert {row["id"] for row in rows_of(found.marks, INDEXED)} == {good, better}
    assert {row["id"] for row in rows_of(found.marks, MARKS)} == {best, worse, alone}
    keeping = CONFIG.model_copy(update={"keep_indexed": True})
    index = index_of(days[:1])
    again = find_duplicates(days[-1][0], keeping, index=index, run=tmp_path / "keeping")
    kept = marks_of(again)
    assert [kept[name]["rank"] for name in (best, worse, alone)] == [1, 1, 0]
    assert [kept[name]["keeper_id"] for name in (best, worse)] == [good, better]


def refused(message: str, day: Day, config: DeduplicateConfig, days: Days) -> None:
    with pytest.raises(ConfigError, match=message):
        find_duplicates(day, config, index=index_of(days))


def test_an_index_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    rng = random.Random(12)
    parts = [[Document(new_id(rng), words(rng, 20)) for _ in range(3)] for _ in range(3)]
    days = run_days(tmp_path, parts)
    today = days[-1][0]
    near = CONFIG.near
    assert near is not None

    def other(**changes: Any) -> DeduplicateConfig:
        return CONFIG.model_copy(update={"near": near.model_copy(update=changes)})

    seeded = write_day(tmp_path / "seeded", [parts[2]], other(seed=2))
    refused(r"day-0' has other sketches: .*\"seed\":1.*\"seed\":2", seeded, other(seed=2), days[:2])
    refused("day-0' looked for other pairs", today, other(threshold=0.7), days[:2])
    refused("day-1' was not compared with the runs before it", today, CONFIG, days[1:2])
    refused("was not compared with the runs before it", today, CONFIG, [days[1], days[0]])
    refused("was not compared with the runs before it", today, CONFIG, [days[0], days[0]])
    empty = write_day(tmp_path / "empty", [])
    nothing = find_duplicates(empty)
    refused("empty' has no shards", today, CONFIG, [(empty, nothing)])


def test_a_day_without_documents_changes_nothing(tmp_path: Path) -> None:
    rng = random.Random(13)
    documents = related(rng)
    days = run_days(tmp_path, [documents[:60], [], documents[60:]])
    assert rows_of(days[1][1].marks, MARKS) == []
    assert without_older(marks_of(days[1][1])) == marks_of(days[0][1])
    assert without_older(marks_of(days[-1][1])) == marks_of(run_at_once(tmp_path, documents))
