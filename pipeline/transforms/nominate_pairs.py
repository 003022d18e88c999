"""The steps from sketches to pairs: equal keys, which decide, and bands, which nominate."""

from contextlib import ExitStack

import numpy as np

from filters.dedup.candidates import (
    Nomination,
    band_entries,
    digest_entries,
    join_equal,
    nominate_similar,
)
from filters.dedup.ids import id_keys
from filters.dedup.keep import EXACT, KINDS, NEAR
from filters.dedup.packed import Packed, rows_of
from filters.dedup.sketch import unpack_keys
from filters.dedup.verification import NOMINATED, edge_strength
from pipeline.storage.tables import read_table
from pipeline.transforms.corpus import BATCH_ROWS, Rows
from pipeline.transforms.pair_search import PairSearch
from pipeline.transforms.tasks import Tally


def write_keys(search: PairSearch, group: int, before: Tally) -> Tally:
    """Entries of the URL and text keys of a group's documents."""
    del before
    columns = [_key_column(kind) for kind in search.equal_kinds]
    with ExitStack() as stack:
        outs = [stack.enter_context(search.keys(kind).write(group)) for kind in search.equal_kinds]
        for shard in search.groups.shards(group) if columns else ():
            first_row = 0
            for batch in read_table(
                search.corpus.measures(shard), columns=["id", *columns], rows=BATCH_ROWS
            ):
                draws = id_keys(batch.column("id"))[:, 0]
                for column, out in zip(columns, outs, strict=True):
                    keys = batch.column(column)
                    out.write(digest_entries(keys, draws, shard=shard, first_row=first_row))
                first_row += batch.num_rows
    return {}


def join_keys(search: PairSearch, kind: int, partition: int, before: Tally) -> Tally:
    """Documents of one key are duplicates; of one text, one stands for all from here on.

    Pairs of old documents are left out: the earlier run's edges hold them together.
    """
    del before
    counts, num_pairs = Nomination(), 0
    with ExitStack() as stack:
        out = stack.enter_context(search.joined(kind).write(partition))
        copies = stack.enter_context(search.copies.write(partition)) if kind == EXACT else None
        for pairs in join_equal(search.keys(kind).read(partition), counts):
            num_pairs += len(pairs)
            if copies is not None:
                copies.write(pairs[:, 1:])
            ordered = np.sort(pairs, axis=1)
            out.write(_edges(ordered[ordered[:, 1] >= search.new_from], kind))
    return {f"{KINDS[kind]}.keys": counts.keys, f"{KINDS[kind]}.pairs": num_pairs}


def write_bands(search: PairSearch, group: int, before: Tally) -> Tally:
    """Entries of the bands of a group's documents, but for copies of a text."""
    del before
    has_texts = EXACT in search.equal_kinds
    columns = ["id", "sketch.minhash", *([_key_column(EXACT)] if has_texts else [])]
    copies = Rows(search.copies.read(group)) if has_texts else None
    left_out = 0
    with search.keys(NEAR).write(group) as out:
        for shard in search.groups.shards(group):
            first_row = 0
            for batch in read_table(
                search.corpus.measures(shard), columns=columns, rows=BATCH_ROWS
            ):
                is_copy = np.zeros(batch.num_rows, bool)
                draws = id_keys(batch.column("id"))[:, 0]
                if copies is not None:
                    # Texts draw, not ids: whichever of its copies stands for a text, all
                    # documents together nominate the pairs that fewer did.
                    draws = unpack_keys(batch.column(_key_column(EXACT)))[:, 0]
                    for part in copies.before(shard, first_row + batch.num_rows):
                        is_copy[rows_of(part[:, 0]) - first_row] = True
                entries = band_entries(
                    batch.column("sketch.minhash"),
                    draws,
                    shape=search.near.band_shape(),
                    shard=shard,
                    first_row=first_row,
                    is_left_out=is_copy,
                )
                out.write(entries)
                left_out += int(is_copy.sum())
                first_row += batch.num_rows
    return {f"{KINDS[NEAR]}.copies": left_out}


def nominate(search: PairSearch, partition: int, before: Tally) -> Tally:
    """Pairs that share a band: to be verified, or to be looked up among what is known."""
    del before
    counts = Nomination()
    blocks = search.keys(NEAR).read(partition)
    with (
        search.candidates.write(partition) as candidates,
        search.nominated.write(partition) as nominated,
    ):
        for pairs in nominate_similar(blocks, counts):
            is_new = pairs[:, 1] >= search.new_from
            candidates.write(pairs[is_new])
            nominated.write(_edges(pairs[~is_new], NOMINATED))
    name = KINDS[NEAR]
    return {
        f"{name}.keys": counts.keys,
        f"{name}.hot_buckets": counts.hot_buckets,
        f"{name}.hot_documents": counts.hot_documents,
    }


def _edges(pairs: Packed, kind: int) -> Packed:
    return np.column_stack([pairs, np.full(len(pairs), edge_strength(kind), np.uint64)])


def _key_column(kind: int) -> str:
    return f"sketch.{KINDS[kind]}_key"
