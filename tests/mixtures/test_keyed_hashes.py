import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.hashing import UInt64Array, id_words, keyed_hashes
from pipeline.errors import SchemaError
from pipeline.records.document import document_id

hex_ids = st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=20)


@given(hex_ids, st.sampled_from([pa.string(), pa.large_string()]))
def test_id_words_are_the_ids_as_numbers(ids: list[str], kind: pa.DataType) -> None:
    words = id_words(pa.array(ids, kind))
    assert [f"{int(high):016x}{int(low):016x}" for high, low in words] == ids


@given(hex_ids, st.integers(0, 20), st.integers(0, 20))
def test_words_of_a_slice_are_a_slice_of_the_words(ids: list[str], start: int, length: int) -> None:
    array = pa.array(ids, pa.string())
    sliced = array.slice(min(start, len(ids)), length)
    expected = id_words(array)[start : start + length]
    assert np.array_equal(id_words(sliced), expected)


@pytest.mark.parametrize("bad", ["", "ab" * 15, "AB" * 16, "g" * 32, "é" * 16, None])
def test_anything_but_a_document_id_is_refused(bad: str | None) -> None:
    with pytest.raises(SchemaError, match="document id"):
        id_words(pa.array(["0" * 32, bad], pa.string()))


def words(count: int) -> UInt64Array:
    return id_words(pa.array([document_id("s", str(n)) for n in range(count)]))


def test_hashes_depend_on_every_part_of_the_key() -> None:
    keys = [("a", 1), ("a", 2), ("b", 1), ("a\0", 1), ("a1",), ("a", 1, "")]
    hashes = [keyed_hashes(words(50), *key) for key in keys]
    hashes += [keyed_hashes(words(50), "a", 1, copies=np.full(50, n, np.int32)) for n in range(3)]
    assert len(np.unique(np.concatenate(hashes))) == 50 * 9


def test_hashes_depend_on_both_halves_of_an_id() -> None:
    ids = pa.array([f"{'0' * 31}1", f"{'0' * 15}1{'0' * 16}", "0" * 32])
    assert len(np.unique(keyed_hashes(id_words(ids), "k"))) == 3


def test_hashes_are_uniform_and_independent_between_keys() -> None:
    one, other = (keyed_hashes(words(20_000), "k", n).astype(np.float64) / 2**64 for n in (1, 2))
    assert abs(one.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    counts, _ = np.histogram(one, bins=64, range=(0, 1))
    chi_squared = ((counts - 20_000 / 64) ** 2 / (20_000 / 64)).sum()
    assert chi_squared < 115  # 63 degrees of freedom: p below 0.0001


def test_hashes_stay_what_they_were() -> None:
    """Another value here means other shards from the same recipe: a change of output."""
    ids = pa.array([document_id("web", "a"), document_id("web", "b")])
    hashes = keyed_hashes(id_words(ids), "order", 7, "stage", "c", copies=np.array([0, 1], "i4"))
    assert [f"{int(value):016x}" for value in hashes] == GOLDEN


# Recomputed with plain Python integers from the definition in mixtures.hashing.
GOLDEN = ["c5fa9371f2ccc77b", "1574595932e13025"]
