"""Packing a partition: one shard whatever runs its copies came in; units joined."""

import functools
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mixtures.joining import NO_SEPARATOR
from mixtures.provenance import locate_member, read_documents
from mixtures.verification import Members, verify_shard
from mixtures.windows import SUFFIXES, WindowLayout, WindowShard, open_shard
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.pack import PackedShard, pack_partition
from pipeline.transforms.runs import read_partition, write_run
from tests.pipeline.transforms.sampled_documents import (
    EOD,
    JOINING,
    SEPARATOR,
    draw_all,
    token_shard,
    write_token_shard,
)

LAYOUT = WindowLayout(sequence_tokens=32, mtp_depth=1, eod_id=EOD, pad_id=0)
SEPARATORS = (SEPARATOR, NO_SEPARATOR)


def batches_of(folder: Path, shards: list[pa.Table]) -> list[pa.RecordBatch]:
    """The one partition of the runs of ``shards``."""
    stage = StageFolder(str(folder))
    draw = functools.partial(draw_all, num_copies=2, num_partitions=1)
    batches: list[pa.RecordBatch] = []
    for number, documents in enumerate(shards):
        path = write_token_shard(folder / f"{number}.parquet", documents)
        write_run(path, stage, number, len(shards), num_partitions=1, draw=draw)
        batches += read_partition(stage, number, len(shards), 0)
    return batches


def packed(batches: list[pa.RecordBatch], **changes: object) -> PackedShard:
    stage = JOINING.model_copy(update=changes)
    return pack_partition(batches, stage, LAYOUT, separators=SEPARATORS, shuffle_seed=5)


def files(shard: PackedShard) -> list[bytes]:
    written = []
    for suffix in SUFFIXES:
        stream = io.BytesIO()
        shard.write(suffix, stream)
        written.append(stream.getvalue())
    return written


def opened(folder: Path, shard: PackedShard) -> WindowShard:
    for suffix, content in zip(SUFFIXES, files(shard), strict=True):
        (folder / f"s{suffix}").write_bytes(content)
    return open_shard(folder / "s")


def members_of(documents: pa.Table) -> Members:
    return Members(
        num_tokens=documents["num_tokens"].to_numpy().astype(np.int64),
        unit=documents["unit"].to_numpy(),
        separators=np.array(
            [SEPARATORS[name != "code"] for name in documents["component"].to_pylist()], np.int32
        ),
    )


def test_shard_does_not_depend_on_the_token_shards_its_documents_came_in(tmp_path: Path) -> None:
    parts = [[(60, 0)], [(20, 40), (1, 39), (39, 0)]]
    written = []
    for number, part in enumerate(parts):
        folder = tmp_path / str(number)
        folder.mkdir()
        shards = [token_shard(count, first=first) for count, first in part]
        written.append(files(packed(batches_of(folder, shards))))
    assert written[0] == written[1]


@pytest.mark.parametrize("method", ["best-fit", "concatenate"])
def test_shard_of_joined_documents_keeps_every_law(tmp_path: Path, method: str) -> None:
    shard = packed(
        batches_of(tmp_path, [token_shard(60), token_shard(30, first=60)]), packing=method
    )
    of_files = opened(tmp_path, shard)
    documents = read_documents(tmp_path / "s")
    found = verify_shard(of_files, members_of(documents))
    assert found.documents == 2 * 90
    assert found.units < found.documents
    assert found.tokens == 2 * sum(n % 11 + 1 for n in range(90))
    packing = shard.packing()
    assert (packing["documents"], packing["tokens"]) == (found.units, found.tokens)


def test_unit_holds_the_files_of_one_tree_by_path_across_token_shards(tmp_path: Path) -> None:
    shard = packed(batches_of(tmp_path, [token_shard(60), token_shard(30, first=60)]))
    rows = shard.documents.to_pylist()
    units: dict[int, list[dict]] = {}
    for row in rows:
        units.setdefault(row["unit"], []).append(row)
    joined = [unit for unit in units.values() if len(unit) > 1]
    assert len(joined) == 4  # two trees, two copies
    for unit in joined:
        assert len({(row["provenance"]["archive"], row["copy"]) for row in unit}) == 1
        places = [(row["provenance"]["member"], row["id"]) for row in unit]
        assert places == sorted(places)
    alone = [unit[0] for unit in units.values() if len(unit) == 1]
    assert all(row["source"] == "web" or row["provenance"]["archive"] is None for row in alone)


def test_every_token_leads_back_to_its_document(tmp_path: Path) -> None:
    shard = opened(tmp_path, packed(batches_of(tmp_path, [token_shard(60)])))
    documents = read_documents(tmp_path / "s")
    for window in range(shard.num_windows):
        for position in range(32):
            token = int(shard.tokens[window, position])
            if token == LAYOUT.pad_id:
                continue
            row, offset = locate_member(documents, *shard.locate(window, position))
            is_last = offset == documents["num_tokens"][row].as_py() - 1
            assert is_last == (token in (EOD, SEPARATOR))
            assert is_last or token == 100 + offset


def test_copies_without_a_join_are_units_of_their_own(tmp_path: Path) -> None:
    alone = tuple(component.model_copy(update={"join": None}) for component in JOINING.components)
    shard = packed(batches_of(tmp_path, [token_shard(60)]), components=alone)
    assert shard.documents["unit"].to_pylist() == list(range(120))
    assert SEPARATOR not in shard.tokens.values
