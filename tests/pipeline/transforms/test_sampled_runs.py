"""Runs: every copy is written once and found by its partition, in the same bytes every time."""

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvariantError
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms import runs
from pipeline.transforms.runs import (
    RUN_PARTITIONS,
    RUNS,
    count_run,
    gather_tokens,
    read_partition,
    write_run,
)
from tests.pipeline.transforms.sampled_documents import draw_all, token_shard, write_token_shard

LISTS = pa.large_list(pa.int32())
NUM_PARTITIONS = 3


def written(folder: Path, documents: pa.Table, *, num_copies: int = 2) -> StageFolder:
    folder.mkdir(parents=True, exist_ok=True)
    stage = StageFolder(str(folder / "stage"))
    draw = functools.partial(draw_all, num_copies=num_copies, num_partitions=NUM_PARTITIONS)
    path = write_token_shard(folder / "tokens.parquet", documents)
    write_run(path, stage, 0, 1, num_partitions=NUM_PARTITIONS, draw=draw)
    return stage


def copies_of(stage: StageFolder) -> list[pa.Table]:
    schema = runs._run_schema(token_shard(1).schema)
    return [
        pa.Table.from_batches(read_partition(stage, 0, 1, partition), schema)
        for partition in range(NUM_PARTITIONS)
    ]


@pytest.mark.parametrize("block_tokens", [1, 400, runs.BLOCK_TOKENS])
def test_every_copy_lies_in_its_partition_with_its_own_columns_and_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_tokens: int
) -> None:
    monkeypatch.setattr(runs, "BLOCK_TOKENS", block_tokens)
    monkeypatch.setattr(runs, "READ_ROWS", 16)
    documents = token_shard(150)
    found = copies_of(written(tmp_path, documents))
    for partition, table in enumerate(found):
        assert set(table["partition"].to_pylist()) == {partition}
    table = pa.concat_tables(found).sort_by([("id", "ascending"), ("copy", "ascending")])
    expected = documents.sort_by("id").take(pa.array(np.repeat(np.arange(150), 2)))
    assert table.select(documents.schema.names).equals(expected)
    assert table["copy"].to_pylist() == [0, 1] * 150


def test_blocks_of_any_size_give_the_same_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for rows in (16, 1000):
        monkeypatch.setattr(runs, "BLOCK_ROWS", rows)
        monkeypatch.setattr(runs, "READ_ROWS", 16)
        tables = copies_of(written(tmp_path / str(rows), token_shard(150)))
        found.append(
            [table.sort_by([("order", "ascending"), ("id", "ascending")]) for table in tables]
        )
    assert found[0] == found[1]


def test_receipts_state_copies_and_digests(tmp_path: Path) -> None:
    stage = written(tmp_path, token_shard(150))
    [run, index] = stage.receipts((RUNS, RUN_PARTITIONS), 0)
    assert (run.rows, index.rows) == (300, NUM_PARTITIONS)
    for entry in (run, index):
        content = Path(stage.locate(entry.name)).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry.bytes, entry.sha256)
    assert np.load(stage.locate(index.name)).tolist() == [0, 1, 2]


def test_run_is_counted_from_its_lists(tmp_path: Path) -> None:
    documents = token_shard(150)
    stage = written(tmp_path, documents)
    path = stage.locate(stage.read_receipt(RUNS, 0).name)
    assert count_run(path) == (300, 2 * sum(documents["num_tokens"].to_pylist()))


def test_run_whose_lists_have_other_lengths_than_stated_is_found(tmp_path: Path) -> None:
    documents = token_shard(30)
    wrong = documents.set_column(2, "num_tokens", pa.array([3] * 30, pa.int32()))
    stage = written(tmp_path, wrong)
    with pytest.raises(InvariantError, match="states other lengths"):
        count_run(stage.locate(stage.read_receipt(RUNS, 0).name))


def test_shard_without_documents_is_a_run_without_copies(tmp_path: Path) -> None:
    stage = written(tmp_path, token_shard(0))
    assert [table.num_rows for table in copies_of(stage)] == [0] * NUM_PARTITIONS
    assert count_run(stage.locate(stage.read_receipt(RUNS, 0).name)) == (0, 0)


def test_bytes_do_not_depend_on_what_the_memory_held_before(tmp_path: Path) -> None:
    """Values under nulls and the ends of buffers are written too, so nothing may be left there."""
    digests = set()
    for filling in ("17", "201"):
        program = (
            "from pathlib import Path\n"
            "from tests.pipeline.transforms.test_sampled_runs import written\n"
            "from tests.pipeline.transforms.sampled_documents import token_shard\n"
            f"stage = written(Path({str(tmp_path / filling)!r}), token_shard(150))\n"
            "print(stage.read_receipt('runs', 0).sha256)\n"
        )
        environment = os.environ | {
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            "MALLOC_PERTURB_": filling,
        }
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.split()[-1])
    assert len(digests) == 1


@given(
    chunks=st.lists(
        st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=4),
        min_size=1,
        max_size=4,
    ),
    data=st.data(),
)
def test_tokens_are_gathered_in_the_order_asked_whatever_chunk_they_lie_in(chunks, data) -> None:
    documents = [document for chunk in chunks for document in chunk]
    rows = data.draw(st.permutations(range(len(documents))))
    # A slice keeps its parent's values: its offsets do not begin at 0.
    parts = [pa.array([[7, 7], *chunk], LISTS).slice(1) for chunk in chunks]
    table = gather_tokens(parts, np.array(rows, np.intp))
    found = [
        table.values[low:high].tolist()
        for low, high in zip(table.offsets[:-1], table.offsets[1:], strict=True)
    ]
    assert found == [documents[row] for row in rows]
