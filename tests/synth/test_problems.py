import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import ConfigError
from synth.problems import (
    PROBLEM_SCHEMA,
    ProblemRow,
    ProblemsConfig,
    list_problems,
    plan_problem_splits,
    read_problems,
    set_of,
    to_batch,
)

ROWS = [{"id": f"p{n}", "problem": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(20)]


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_all(pattern: Path, *, split_bytes: int = 1 << 20) -> list[ProblemRow]:
    splits = plan_problem_splits(list_problems({"school": [str(pattern)]}), split_bytes=split_bytes)
    return [row for split in splits for row in read_problems(split)]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet"])
def test_rows_of_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"problems.{suffix}"
    match suffix:
        case "jsonl":
            write_jsonl(path, ROWS)
        case "jsonl.gz":
            path.write_bytes(gzip.compress("\n".join(map(json.dumps, ROWS)).encode()))
        case _:
            pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=7)
    rows = read_all(path, split_bytes=1)
    assert [(row.seed_id, row.problem, row.answer) for row in rows] == [
        (row["id"], row["problem"], row["answer"]) for row in ROWS
    ]
    assert {row.archive for row in rows} == {path.name}
    assert len({row.offset for row in rows}) == len(ROWS)
    assert to_batch(rows).schema == PROBLEM_SCHEMA


@settings(max_examples=50, deadline=None)
@given(split_bytes=st.integers(1, 3000), texts=st.lists(st.text(max_size=30), max_size=12))
def test_division_into_shards_loses_and_doubles_no_line(
    tmp_path_factory: pytest.TempPathFactory, split_bytes: int, texts: list[str]
) -> None:
    rows = [{"id": n, "problem": f"? {text}", "answer": None} for n, text in enumerate(texts)]
    path = write_jsonl(tmp_path_factory.mktemp("problems") / "problems.jsonl", rows)
    assert read_all(path, split_bytes=split_bytes) == read_all(path)
    assert [row.seed_id for row in read_all(path)] == [str(n) for n in range(len(texts))]


def test_what_is_no_problem_is_a_row_that_says_why(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    lines = [
        json.dumps({"problem": "What?", "answer": 3}),
        "{not json",
        json.dumps(["a list"]),
        json.dumps({"id": "empty", "problem": " "}),
        json.dumps({"id": "no problem"}),
        json.dumps({"id": "odd", "problem": "What?", "answer": [1]}),
        json.dumps({"id": "long", "problem": "x" * (1 << 20)}),
        "",
        json.dumps({"id": "last", "problem": "Lone \ud83d surrogate?", "answer": ""}),
    ]
    path.write_text("\n".join(lines))
    rows = read_all(path)
    assert [row.error_type for row in rows] == [
        None,
        "JSONDecodeError",
        "FieldError",
        "FieldError",
        "FieldError",
        "FieldError",
        "RecordTooLargeError",
        None,
    ]
    assert [row.problem is None for row in rows] == [row.error_type is not None for row in rows]
    assert (rows[0].seed_id, rows[0].answer) == ("problems.jsonl:0", "3")
    assert (rows[-1].seed_id, rows[-1].problem, rows[-1].answer) == (
        "last",
        "Lone ? surrogate?",
        None,
    )
    assert to_batch(rows).num_rows == 8


def test_a_gzip_that_breaks_off_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl.gz"
    whole = gzip.compress("\n".join(map(json.dumps, ROWS)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    assert read_all(path)[-1].error_type == "TruncatedError"


def test_a_file_that_is_no_parquet_is_one_failed_row(tmp_path: Path) -> None:
    path = tmp_path / "problems.parquet"
    path.write_bytes(b"nothing of the kind")
    (row,) = read_all(path)
    assert (row.error_type, row.problem) == ("ArrowInvalid", None)


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"synthesize.problems.school.paths: .*nothing-\*"):
        list_problems({"school": [str(tmp_path / "nothing-*.jsonl")]})


def test_names_do_not_depend_on_the_folder_and_must_differ(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_jsonl(tmp_path / folder / "x.jsonl", ROWS)
    listed = list_problems({"school": [str(tmp_path / "*" / "x.jsonl")]})
    assert [file.name for file in listed["school"]] == ["a/x.jsonl", "b/x.jsonl"]
    with pytest.raises(ConfigError, match=r"would both be called 'x\.jsonl'"):
        list_problems({"s": [str(tmp_path / name / "x.jsonl") for name in ("a", "b")]})


def test_sets_are_divided_apart_and_know_their_shards(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "one.jsonl", ROWS)
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "two.parquet")
    sets = {"easy": [str(tmp_path / "one.jsonl")], "hard": [str(tmp_path / "*.parquet")]}
    splits = plan_problem_splits(list_problems(sets), split_bytes=1 << 20)
    assert {set_of(split) for split in splits} == {"easy", "hard"}
    assert all(len(list(read_problems(split))) == len(ROWS) for split in splits)


def test_tests_and_a_reference_come_along_as_they_are(tmp_path: Path) -> None:
    tests = {"inputs": ["1\n"], "outputs": ["2\n"]}
    rows = [
        {"problem": "Add one.", "tests": tests, "reference": "print(int(input()) + 1)"},
        {"problem": "Add two.", "tests": "assert f(1) == 3", "url": "https://example.org/"},
        {"problem": "Add three.", "reference": 7},
    ]
    first, second, third = read_all(write_jsonl(tmp_path / "code.jsonl", rows))
    assert (json.loads(first.tests or ""), first.reference) == (tests, rows[0]["reference"])
    assert (second.tests, second.url) == (rows[1]["tests"], rows[1]["url"])
    assert third.error_message == "'reference' is int; text or null is allowed"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "either paths"),
        ({"paths": ["x"], "seeds": "forum"}, "either paths"),
        ({"paths": ["x"], "kinds": ["value"]}, "it needs seeds"),
        ({"seeds": "forum", "kinds": ["sum"]}, "are unknown"),
    ],
)
def test_a_set_is_of_files_or_of_documents(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ProblemsConfig.model_validate(config)
