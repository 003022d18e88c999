import gzip
from pathlib import Path
from typing import Any

import pytest

from filters.decontamination.benchmarks import Item, read_items
from filters.decontamination.config import BenchmarkSet
from pipeline.errors import ConfigError
from tests.filters.decontamination.benchmark_items import CODE, LONG, sets_in, write_jsonl


def read(path: Path, **described: Any) -> list[Item]:
    return list(read_items([BenchmarkSet.model_validate({"paths": [str(path)], **described})]))


def test_rows_are_read_by_the_names_of_their_fields(tmp_path: Path) -> None:
    *_, code = read_items(sets_in(tmp_path))
    assert code == Item(
        "made_code", "test", "made/code", CODE["prompt"], CODE["canonical_solution"], is_code=True
    )


def test_files_of_a_pattern_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl.gz"):
        write_jsonl(tmp_path / name, {"benchmark": name, "question": "why"})
    assert [one.benchmark for one in read(tmp_path / "*")] == ["a.jsonl.gz", "b.jsonl"]


def test_a_row_may_lack_id_split_and_answer(tmp_path: Path) -> None:
    [item] = read(write_jsonl(tmp_path / "few.jsonl", {"question": "why"}), benchmark="few")
    assert item == Item("few", None, "few.jsonl:1", "why", "")


def test_an_answer_that_is_no_text_is_read_as_json(tmp_path: Path) -> None:
    row = {"question": "why", "benchmark": "few", "answer": ["one", 2]}
    [item] = read(write_jsonl(tmp_path / "few.jsonl", row))
    assert item.answer == '["one", 2]'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{nonsense\n", r"bad\.jsonl:1: not JSON"),
        (b"[1]\n", r"bad\.jsonl:1: a row is an object, got list"),
        (
            b'\n{"benchmark": "x", "prompt": "why"}\n',
            r"bad\.jsonl:2: no text in .*'question'.*prompt",
        ),
        (b'{"benchmark": "x", "question": null}', r"no text in the field 'question'"),
        (b'{"question": "why"}', r"no benchmark's name in the field 'benchmark'"),
        (b"\xff\xfe", r"bad\.jsonl:1: not JSON"),
        (gzip.compress(b"{}")[:-9], r"bad\.jsonl: cannot read the benchmark"),
    ],
)
def test_bad_rows_are_refused_with_their_place(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        read(path)


def test_a_pattern_without_a_file_names_its_field(tmp_path: Path) -> None:
    sets = [
        BenchmarkSet(paths=[str(write_jsonl(tmp_path / "a.jsonl", LONG))]),
        BenchmarkSet(paths=[str(tmp_path / "none*.jsonl")]),
    ]
    with pytest.raises(ConfigError, match=r"decontamination\.benchmarks\.1\.paths: no file .*none"):
        list(read_items(sets))
