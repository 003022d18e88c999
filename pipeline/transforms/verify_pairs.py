"""The steps from candidates to edges: signatures are compared, then shingles where they must be.

Everything is read in the order in which it lies: a signature is sent to where the other document of
its pair lies, and shingles to where the first one does.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters.dedup.keep import KINDS, NEAR
from filters.dedup.minhash import Signatures, estimate_jaccard
from filters.dedup.packed import Int64Array, Packed, begins_of
from filters.dedup.shingle_sets import jaccard, shingle_sets
from filters.dedup.sketch import unpack_signatures
from filters.dedup.verification import (
    KNOWN,
    doubt_bounds,
    edge_strength,
    pack_sets,
    settle_edges,
    strength_kind,
    strength_similarity,
    unpack_sets,
)
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import READ_ROWS, read_table
from pipeline.transforms.corpus import Batch, Columns, Rows
from pipeline.transforms.exchange import ExchangeWriter, read_merged
from pipeline.transforms.outcome import count_by
from pipeline.transforms.pair_search import PairSearch
from pipeline.transforms.tasks import Tally
from pipeline.transforms.write import write_shard

EDGES = "edges"

EDGES_SCHEMA = pa.schema(
    [
        pa.field("first", pa.uint64(), nullable=False),  # shard << 32 | row, see corpus.py
        pa.field("second", pa.uint64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("similarity", pa.float32()),  # null where keys are equal
    ]
)

SIGNATURES = Columns(measures=("sketch.minhash",))
TEXTS = Columns(documents=("text",))

Floats = npt.NDArray[np.float64]

_SIGNATURE_PAIRS = 1 << 13
"""Pairs whose signatures are sent at a time: 4 MiB of 112 values."""

_SET_PAIRS = 1 << 10
"""Pairs whose shingles are hashed at a time."""

_EDGE_ROWS = 1 << 16
"""Edges read at a time."""


def read_edges(folder: StageFolder, shard: int, num_shards: int) -> Iterator[Packed]:
    """Edges whose first document lies in ``shard``, as packed rows, in order."""
    path = folder.table(EDGES, shard, num_shards)
    for batch in read_table(path, rows=_EDGE_ROWS):
        kinds = pc.index_in(batch.column("kind"), value_set=pa.array(KINDS)).to_numpy()
        similarity = batch.column("similarity").fill_null(1.0).to_numpy()
        strength = edge_strength(0, similarity) | kinds.astype(np.uint64) << np.uint64(32)
        yield np.column_stack(
            [batch.column("first").to_numpy(), batch.column("second").to_numpy(), strength]
        )


def take_known(search: PairSearch, group: int, before: Tally) -> Tally:
    """The edges that an earlier run found between documents of a group and other old ones."""
    del before
    first_new = search.corpus.first_new
    with search.known_edges.write(group) as out:
        for shard in search.groups.shards(group):
            if search.known is not None and shard < first_new:
                for edges in read_edges(search.known, shard, first_new):
                    is_near = strength_kind(edges[:, 2]) == NEAR
                    edges[is_near, 2] += np.uint64(KNOWN - NEAR << 32)
                    out.write(edges)
    return {}


def send_signatures(search: PairSearch, group: int, before: Tally) -> Tally:
    """Each candidate goes to its second document, with the signature of its first."""
    del before
    num_pairs = 0
    blocks = _unique(search.candidates.read(group))
    with search.signed.write(group) as out:
        for batch in search.walk(group, SIGNATURES, blocks):
            signatures = unpack_signatures(batch.columns["sketch.minhash"])
            for part in batch.rows:
                num_pairs += len(part)
                for pairs in _cut(part, _SIGNATURE_PAIRS):
                    sent = _pad(signatures[batch.places(pairs[:, 0])])
                    out.write(np.column_stack([pairs[:, ::-1], sent]))
    return {f"{KINDS[NEAR]}.pairs": num_pairs}


def compare_signatures(search: PairSearch, group: int, before: Tally) -> Tally:
    """Decide what the signatures can; a pair in doubt asks for the shingles of both documents."""
    del before
    near = search.near
    refuse_below, merge_from = doubt_bounds(
        near.threshold, permutations=near.permutations, verify=near.verify
    )
    screened = 0
    with search.estimated.write(group) as edges, search.doubtful.write(group) as doubtful:
        for batch in search.walk(group, SIGNATURES, search.signed.read(group)):
            own = unpack_signatures(batch.columns["sketch.minhash"])
            for rows in batch.rows:
                sent = np.ascontiguousarray(rows[:, 2:]).view("<u4")[:, : near.permutations]
                estimate = estimate_jaccard(sent, own[batch.places(rows[:, 0])])
                merged = estimate >= merge_from
                _write_edges(edges, rows[merged, 1], rows[merged, 0], estimate[merged])
                is_open = ~merged & (estimate >= refuse_below)
                screened += int((~merged & ~is_open).sum())
                pairs = rows[is_open, 1::-1]
                for side in (0, 1):
                    doubtful.write(np.column_stack([pairs[:, side], pairs]))
    return {f"{KINDS[NEAR]}.screened_pairs": screened}


def send_shingles(search: PairSearch, group: int, before: Tally) -> Tally:
    """The shingles of each document in a doubtful pair go to where the pair is counted."""
    del before
    rows = search.doubtful.read(group)
    with search.shingles.write(group) as out:
        for batch in search.walk(group, TEXTS, rows, batch_rows=READ_ROWS):
            for part in batch.rows:
                for asked in _cut(part, _SET_PAIRS):
                    values, bounds = _shingles_of(batch, batch.places(asked[:, 0]), search)
                    sides = (asked[:, 0] != asked[:, 1]).astype(np.uint64)
                    sets = np.column_stack([asked[:, 1:], sides])
                    for packed in pack_sets(sets, values, bounds):
                        out.write(packed)
    return {}


def count_shingles(search: PairSearch, group: int, before: Tally) -> Tally:
    """Decide the pairs in doubt by the shingles that both texts have."""
    del before
    compared = 0
    with search.counted.write(group) as edges:
        for pairs, values, bounds in unpack_sets(search.shingles.read(group)):
            similarity = jaccard(values, bounds[:, 0], values, bounds[:, 1])
            merged = similarity >= search.near.threshold
            _write_edges(edges, pairs[merged, 0], pairs[merged, 1], similarity[merged])
            compared += len(pairs)
    return {f"{KINDS[NEAR]}.compared_pairs": compared}


def write_edges(search: PairSearch, group: int, before: Tally) -> Tally:
    """The edges of a group's shards as tables: every pair once, by its strongest kind."""
    del before
    counted: Tally = {}
    rows = Rows(settle_edges(read_merged(search.edges(), group)))
    for shard in search.groups.shards(group):
        entry = write_shard(
            search.folder,
            EDGES,
            shard,
            search.corpus.num_shards,
            EDGES_SCHEMA,
            map(_edge_table, rows.before(shard + 1, 0)),
            count_by("kind"),
        )
        for kind, number in entry.statistics.items():
            counted[f"{kind}.merged_pairs"] = counted.get(f"{kind}.merged_pairs", 0) + number
    return counted


