import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from filters.dedup.candidates import (
    MAX_PAIRED_BUCKET,
    Packed,
    band_entries,
    digest_entries,
    from_bytes,
    nominate_equal,
    nominate_similar,
    refer,
    rows_of,
    shards_of,
    split,
    to_bytes,
)
from filters.dedup.components import label_components
from filters.dedup.lsh import BandShape
from filters.dedup.sketch import pack_signatures

ENTRIES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 40)), max_size=60
).map(lambda rows: np.array(rows, np.uint64).reshape(-1, 3))


def bucket(key: int, size: int, *, first_reference: int = 0) -> Packed:
    """Entries of one band key, ordered by a hash-like draw."""
    references = np.arange(first_reference, first_reference + size, dtype=np.uint64)
    draws = references * np.uint64(0x9E3779B97F4A7C15)
    return np.column_stack([np.full(size, key, np.uint64), draws, references])


def pairs(edges: Packed) -> set[tuple[int, int]]:
    found = [(int(a), int(b)) for a, b in edges]
    assert all(a < b for a, b in found)
    assert found == sorted(set(found))
    return set(found)


def test_references_name_shard_and_row() -> None:
    references = refer(70_000, [0, 1, 2**32 - 1])
    assert shards_of(references).tolist() == [70_000] * 3
    assert rows_of(references).tolist() == [0, 1, 2**32 - 1]


def test_digest_entries_leave_out_nulls_and_keep_every_bit() -> None:
    keys = pa.array([bytes(range(16)), None, b"\xff" * 16], pa.binary(16))
    entries = digest_entries(keys, shard=2, first_row=100)
    assert entries.tolist() == [
        [0x0001020304050607, 0x08090A0B0C0D0E0F, 2 << 32 | 100],
        [2**64 - 1, 2**64 - 1, 2 << 32 | 102],
    ]


def test_band_entries_are_one_a_band_and_leave_out_nulls() -> None:
    signatures = np.array([[1, 2, 3, 4], [9, 9, 9, 9], [1, 2, 5, 6]], np.uint32)
    column = pack_signatures(signatures, is_null=np.array([False, True, False]))
    ids = pa.array(["a", "b", "c"])
    entries = band_entries(column, ids, shape=BandShape(2, 2), shard=0, first_row=0)
    assert entries[:, 2].tolist() == [0, 0, 2, 2]
    assert entries[0, 0] == entries[2, 0]  # the first bands agree
    assert entries[1, 0] != entries[3, 0]


def test_order_of_a_band_entry_comes_from_the_id_not_from_the_place() -> None:
    column = pack_signatures(np.ones((1, 4), np.uint32), is_null=np.array([False]))
    ids = pa.array(["a"])
    here = band_entries(column, ids, shape=BandShape(2, 2), shard=0, first_row=0)
    there = band_entries(column, ids, shape=BandShape(2, 2), shard=9, first_row=5)
    np.testing.assert_array_equal(here[:, :2], there[:, :2])
    assert here[0, 1] != here[1, 1]  # and is drawn anew for every band


@given(
    hnp.arrays(np.uint64, st.tuples(st.integers(0, 50), st.just(3))),
    st.integers(1, 9),
)
def test_parts_hold_every_entry_once_and_keep_keys_together(
    entries: Packed, partitions: int
) -> None:
    parts = dict(split(entries, partitions=partitions))
    assert all(0 <= part < partitions and len(rows) for part, rows in parts.items())
    gathered = np.concatenate([*parts.values(), np.empty((0, 3), np.uint64)])
    assert sorted(gathered.tolist()) == sorted(entries.tolist())
    keys = [set(rows[:, 0].tolist()) for rows in parts.values()]
    assert sum(map(len, keys)) == len(set().union(*keys))


def test_parts_are_even_for_hashed_keys() -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, (30_000, 3), np.uint64)
    sizes = [len(rows) for _, rows in split(keys, partitions=3)]
    assert min(sizes) > 9_500


@given(ENTRIES, st.randoms(use_true_random=False))
def test_equal_keys_give_one_star_each_in_any_order(entries: Packed, random: object) -> None:
    expected = set()
    by_key: dict[tuple[int, int], set[int]] = {}
    for high, low, reference in entries.tolist():
        by_key.setdefault((high, low), set()).add(reference)
    for references in by_key.values():
        expected |= {(min(references), other) for other in references - {min(references)}}
    order = list(range(len(entries)))
    random.shuffle(order)  # type: ignore[attr-defined]
    edges = nominate_equal(entries[order])
    assert pairs(edges) == expected


def test_all_pairs_of_a_small_bucket_are_nominated_once() -> None:
    entries = np.concatenate([bucket(5, 4), bucket(6, 3), bucket(7, 1, first_reference=50)])
    nomination = nominate_similar(entries)
    assert pairs(nomination.edges) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}
    assert (nomination.num_hot_buckets, nomination.num_hot_documents) == (0, 0)


@pytest.mark.parametrize("size", [MAX_PAIRED_BUCKET, MAX_PAIRED_BUCKET + 1, 2000])
def test_a_hot_bucket_is_bounded_counted_and_connected(size: int) -> None:
    nomination = nominate_similar(bucket(5, size))
    is_hot = size > MAX_PAIRED_BUCKET
    assert len(nomination.edges) <= (2 * size if is_hot else size * (size - 1) / 2)
    assert nomination.num_hot_buckets == is_hot
    assert nomination.num_hot_documents == size * is_hot
    labels = label_components(nomination.edges)
    assert labels.tolist() == [[reference, 0] for reference in range(size)]


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
    edges = nominate_similar(np.concatenate(entries)).edges
    is_verified = edges[:, 0] % np.uint64(2) == edges[:, 1] % np.uint64(2)
    labels = label_components(edges[is_verified])
    assert len(labels) == size
    assert np.unique(labels[:, 1]).tolist() == [0, 1]


@given(ENTRIES, st.integers(2, 5), st.randoms(use_true_random=False))
def test_similar_pairs_do_not_depend_on_order_or_place(
    entries: Packed, max_paired_bucket: int, random: object
) -> None:
    # One entry for each key and document, with an order of the document's own.
    entries[:, 1] = entries[:, 2] * np.uint64(7919) % np.uint64(41)
    entries = np.unique(entries, axis=0)
    places = list(range(41))
    order = list(range(len(entries)))
    random.shuffle(places)  # type: ignore[attr-defined]
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = entries[order].copy()
    moved[:, 2] = np.array(places, np.uint64)[moved[:, 2].astype(int)]
    here = nominate_similar(entries, max_paired_bucket=max_paired_bucket)
    there = nominate_similar(moved, max_paired_bucket=max_paired_bucket)
    expected = {tuple(sorted((places[a], places[b]))) for a, b in pairs(here.edges)}
    assert pairs(there.edges) == expected
    assert there.num_hot_buckets == here.num_hot_buckets


def test_nothing_nominates_nothing() -> None:
    nothing = np.empty((0, 3), np.uint64)
    assert nominate_equal(nothing).shape == (0, 2)
    assert nominate_similar(nothing).edges.shape == (0, 2)
    assert list(split(nothing, partitions=3)) == []


@given(st.lists(hnp.arrays(np.uint64, st.tuples(st.integers(0, 5), st.just(2))), max_size=4))
def test_packed_arrays_come_back_from_their_bytes(arrays: list[Packed]) -> None:
    expected = np.concatenate([*arrays, np.empty((0, 2), np.uint64)])
    np.testing.assert_array_equal(from_bytes(map(to_bytes, arrays), columns=2), expected)
