"""Tables of sketches without documents, so that deduplication can be tried at any size.

Every value is a hash of row, family and position (SplitMix64), so shards are written one by one,
in any order, and a family's members lie all over them. Families:

* small ones of two to five, members of an estimated similarity of about 0.9, of one text or one
  address;
* one giant family of near copies of one document, 0.98 alike;
* one chain, each member 0.9 like the next and nothing like those ten steps away;
* the hot rows, which share one band of eight values and nothing else: they are no duplicates.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.dedup.ragged import Numbers
from filters.dedup.config import DeduplicateConfig
from filters.dedup.sketch import Sketch
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms.annotate import MEASURES, measures_schema
from pipeline.transforms.stage import Finished

SHARD_ROWS = 100_000
DUPLICATE_RATIO = 0.3
"""Of the rows, in small families, their first members left out."""

GIANT_RATIO = 0.005
HOT_RATIO = 0.01
CHAIN_ROWS = 900
"""Below the size from which clusters are looked at again with a stricter threshold."""

_NEAR_SHARE, _EXACT_SHARE = 0.6, 0.3  # of the small families; the rest have one address
_SMALL_JACCARD, _GIANT_JACCARD = 0.95, 0.99  # to the family's own signature
_CHAIN_STEPS = 10
_HOT_BAND = 3
_BAND_ROWS = 8
_Packed = npt.NDArray[np.uint64]


class Sort(IntEnum):
    """What the members of a family have in common."""

    SINGLE = 0
    NEAR = 1
    EXACT = 2
    URL = 3
    GIANT = 4
    CHAIN = 5
    HOT = 6


@dataclass(frozen=True, eq=False)
class Families:
    """Family, number inside it, and sort of family of every row; a single row is its own."""

    family: Numbers
    member: Numbers
    sort: npt.NDArray[np.int8]
    """A ``Sort`` each."""

    @property
    def duplicates(self) -> int:
        """Rows that a perfect deduplication would not keep."""
        return int((self.member > 0).sum())


def plan_families(rows: int, *, seed: int = 0) -> Families:
    """Cut the rows into families and scatter these."""
    source = np.random.default_rng(seed)
    giant, hot = int(rows * GIANT_RATIO), int(rows * HOT_RATIO)
    chain = min(CHAIN_ROWS, rows // 100)
    sizes = 2 + source.binomial(3, 0.2, size=int(rows * DUPLICATE_RATIO))
    last = int(np.searchsorted(np.cumsum(sizes - 1), rows * DUPLICATE_RATIO))
    sizes = sizes[:last]
    drawn = source.random(last)
    sorts = np.where(
        drawn < _NEAR_SHARE,
        Sort.NEAR,
        np.where(drawn < _NEAR_SHARE + _EXACT_SHARE, Sort.EXACT, Sort.URL),
    )
    singles = rows - int(sizes.sum()) - giant - chain
    sizes = np.concatenate([sizes, [giant, chain], np.ones(singles, np.int64)])
    sorts = np.concatenate([sorts, [Sort.GIANT, Sort.CHAIN], np.full(singles, Sort.SINGLE)])
    sorts[len(sorts) - hot :] = Sort.HOT
    family = np.repeat(np.arange(len(sizes)), sizes)
    member = np.arange(rows) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order = source.permutation(rows)
    return Families(family[order], member[order], sorts[family[order]].astype(np.int8))


def write_measures(run: str, families: Families, config: DeduplicateConfig) -> Finished:
    """Write the shards as the output of a finished ``annotate`` stage."""
    folder = StageFolder.of(run, "annotate", "made")
    schema = measures_schema((Sketch(config.sketch_parameters()),))
    rows = len(families.family)
    num_shards = -(-rows // SHARD_ROWS)
    entries = []
    for shard in range(num_shards):
        name = folder.shard_file(MEASURES, shard, num_shards)
        writer = TableWriter(folder.locate(name), schema)
        first = shard * SHARD_ROWS
        batch = make_measures(families, first, min(first + SHARD_ROWS, rows), schema)
        writer.write(batch)
        entries.append(ShardEntry(MEASURES, shard, name, batch.num_rows, *writer.close()))
    counts = Counts(rows, rows, 0, 0)
    manifest = Manifest("annotate", 1, "made", {}, {}, counts, {MEASURES: tuple(entries)})
    folder.write_manifest(manifest)
    return Finished(folder, manifest)


def make_measures(families: Families, first: int, last: int, schema: pa.Schema) -> pa.RecordBatch:
    """Rows ``first`` to ``last - 1``; columns that it does not know are null."""
    rows = np.arange(first, last, dtype=np.uint64)
    family = families.family[first:last].astype(np.uint64)
    sort, member = families.sort[first:last], families.member[first:last]
    size = last - first
    permutations = schema.field("sketch.minhash").type.byte_width // 4
    known = {
        "id": _hexadecimal(_digests(rows, salt=1)),
        "source": pa.array(["made"]).take(pa.array(np.zeros(size, np.int8))),
        "sketch.url_key": _binary(_digests(np.where(sort == Sort.URL, ~family, rows), salt=2)),
        "sketch.exact_key": _binary(_digests(np.where(sort == Sort.EXACT, ~family, rows), salt=3)),
        "sketch.minhash": _binary(_signatures(rows, family, member, sort, permutations)),
        "is_annotated": pa.array(np.ones(size, bool)),
    }
    columns = [known.get(field.name, pa.nulls(size, field.type)) for field in schema]
    return pa.record_batch(columns, schema=schema)


def _signatures(
    rows: _Packed,
    family: _Packed,
    member: Numbers,
    sort: npt.NDArray[np.int8],
    permutations: int,
) -> npt.NDArray[np.uint32]:
    places = np.arange(permutations, dtype=np.uint64)
    own = _hash(rows[:, np.newaxis], places, salt=4)
    is_chain = sort == Sort.CHAIN
    # Every place takes a new value each _CHAIN_STEPS members, a tenth of the places at a time.
    step = member[:, np.newaxis] + np.arange(permutations) % _CHAIN_STEPS
    step = np.where(is_chain[:, np.newaxis], step // _CHAIN_STEPS, 0).astype(np.uint64)
    common = _hash(family[:, np.newaxis], places + np.uint64(permutations) * step, salt=5)
    share = np.array([0, _SMALL_JACCARD, 1, 0, _GIANT_JACCARD, 1, 0])[sort]
    is_common = (own >> np.uint64(32)) < (share * 2**32).astype(np.uint64)[:, np.newaxis]
    values = np.where(is_common, common, own).astype(np.uint32)
    band = slice(_HOT_BAND * _BAND_ROWS, (_HOT_BAND + 1) * _BAND_ROWS)
    values[np.flatnonzero(sort == Sort.HOT), band] = 1
    return values


def _digests(numbers: _Packed, *, salt: int) -> _Packed:
    return _hash(numbers[:, np.newaxis], np.arange(2, dtype=np.uint64), salt=salt)


def _hash(numbers: _Packed, places: _Packed, *, salt: int) -> _Packed:
    """SplitMix64's finalizer, twice; wraps around."""
    return _mix(_mix(numbers + np.uint64(salt << 56)) + places * np.uint64(0x9E3779B97F4A7C15))


def _mix(values: _Packed) -> _Packed:
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)


def _binary(values: npt.NDArray[np.unsignedinteger]) -> pa.Array:
    width = values.shape[1] * values.itemsize
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.binary(width), len(values), buffers)


def _hexadecimal(digests: _Packed) -> pa.Array:
    values = digests.view(np.uint8).reshape(len(digests), 16)
    nibbles = np.stack([values >> 4, values & 15], axis=2).reshape(len(digests), 32)
    letters = np.frombuffer(b"0123456789abcdef", np.uint8)[nibbles]
    offsets = np.arange(0, 32 * len(digests) + 1, 32, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))]
    return pa.Array.from_buffers(pa.string(), len(digests), buffers)
