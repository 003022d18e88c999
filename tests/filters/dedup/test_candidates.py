from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.candidates import (
    MAX_PAIRED_BUCKET,
    Nomination,
    band_entries,
    digest_entries,
    join_equal,
    nominate_similar,
)
from filters.dedup.lsh import BandShape
from filters.dedup.packed import Packed, sort_rows
from filters.dedup.sketch import pack_signatures
from filters.dedup.stars import contract

BANDS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=60, unique=True).map(
    lambda rows: np.array([(k, d * 7919 % 41, d) for k, d in rows], np.uint64).reshape(-1, 3)
)
"""One entry for each key and document, with an order of the document's own."""

DIGESTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 40)), max_size=60, unique=True
).map(
    lambda rows: np.array(
        [(high, low, d * 7919 % 41, d) for high, low, d in rows], np.uint64
    ).reshape(-1, 4)
)


def cut(entries: Packed, block_rows: int) -> Iterator[Packed]:
    entries = sort_rows(entries)
    for begin in range(0, len(entries), block_rows):
        yield entries[begin : begin + block_rows]


def similar(
    entries: Packed, *, block_rows: int = 7, max_paired_bucket: int = MAX_PAIRED_BUCKET
) -> tuple[set[tuple[int, int]], Nomination]:
    counts = Nomination()
    blocks = cut(entries, block_rows)
    found = [
        tuple(pair)
        for pairs in nominate_similar(blocks, counts, max_paired_bucket=max_paired_bucket)
        for pair in pairs.tolist()
    ]
    assert all(a < b for a, b in found)
    return set(found), counts


def bucket(key: int, size: int, *, first_reference: int = 0) -> Packed:
    """Entries of one band key, ordered by a hash-like draw."""
    references = np.arange(first_reference, first_reference + size, dtype=np.uint64)
    draws = references * np.uint64(0x9E3779B97F4A7C15)
    return np.column_stack([np.full(size, key, np.uint64), draws, references])


def test_digest_entries_leave_out_nulls_and_keep_every_bit() -> None:
    keys = pa.array([bytes(range(16)), None, b"\xff" * 16], pa.binary(16))
    draws = np.array([7, 8, 9], np.uint64)
    entries = digest_entries(keys, draws, shard=2, first_row=100)
    assert entries.tolist() == [
        [0x0001020304050607, 0x08090A0B0C0D0E0F, 7, 2 << 32 | 100],
        [2**64 - 1, 2**64 - 1, 9, 2 << 32 | 102],
    ]


def test_band_entries_are_one_a_band_and_leave_out_nulls_and_copies() -> None:
    signatures = np.array([[1, 2, 3, 4], [9, 9, 9, 9], [1, 2, 5, 6], [1, 2, 3, 4]], np.uint32)
    column = pack_signatures(signatures, is_null=np.array([False, True, False, False]))
    is_copy = np.array([False, False, False, True])
    draws = np.arange(4, dtype=np.uint64)
    entries = band_entries(
        column, draws, shape=BandShape(2, 2), shard=0, first_row=0, is_left_out=is_copy
    )
    assert entries[:, 2].tolist() == [0, 0, 2, 2]
    assert entries[0, 0] == entries[2, 0]  # the first bands agree
    assert entries[1, 0] != entries[3, 0]


def test_order_of_a_band_entry_comes_from_the_document_not_from_the_place() -> None:
    column = pack_signatures(np.ones((1, 4), np.uint32), is_null=np.array([False]))
    draws = np.array([5], np.uint64)
    here = band_entries(column, draws, shape=BandShape(2, 2), shard=0, first_row=0)
    there = band_entries(column, draws, shape=BandShape(2, 2), shard=9, first_row=5)
    np.testing.assert_array_equal(here[:, :2], there[:, :2])
    assert here[0, 1] != here[1, 1]  # and is drawn anew for every band


def test_documents_that_share_the_next_band_stand_together() -> None:
    families = np.repeat(np.arange(50, dtype=np.uint32), 4)
    signatures = np.column_stack([np.zeros(200, np.uint32), families])
    column = pack_signatures(signatures, is_null=np.zeros(200, bool))
    draws = np.random.default_rng(0).integers(0, 2**64, 200, np.uint64)
    entries = band_entries(column, draws, shape=BandShape(2, 1), shard=0, first_row=0)
    first_band = sort_rows(entries[::2])  # all documents share its key
    assert len(set(first_band[:, 0].tolist())) == 1
    order = families[first_band[:, 2].astype(int)]
    assert (np.diff(order) != 0).sum() == 49


