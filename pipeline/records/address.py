"""Where a batch belongs: which shard, and which piece of it.

A shard is the unit of work and of output: one worker reads it, and every table made from it is
written under its number. A batch carries its address in its schema's metadata, so that it stays
an ordinary ``RecordBatch`` for every function that does not care, and so that a writer can tell
a complete shard from one whose pieces went astray.
"""

import json
from dataclasses import dataclass

import pyarrow as pa

from pipeline.errors import InvariantError

_KEY = b"reasonmill.address"


@dataclass(frozen=True)
class Address:
    """Piece ``sequence`` (from 0) of shard ``shard`` of ``num_shards``; the last one says so."""

    shard: int
    num_shards: int
    sequence: int
    is_last: bool


def stamp(batch: pa.RecordBatch, address: Address) -> pa.RecordBatch:
    """The same rows, carrying ``address`` and no other metadata. Copies no column."""
    encoded = json.dumps([address.shard, address.num_shards, address.sequence, address.is_last])
    return batch.replace_schema_metadata({_KEY: encoded.encode()})


def address_of(batch: pa.RecordBatch) -> Address:
    """The address that :func:`stamp` gave; InvariantError when a step dropped it."""
    metadata = batch.schema.metadata or {}
    if _KEY not in metadata:
        raise InvariantError(
            f"a batch of {batch.num_rows} rows lost its shard address; the step before must "
            "stamp what it returns"
        )
    shard, num_shards, sequence, is_last = json.loads(metadata[_KEY])
    return Address(shard, num_shards, sequence, is_last)


def shard_name(shard: int, num_shards: int) -> str:
    """``part-00003-of-00017``, the stem of every file made from shard 3 of 17."""
    return f"part-{shard:05d}-of-{num_shards:05d}"