def _shingles_of(
    batch: Batch, places: Int64Array, search: PairSearch
) -> tuple[npt.NDArray[np.uint32], Int64Array]:
    """Shingle sets of the batch's texts at ``places``: hashes, and the bounds of each in them."""
    distinct, which = np.unique(places, return_inverse=True)
    texts = batch.columns["text"].take(pa.array(distinct))
    values, ends = shingle_sets(texts, unit=search.near.shingles, size=search.near.units)
    begins = np.concatenate([[0], ends[:-1]])
    return values, np.column_stack([begins, ends])[which]


def _write_edges(out: ExchangeWriter, first: Packed, second: Packed, similarity: Floats) -> None:
    out.write(np.column_stack([first, second, edge_strength(NEAR, similarity)]))


def _edge_table(edges: Packed) -> pa.RecordBatch:
    kinds = strength_kind(edges[:, 2])
    similarity = strength_similarity(edges[:, 2]).astype(np.float32)
    return pa.record_batch(
        [
            edges[:, 0].copy(),
            edges[:, 1].copy(),
            pa.array(KINDS).take(pa.array(kinds)),
            pa.array(similarity, mask=kinds != NEAR),
        ],
        schema=EDGES_SCHEMA,
    )


def _unique(blocks: Iterable[Packed]) -> Iterator[Packed]:
    """Sorted blocks without the rows that repeat the one before."""
    last: Packed | None = None
    for block in blocks:
        begins = begins_of(block)
        if last is not None and (block[0] == last).all():
            begins = begins[1:]
        last = block[-1]
        if len(begins):
            yield block[begins]


def _cut(rows: Packed, most: int) -> Iterator[Packed]:
    for begin in range(0, len(rows), most):
        yield rows[begin : begin + most]


def _pad(signatures: Signatures) -> Packed:
    """Signatures as numbers of eight bytes; an odd value is filled up with zero."""
    if signatures.shape[1] % 2:
        signatures = np.pad(signatures, ((0, 0), (0, 1)))
    return np.ascontiguousarray(signatures.astype("<u4", copy=False)).view("<u8")
