from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.report.examples import MAX_DETAIL_CHARS, read_examples
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter

Rows = list[dict[str, Any]]


def row(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"{number:032x}",
        "source": "web",
        "url": None,
        "archive": "crawl.warc.gz",
        "member": None,
        "offset": None,
        "stage": "extract",
    } | fields


def rejected(number: int, reason: str, **fields: Any) -> dict[str, Any]:
    rules = [
        {"rule": reason, "column": "prose.words", "value": str(number)},
        {"rule": "language.missing", "column": "language.code", "value": None},
    ]
    return row(number, reason=reason, broken_rules=rules, **fields)


def failed(number: int, error_type: str, **fields: Any) -> dict[str, Any]:
    return row(number, error_type=error_type, **({"message": "it broke"} | fields), traceback=None)


def stage(
    path: Path, *, rejected: Sequence[Rows] = (), failed: Sequence[Rows] = ()
) -> tuple[StageFolder, Manifest]:
    """Write shards of rows, each a list, as a stage would, and their manifest."""
    folder = StageFolder(str(path))
    outputs = {}
    for output, shards, schema, column in (
        ("rejected", rejected, REJECTION_SCHEMA, "reason"),
        ("failed", failed, FAILURE_SCHEMA, "error_type"),
    ):
        entries = []
        for shard, rows in enumerate(shards):
            name = folder.shard_file(output, shard, len(shards))
            writer = TableWriter(folder.locate(name), schema)
            writer.write(pa.RecordBatch.from_pylist(rows, schema=schema))
            num_bytes, sha256 = writer.close()
            counts: dict[str, dict[str, int]] = {}
            for one in rows:
                by_cause = counts.setdefault(one["source"], {})
                by_cause[one[column]] = by_cause.get(one[column], 0) + 1
            entries.append(ShardEntry(output, shard, name, len(rows), num_bytes, sha256, counts))
        outputs[output] = tuple(entries)
    manifest = Manifest("ingest", 1, "abc", {}, {}, Counts(0, 0, 0, 0), outputs)
    return folder, manifest


def test_the_first_rows_of_each_cause_are_taken_in_shard_order(tmp_path: Path) -> None:
    one = stage(
        tmp_path,
        rejected=[
            [rejected(n, "a", offset=n) for n in range(5)],
            [rejected(9, "a"), rejected(7, "b", offset=7), rejected(8, "b", offset=8)],
        ],
    )
    found = read_examples([one], per_cause=2)
    assert [(example.cause, example.locator) for example in found] == [
        ("a", "crawl.warc.gz at 0"),
        ("a", "crawl.warc.gz at 1"),
        ("b", "crawl.warc.gz at 7"),
        ("b", "crawl.warc.gz at 8"),
    ]
    assert {(example.stage, example.output) for example in found} == {("ingest", "rejected")}


def test_shards_that_hold_nothing_wanted_are_not_opened(tmp_path: Path) -> None:
    folder, manifest = stage(
        tmp_path, rejected=[[rejected(0, "a")], [rejected(1, "a")], [rejected(2, "b")]]
    )
    (tmp_path / manifest.shards("rejected")[1].name).unlink()
    assert [one.cause for one in read_examples([(folder, manifest)], per_cause=1)] == ["a", "b"]
    with pytest.raises(FileNotFoundError):
        read_examples([(folder, manifest)], per_cause=2)


def test_every_rule_that_was_broken_is_told_with_its_value(tmp_path: Path) -> None:
    [example] = read_examples([stage(tmp_path, rejected=[[rejected(3, "prose.words.too_low")]])])
    assert example.detail == "prose.words.too_low (3); language.missing"


@pytest.mark.parametrize(
    ("fields", "locator"),
    [
        ({"url": "https://a.example/", "member": "m"}, "https://a.example/"),
        ({"member": "src/a.py"}, "crawl.warc.gz: src/a.py"),
        ({"offset": 12_345}, "crawl.warc.gz at 12,345"),
        ({}, "crawl.warc.gz"),
    ],
)
def test_a_row_is_found_by_its_address_or_its_place_in_the_input(
    tmp_path: Path, fields: dict[str, Any], locator: str
) -> None:
    [example] = read_examples([stage(tmp_path, failed=[[failed(0, "ValueError", **fields)]])])
    assert example.locator == locator


def test_long_messages_are_cut_to_one_line(tmp_path: Path) -> None:
    message = "no\nend " * 1000
    [example] = read_examples([stage(tmp_path, failed=[[failed(0, "E", message=message)]])])
    assert len(example.detail) == MAX_DETAIL_CHARS
    assert "\n" not in example.detail
    assert example.detail.endswith("...")


def test_stages_without_such_tables_give_no_examples(tmp_path: Path) -> None:
    folder = StageFolder(str(tmp_path))
    solve = Manifest("solve", 1, "abc", {}, {}, Counts(0, 0, 0, 0), {"solution": ()})
    assert read_examples([(folder, solve)]) == ()
