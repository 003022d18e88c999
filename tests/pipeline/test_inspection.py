"""What `reasonmill inspect` says of a document's duplicates, and of rejections."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mixtures.stage_files import RUN_NAME
from pipeline.cli import EXIT_REFUSED, main
from pipeline.inspection import inspect
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.run import RunRecord
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from tests.support.document_rows import documents_of
from tests.support.tables import write_output

MARKS_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("dedup.cluster_id", pa.string()),
        ("dedup.rank", pa.int32()),
        ("dedup.cluster_size", pa.int32()),
        ("dedup.kind", pa.string()),
        ("dedup.keeper_id", pa.string()),
        ("dedup.older_id", pa.string()),
    ]
)


def marks(identity: str, *, rank: int = 0, size: int = 1, **fields: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(MARKS_SCHEMA.names)
    row |= {"id": identity, "source": "web", "dedup.rank": rank, "dedup.cluster_size": size}
    return row | {f"dedup.{name}": value for name, value in fields.items()}


@pytest.fixture
def run(tmp_path: Path) -> str:
    """A run that came as far as marking four documents."""
    rows = [
        marks("alone"),
        marks("best", size=1204, cluster_id="any", keeper_id="best"),
        marks("near", rank=3, size=1204, cluster_id="any", kind="near", keeper_id="best"),
        marks(
            "again",
            rank=1,
            size=2,
            cluster_id="again",
            kind="url",
            keeper_id="old",
            older_id="old",
        ),
    ]
    folder = StageFolder.of(str(tmp_path), "deduplicate", "abc")
    name = folder.shard_file("dedup", 0, 1)
    writer = TableWriter(folder.locate(name), MARKS_SCHEMA)
    writer.write(pa.RecordBatch.from_pylist(rows, schema=MARKS_SCHEMA))
    entry = ShardEntry("dedup", 0, name, len(rows), *writer.close())
    counts = Counts(len(rows), len(rows), 0, 0)
    folder.write_manifest(
        Manifest("deduplicate", 1, "abc", {}, {}, counts, {"dedup": (entry,)}, {})
    )
    (tmp_path / RUN_NAME).write_text(RunRecord("demo", (("deduplicate", "abc"),), ()).to_json())
    return str(tmp_path)


def shown(run: str, identity: str, capsys: pytest.CaptureFixture[str]) -> str:
    status = inspect(run, document=identity, rejected=None, is_failed=False, token=None, limit=5)
    assert status == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ("alone", "no duplicate of it was found"),
        ("best", "the keeper of a cluster of 1,204 duplicates"),
        ("near", "rank 3 in a cluster of 1,204 duplicates, by similar text (near); kept is best"),
        (
            "again",
            (
                "rank 1 in a cluster of 2 duplicates, by web address (url); kept is old; "
                "an earlier run has old"
            ),
        ),
    ],
)
def test_a_document_is_shown_with_its_place_among_its_duplicates(
    run: str, identity: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(run, identity, capsys).splitlines()[0] == f"== deduplicate: {said}"


def test_every_mark_is_shown(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(run, "near", capsys)
    for field in ('"dedup.rank": 3', '"dedup.kind": "near"', '"dedup.keeper_id": "best"'):
        assert field in text
    assert '"dedup.older_id": "old"' in shown(run, "again", capsys)


BROKEN = {
    "a": ["dedup.rank.too_high", "prose.words.too_low"],
    "b": ["prose.words.missing"],
    "c": ["prose.words.too_low", "prose.mean_word_chars.too_high"],
    "d": ["prose.words_of_code.too_low"],
}


@pytest.fixture
def rejecting(tmp_path: Path) -> str:
    """A run with two shards of documents, whose rejections broke the rules of ``BROKEN``."""
    batch = documents_of(*(f"The text of {name}." for name in BROKEN))
    names = pa.array(list(BROKEN), pa.string())
    documents = batch.set_column(0, batch.schema.field("id"), names)
    rejections = [
        {
            "id": name,
            "source": "web",
            "archive": "part-0.warc.gz",
            "stage": "decide",
            "reason": rules[0],
            "broken_rules": [
                {
                    "rule": rule,
                    "column": rule.rpartition(".")[0],
                    "value": None if rule.endswith("missing") else str(7 + place),
                }
                for place, rule in enumerate(rules)
            ],
        }
        for name, rules in BROKEN.items()
    ]
    unread = {
        "id": "e",
        "source": "web",
        "archive": "part-0.warc.gz",
        "stage": "ingest",
        "reason": "extract.no_text",
        "broken_rules": [],
    }
    rejected = pa.RecordBatch.from_pylist(rejections, schema=REJECTION_SCHEMA)
    ingested = pa.RecordBatch.from_pylist([unread], schema=REJECTION_SCHEMA)
    counted = {"rejected": {"web": {"dedup.rank.too_high": 1, "prose.words.missing": 1}}}
    stages = [
        ("ingest", {"documents": halves(documents), "rejected": [ingested]}, {}, {}),
        ("decide", {"rejected": halves(rejected)}, {"documents": "id-of-ingest"}, counted),
    ]
    for name, outputs, inputs, statistics in stages:
        folder = StageFolder.of(str(tmp_path), name, f"id-of-{name}")
        entries = {
            output: write_output(folder, output, shards) for output, shards in outputs.items()
        }
        counts = Counts(0, 0, 0, 0)
        folder.write_manifest(
            Manifest(name, 1, f"id-of-{name}", {}, inputs, counts, entries, statistics)
        )
    names_of_stages = tuple((name, f"id-of-{name}") for name, *_ in stages)
    (tmp_path / RUN_NAME).write_text(RunRecord("demo", names_of_stages, ()).to_json())
    return str(tmp_path)


def halves(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    return [batch.slice(0, 2), batch.slice(2)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("prose.words.too_low", "ac"),
        ("prose.words.missing", "b"),
        ("prose.words", "abc"),
        ("prose", "abcd"),
        ("dedup.rank", "a"),
        ("extract", "e"),
        ("any", "eabcd"),
    ],
)
def test_rejections_are_found_by_any_rule_they_broke_in_the_order_of_stages(
    rejecting: str, rule: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", rejecting, "--rejected", rule, "--limit", "20"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r'"id": "(.)"', said) == list(expected)
    for name in set(expected) - {"e"}:
        assert f"The text of {name}." in said


def test_a_rejection_is_shown_with_every_rule_it_broke_and_the_values(
    rejecting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", rejecting, "--rejected", "prose.words", "--limit", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "== decide: dedup.rank.too_high",
        "   broke dedup.rank.too_high: 7",
        "   broke prose.words.too_low: 8",
    ]
    assert "   broke prose.words.missing: no value" in lines
    assert not any("The text of c." in line for line in lines), "the limit is two"


def test_a_rule_that_nothing_broke_is_answered_with_those_that_were(
    rejecting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", rejecting, "--rejected", "prose.wrods"]) == EXIT_REFUSED
    said = capsys.readouterr().err
    assert "--rejected 'prose.wrods': nothing was rejected for it" in said
    assert "dedup.rank.too_high, prose.words.missing" in said
