"""What `reasonmill inspect --id` says of a document's duplicates."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mixtures.stage_files import RUN_NAME
from pipeline.inspection import inspect
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.run import RunRecord
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter

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
