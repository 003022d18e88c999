"""Token shards of made-up documents with every kind of column, and a draw that takes them all."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mixtures.hashing import id_words, keyed_hashes
from mixtures.joining import unit_words
from mixtures.sampling import partitions
from mixtures.spec import StageSpec
from pipeline.records.document import CODE_TYPE, LINEAGE_TYPE, PROVENANCE_TYPE, document_id
from pipeline.transforms.runs import ADDED_FIELDS

EOD, SEPARATOR = 1, 7

JOINING = StageSpec.model_validate(
    {
        "name": "long",
        "sequence_tokens": 32,
        "components": [
            {
                "name": "code",
                "where": [{"column": "source", "allowed": ["code"]}],
                "weight": 50.0,
                "join": {
                    "by": "provenance.archive",
                    "order_by": "provenance.member",
                    "separator_token": "<sep>",
                },
            },
            {"name": "rest", "weight": 50.0},
        ],
    }
)

TREES = ("a.tar", "b.tar", None)


def token_shard(count: int, *, first: int = 0) -> pa.Table:
    """Documents ``first`` to ``first + count``: files of three trees and, every third, a page."""
    numbers = range(first, first + count)
    is_code = [number % 3 != 0 for number in numbers]
    tokens = [[*range(100, 100 + number % 11), EOD] for number in numbers]
    return pa.table(
        {
            "id": pa.array([document_id("s", str(number)) for number in numbers], pa.string()),
            "tokens": pa.array(tokens, pa.large_list(pa.int32())),
            "num_tokens": pa.array([len(of_one) for of_one in tokens], pa.int32()),
            "source": pa.array(["code" if code else "web" for code in is_code], pa.string()),
            "url": pa.array([None if n % 2 else f"http://x/{n}" for n in numbers], pa.string()),
            "provenance": pa.array(
                [
                    {"archive": TREES[n % 7 % 3], "member": f"{n * 7 % 13:02d}", "offset": None}
                    for n in numbers
                ],
                PROVENANCE_TYPE,
            ),
            "code": pa.array(
                [{"language": "C", "is_test": n % 5 == 0} if n % 3 else None for n in numbers],
                CODE_TYPE,
            ),
            "lineage": pa.array(
                [{"seed_ids": ["q", None]} if n % 4 == 0 else None for n in numbers], LINEAGE_TYPE
            ),
            "score": pa.array([None if n % 3 else n / 7 for n in numbers], pa.float32()),
            "is_good": pa.array([None if n % 5 else True for n in numbers], pa.bool_()),
        }
    )


def draw_all(columns: pa.RecordBatch, *, num_copies: int, num_partitions: int) -> pa.Table:
    """Every document ``num_copies`` times, members of a unit under one order."""
    components = np.array([int(s != "code") for s in columns["source"].to_pylist()], np.int32)
    units = unit_words(columns, id_words(columns.column("id")), components, JOINING)
    row = np.repeat(np.arange(columns.num_rows), num_copies)
    copy = np.tile(np.arange(num_copies, dtype=np.int32), columns.num_rows)
    order = keyed_hashes(units[row], "order", copies=copy)
    names = pa.array([component.name for component in JOINING.components], pa.string())
    drawn = {
        "row": pa.array(row),
        "component": names.take(pa.array(components[row])),
        "copy": pa.array(copy),
        "seen": pa.array(copy),
        "partition": pa.array(partitions(order, num_partitions=num_partitions)),
        "order": pa.array(order),
    }
    assert [name for name in drawn if name != "row"] == [field.name for field in ADDED_FIELDS]
    return pa.table(drawn).sort_by([("partition", "ascending"), ("order", "ascending")])


def write_token_shard(path: Path, documents: pa.Table, *, row_group_size: int = 50) -> str:
    pq.write_table(documents, path, row_group_size=row_group_size)
    return str(path)
