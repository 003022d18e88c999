from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.decontamination.benchmarks import Item, read_items
from filters.decontamination.index import Index
from filters.decontamination.write_index import main
from pipeline.errors import ConfigError
from tests.filters.decontamination.benchmark_items import (
    CHOICES,
    CODE,
    LONG,
    SHORT,
    sets_in,
)
from tests.support.strategies import texts


def index_of(folder: Path) -> Index:
    return Index.build(read_items(sets_in(folder)))


def assert_equal(one: Index, other: Index) -> None:
    assert (one.items, one.units) == (other.items, other.units)
    assert np.array_equal(one.grams, other.grams)
    assert np.array_equal(one.ends, other.ends)


def test_a_written_index_is_read_as_it_was(tmp_path: Path) -> None:
    index = index_of(tmp_path)
    index.write(str(tmp_path / "index"))
    read = Index.load(str(tmp_path / "index"))
    assert_equal(read, index)
    assert read.digest == index.digest


def test_equal_items_give_equal_files(tmp_path: Path) -> None:
    assert index_of(tmp_path).to_bytes() == index_of(tmp_path).to_bytes()


def test_a_file_holds_no_word_of_its_items(tmp_path: Path) -> None:
    """Neither in the bytes nor in the columns, which are compressed in the bytes."""
    index_of(tmp_path).write(str(tmp_path / "index"))
    data = (tmp_path / "index").read_bytes()
    data += str(pq.read_table(tmp_path / "index").to_pylist()).encode()
    items = (LONG, SHORT, CHOICES)
    said = [item[part] for item in items for part in ("question", "answer")]
    said += [CODE["prompt"], CODE["canonical_solution"]]
    named = {"made", "code", "answer", "question", "item"}
    for word in {word.strip('.,?"()[]:').lower() for text in said for word in text.split()} - named:
        if len(word) > 4:
            assert word.encode() not in data.lower()
    assert b"made/long" in data


@given(st.lists(texts(), min_size=1, max_size=4))
def test_any_text_can_be_indexed(questions: list[str]) -> None:
    items = [Item("any", None, str(n), text, text[::-1]) for n, text in enumerate(questions)]
    index = Index.build(items)
    parts = [Index.build([item]) for item in items]
    assert_equal(Index.join(parts), index)
    assert len(index.items) == len(items)


def test_the_digest_knows_the_items() -> None:
    item = Item("a", None, "1", "how many herons nest on the lake", "seven")
    same = Index.build([item]).digest
    assert Index.build([item]).digest == same
    for other in (
        Item("b", None, "1", item.question, item.answer),
        Item("a", "test", "1", item.question, item.answer),
        Item("a", None, "1", item.question + " now", item.answer),
        Item("a", None, "1", item.question, "eight"),
    ):
        assert Index.build([other]).digest != same


def test_items_too_short_to_be_found_are_counted() -> None:
    items = [
        Item("a", None, "1", "these are four words", ""),
        Item("a", None, "2", "and these now are five", ""),
    ]
    assert Index.build(items).num_unsearchable() == 1


def test_a_missing_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"annotate\.decontamination\.indexes: cannot read .*none"
    ):
        Index.load(str(tmp_path / "none"))


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"no parquet")
    with pytest.raises(ConfigError, match="cannot read"):
        Index.load(str(tmp_path / "index"))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "index")
    with pytest.raises(ConfigError, match="is of version none"):
        Index.load(str(tmp_path / "index"))


def test_an_index_of_another_version_is_refused(tmp_path: Path) -> None:
    index_of(tmp_path).write(str(tmp_path / "index"))
    table = pq.read_table(tmp_path / "index")
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"version": b"0"}),
        tmp_path / "index",
    )
    with pytest.raises(ConfigError, match="is of version 0, and this code reads version 1"):
        Index.load(str(tmp_path / "index"))


def test_a_changed_index_is_refused(tmp_path: Path) -> None:
    index_of(tmp_path).write(str(tmp_path / "index"))
    table = pq.read_table(tmp_path / "index")
    pq.write_table(table.slice(1), tmp_path / "index")
    with pytest.raises(ConfigError, match="is damaged"):
        Index.load(str(tmp_path / "index"))


def test_the_command_writes_what_the_sets_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = sets_in(tmp_path)
    listed = "\n".join(f"- {one.model_dump_json()}" for one in sets)
    (tmp_path / "sets.yaml").write_text(listed)
    output = str(tmp_path / "index.parquet")
    assert main([str(tmp_path / "sets.yaml"), "--output", output]) == 0
    assert_equal(Index.load(output), index_of(tmp_path))
    assert "4 items, 0 of them too short" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ("- {paths: [none.jsonl]}", "no file is named 'none.jsonl'"),
        ("- {path: [none.jsonl]}", "no list of benchmark sets"),
        ("paths: [", "no list of benchmark sets"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sets: str, message: str
) -> None:
    (tmp_path / "sets.yaml").write_text(sets)
    assert main([str(tmp_path / "sets.yaml"), "--output", str(tmp_path / "index")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "index").exists()
