from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.dedup.config import DeduplicateConfig, NearDuplicateConfig, ShingleUnit
from filters.dedup.exact import text_key
from filters.dedup.minhash import draw_permutations, sign
from filters.dedup.sketch import Sketch, unpack_keys, unpack_signatures
from filters.dedup.url import url_key

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def documents(*rows: tuple[str, str | None]) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "text": pa.array([text for text, _ in rows], pa.large_string()),
            "url": pa.array([url for _, url in rows], pa.string()),
        }
    )


def sketch(**settings: Any) -> Sketch:
    return Sketch(DeduplicateConfig(**settings).sketch_parameters())


def test_columns_hold_the_keys_and_the_signature() -> None:
    batch = documents((LONG, "http://example.org/a"), ("short", None))
    result = sketch().annotate(batch)
    assert result.schema == sketch().columns
    assert result.column("url_key").to_pylist() == [url_key("http://example.org/a"), None]
    assert result.column("exact_key").to_pylist() == [text_key(LONG), text_key("short")]
    signatures, _ = sign(
        batch.column("text"), permutations=draw_permutations(112, seed=1), unit="words", size=5
    )
    assert result.column("minhash").to_pylist() == [signatures[0].tobytes(), None]


def test_a_document_of_too_few_shingles_is_not_signed() -> None:
    texts = [" ".join(LONG.split()[:num_words]) for num_words in (12, 13, 14)]
    batch = documents(*((text, None) for text in texts))
    result = sketch(near=NearDuplicateConfig(min_shingles=9)).annotate(batch)
    assert result.column("minhash").is_valid().to_pylist() == [False, True, True]


@pytest.mark.parametrize(("unit", "size"), [("characters", 24), ("code", 5)])
def test_signatures_are_of_the_unit_that_is_asked_for(unit: ShingleUnit, size: int) -> None:
    batch = documents((LONG.upper() + " (a+b)", None))
    result = sketch(near=NearDuplicateConfig(shingles=unit)).annotate(batch)
    signatures, _ = sign(
        batch.column("text"), permutations=draw_permutations(112, seed=1), unit=unit, size=size
    )
    np.testing.assert_array_equal(unpack_signatures(result.column("minhash")), signatures)


def test_what_is_switched_off_has_no_column() -> None:
    assert sketch(url=False, near=None).columns.names == ["exact_key"]
    assert sketch(url=False, exact=False).columns.names == ["minhash"]
    none = sketch(url=False, exact=False, near=None).annotate(documents((LONG, None)))
    assert none.num_columns == 0


def test_packed_columns_are_read_back_from_any_slice() -> None:
    batch = documents((LONG, None), ("short", None), (LONG + " more", "http://example.org"))
    result = sketch().annotate(batch).slice(1, 2)
    signatures, _ = sign(
        batch.column("text"), permutations=draw_permutations(112, seed=1), unit="words", size=5
    )
    np.testing.assert_array_equal(unpack_signatures(result.column("minhash"))[1], signatures[2])
    high, low = unpack_keys(result.column("exact_key"))[0].tolist()
    assert (high << 64 | low).to_bytes(16, "big") == text_key("short")


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.tuples(st.text(alphabet="ab \u4f60.", max_size=60), st.none()), max_size=6),
    st.data(),
)
def test_batches_change_nothing(rows: list[tuple[str, None]], data: st.DataObject) -> None:
    annotator = sketch(near=NearDuplicateConfig(permutations=16, shingle_size=2, min_shingles=2))
    batch = documents(*rows)
    cut = data.draw(st.integers(0, len(rows)))
    parts = [annotator.annotate(batch.slice(0, cut)), annotator.annotate(batch.slice(cut))]
    assert pa.concat_batches(parts).equals(annotator.annotate(batch))