@given(DIGESTS, st.integers(1, 9))
def test_all_documents_of_a_key_are_joined_to_the_first_drawn(
    entries: Packed, block_rows: int
) -> None:
    counts = Nomination()
    found = [
        tuple(pair)
        for pairs in join_equal(cut(entries, block_rows), counts)
        for pair in pairs.tolist()
    ]
    by_key = defaultdict(list)
    for high, low, draw, reference in entries.tolist():
        by_key[high, low].append((draw, reference))
    expected = [
        (min(drawn)[1], other)
        for drawn in by_key.values()
        for _, other in drawn
        if other != min(drawn)[1]
    ]
    assert sorted(found) == sorted(expected)
    assert counts.keys == len(entries)


def test_all_pairs_of_a_small_bucket_are_nominated() -> None:
    entries = np.concatenate([bucket(5, 4), bucket(6, 3), bucket(7, 1, first_reference=50)])
    found, counts = similar(entries)
    assert found == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    assert (counts.keys, counts.hot_buckets, counts.hot_documents) == (8, 0, 0)


@pytest.mark.parametrize("size", [MAX_PAIRED_BUCKET, MAX_PAIRED_BUCKET + 1, 2000])
def test_a_hot_bucket_is_bounded_counted_and_connected(size: int) -> None:
    found, counts = similar(bucket(5, size), block_rows=300)
    is_hot = size > MAX_PAIRED_BUCKET
    assert len(found) <= (2 * size if is_hot else size * (size - 1) / 2)
    assert counts.hot_buckets == is_hot
    assert counts.hot_documents == size * is_hot
    stars = contract(np.array(sorted(found), np.uint64))
    assert stars.tolist() == [[reference, 0] for reference in range(1, size)]


def test_a_hot_bucket_survives_the_loss_of_its_centre() -> None:
    # Two unrelated groups share a band: pairs between them fail the comparison, and so does the
    # star for one of them. Five bands, each with its own order, still hold both together.
    size = 400
    entries = []
    for band in range(5):
        draws = np.random.default_rng(band).integers(0, 2**64, size, np.uint64)
        entries.append(
            np.column_stack(
                [np.full(size, band, np.uint64), draws, np.arange(size, dtype=np.uint64)]
            )
        )
    found, _ = similar(np.concatenate(entries), block_rows=300)
    verified = np.array([pair for pair in sorted(found) if pair[0] % 2 == pair[1] % 2], np.uint64)
    stars = contract(verified)
    assert len(stars) == size - 2
    assert np.unique(stars[:, 1]).tolist() == [0, 1]


@given(BANDS, st.integers(2, 5), st.integers(1, 9), st.randoms(use_true_random=False))
def test_similar_pairs_do_not_depend_on_place_or_blocks(
    entries: Packed, max_paired_bucket: int, block_rows: int, random: Random
) -> None:
    places = list(range(41))
    random.shuffle(places)
    moved = entries.copy()
    moved[:, 2] = np.array(places, np.uint64)[moved[:, 2].astype(int)]
    here, counts = similar(entries, max_paired_bucket=max_paired_bucket)
    there, moved_counts = similar(moved, block_rows=block_rows, max_paired_bucket=max_paired_bucket)
    assert there == {tuple(sorted((places[a], places[b]))) for a, b in here}
    assert moved_counts == counts


@given(BANDS, st.integers(2, 5), st.sets(st.integers(0, 40)))
def test_no_pair_is_nominated_that_fewer_documents_did_not_nominate(
    entries: Packed, max_paired_bucket: int, earlier: set[int]
) -> None:
    is_earlier = np.isin(entries[:, 2], np.array(sorted(earlier), np.uint64))
    now, _ = similar(entries, max_paired_bucket=max_paired_bucket)
    then, _ = similar(entries[is_earlier], max_paired_bucket=max_paired_bucket)
    assert {pair for pair in now if earlier.issuperset(pair)} <= then


@given(BANDS)
def test_small_buckets_miss_no_pair(entries: Packed) -> None:
    by_key = defaultdict(set)
    for key, _, reference in entries.tolist():
        by_key[key].add(reference)
    found, _ = similar(entries, max_paired_bucket=60)
    expected = {pair for one in by_key.values() for pair in combinations(sorted(one), 2)}
    assert found == expected


def test_nothing_nominates_nothing() -> None:
    counts = Nomination()
    assert list(join_equal([], counts)) == []
    assert similar(np.empty((0, 3), np.uint64)) == (set(), counts)
