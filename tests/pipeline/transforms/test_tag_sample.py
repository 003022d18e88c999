"""The sampling stage as a command runs it: real Beam, real tables, and the same bytes always."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.taggers.labels import text_sha256
from pipeline.errors import ConfigError
from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.tag_sample import (
    SAMPLE,
    STRATA,
    SampleInput,
    SmallestRows,
    pack,
    sample_stage,
    unpack,
)
from tests.support.beam import FOUR_THREADS, OPTIONS
from tests.support.document_rows import SOURCE_FILE
from tests.support.stages import finished

PAGES = 60


def document(number: int) -> dict[str, Any]:
    return {
        "id": document_id("s", str(number)),
        "text": f"Text of document {number}.",
        "source": "rare" if number % 20 == 0 else "web",
        "url": f"https://example.org/{number}",
        "media_type": "text/html",
        "provenance": {"archive": "a", "extractor": "html"},
        "code": SOURCE_FILE if number >= PAGES else None,
    }


def made_run(folder: Path, *, num_shards: int = 3) -> list[Finished]:
    """Pages and source files, dealt to shards, with two sidecars."""
    rows = [document(number) for number in range(PAGES + 10)]
    documents, measures, marks = [], [], []
    for shard in range(num_shards):
        own = rows[shard::num_shards]
        ids = [row["id"] for row in own]
        documents.append(pa.RecordBatch.from_pylist(own, schema=DOCUMENT_SCHEMA))
        measures.append(
            pa.record_batch(
                {
                    "id": ids,
                    "source": [row["source"] for row in own],
                    "prose.words": pa.array([len(name.strip("0123")) for name in ids], pa.int32()),
                }
            )
        )
        kinds = pa.array([None if name < "8" else "near" for name in ids], pa.string())
        marks.append(
            pa.record_batch({"id": ids, "source": measures[-1]["source"], "dedup.kind": kinds})
        )
    return [
        finished(folder, output, tables)
        for output, tables in ((DOCUMENTS, documents), (MEASURES, measures), (MARKS, marks))
    ]


def table(stage: Finished, output: str) -> list[dict[str, Any]]:
    shards = stage.manifest.shards(output)
    tables = [pq.read_table(stage.folder.locate(shard.name)) for shard in shards]
    return pa.concat_tables(tables).to_pylist()


def sampled(
    stages: list[Finished], folder: Path, *by: str, count: int, options: tuple[str, ...] = OPTIONS
) -> Finished:
    stage = sample_stage(SampleInput.of(stages, by), num_documents=count)
    return run_stage(stage, str(folder), options, max_failed_ratio=0.0)


def test_sources_have_equal_shares_and_what_one_lacks_the_other_fills(tmp_path: Path) -> None:
    stage = sampled(made_run(tmp_path), tmp_path, count=20)
    strata = sorted(tuple(row.values()) for row in table(stage, STRATA))
    assert strata == [("rare", 3, 3), ("web", 57, 17)]
    rows = table(stage, SAMPLE)
    assert len({row["id"] for row in rows}) == 20
    originals = {row["id"]: row for row in map(document, range(PAGES))}
    for row in rows:
        original = originals[row["id"]]
        assert (row["text"], row["url"]) == (original["text"], original["url"])
        assert row["sha256"] == text_sha256(row["text"])
        assert row["stratum"] == original["source"]


def test_of_a_stratum_those_of_the_smallest_hashes_are_chosen(tmp_path: Path) -> None:
    stages = made_run(tmp_path)
    few = {row["id"] for row in table(sampled(stages, tmp_path, count=10), SAMPLE)}
    more = {row["id"] for row in table(sampled(stages, tmp_path, count=30), SAMPLE)}
    assert few < more


def test_a_run_that_holds_fewer_documents_gives_all_but_source_files(tmp_path: Path) -> None:
    stage = sampled(made_run(tmp_path), tmp_path, count=1000)
    assert {row["id"] for row in table(stage, SAMPLE)} == {
        document(number)["id"] for number in range(PAGES)
    }


def test_columns_of_every_table_divide_the_sources(tmp_path: Path) -> None:
    by = ("prose.words", "dedup.kind", "media_type")
    stage = sampled(made_run(tmp_path), tmp_path, *by, count=30)
    strata = table(stage, STRATA)
    assert sum(row["documents"] for row in strata) == PAGES
    assert sum(row["chosen"] for row in strata) == 30
    for row in strata:
        source, words, kind, media_type = row["stratum"].split(", ")
        assert source in {"rare", "web"}
        assert words.startswith("prose.words: ")
        assert kind in {"dedup.kind: null", "dedup.kind: near"}
        assert media_type == "media_type: text/html"


@pytest.mark.parametrize(("num_shards", "options"), [(3, FOUR_THREADS), (7, OPTIONS), (1, OPTIONS)])
def test_the_sample_depends_on_no_layout_and_no_number_of_workers(
    tmp_path: Path, num_shards: int, options: tuple[str, ...]
) -> None:
    by = ("prose.words",)
    expected = sampled(made_run(tmp_path / "a"), tmp_path / "a", *by, count=25)
    other = sampled(
        made_run(tmp_path / "b", num_shards=num_shards),
        tmp_path / "b",
        *by,
        count=25,
        options=options,
    )
    ordered = [sorted(table(one, SAMPLE), key=lambda row: row["hash"]) for one in (expected, other)]
    assert ordered[0] == ordered[1]


def test_what_cannot_be_sampled_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    stages = made_run(tmp_path)
    with pytest.raises(ConfigError, match=r"--by prose\.length: there is no such column"):
        SampleInput.of(stages, ["prose.length"])
    with pytest.raises(ConfigError, match="no documents in this run"):
        SampleInput.of(stages[1:], [])


ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


@given(st.lists(ROWS, max_size=5), st.integers(1, 6), st.randoms())
def test_the_smallest_rows_are_the_same_however_they_are_combined(parts, count, chance) -> None:
    combine = SmallestRows(2, count)
    packed = [pack(len(part), np.array(part, np.uint64).reshape(-1, 2)) for part in parts]
    accumulators = [combine.create_accumulator()]
    for part in packed:
        if chance.random() < 0.5:
            accumulators.append(combine.create_accumulator())
        accumulators[-1] = combine.add_input(accumulators[-1], part)
    chance.shuffle(accumulators)
    number, rows = unpack(combine.extract_output(combine.merge_accumulators(accumulators)), 2)
    everything = sorted(row for part in parts for row in part)
    assert number == len(everything)
    assert [tuple(row) for row in rows.tolist()] == everything[:count]
