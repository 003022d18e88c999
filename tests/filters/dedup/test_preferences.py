import datetime as dt
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.config import KeepPreference
from filters.dedup.preferences import (
    check_preferences,
    column_of,
    preference_columns,
    preference_keys,
)
from pipeline.errors import ConfigError, SchemaError
from pipeline.records.document import DOCUMENT_SCHEMA

HIGHEST = KeepPreference(column="a.b", prefer="highest")
LOWEST = KeepPreference(column="a.b", prefer="lowest")
TIMES = pa.timestamp("s", tz="UTC")

COLUMNS = st.one_of(
    *(
        st.tuples(st.lists(st.none() | values, min_size=2, max_size=6), st.just(kind))
        for values, kind in [
            (st.floats(), pa.float64()),
            (st.floats(width=32), pa.float32()),
            (st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324]), pa.float64()),
            (st.integers(-(2**63) + 1, 2**63 - 2), pa.int64()),
            (st.integers(-(2**31), 2**31 - 1), pa.int32()),
            (st.integers(1, 2**64 - 2), pa.uint64()),
            (st.booleans(), pa.bool_()),
            (st.datetimes().map(lambda date: date.replace(microsecond=0, tzinfo=dt.UTC)), TIMES),
        ]
    )
)


def keys(column: pa.Array, preference: KeepPreference) -> list[int]:
    found: list[int] = preference_keys(
        {preference.column: column}, [preference], num_rows=len(column)
    )[:, 0].tolist()
    return found


def place(value: Any, *, is_reversed: bool) -> tuple[int, Any]:
    """How the value ranks among others of its column, by Python's own comparison."""
    if value is None:
        return (2, 0)
    if value != value:  # noqa: PLR0124  NaN
        return (1, 0)
    number = value.timestamp() if isinstance(value, dt.datetime) else value
    return (0, -number if is_reversed else number)


@given(COLUMNS)
def test_keys_compare_as_values_do(column: tuple[list[Any], pa.DataType]) -> None:
    values, kind = column
    packed = pa.array([None, *values], kind).slice(1)
    for preference, is_reversed in [(LOWEST, False), (HIGHEST, True)]:
        found = keys(packed, preference)
        places = [place(value, is_reversed=is_reversed) for value in packed.to_pylist()]
        for i, j in np.ndindex(len(values), len(values)):
            assert (found[i] < found[j]) == (places[i] < places[j])


@pytest.mark.parametrize(
    ("kind", "values"), [(pa.int64(), [-(2**63), 2**63 - 1]), (pa.uint64(), [0, 2**64 - 1])]
)
def test_the_worst_integer_still_beats_a_null(kind: pa.DataType, values: list[int]) -> None:
    column = pa.array([*values, None], kind)
    assert keys(column, LOWEST)[0] < keys(column, LOWEST)[1] < keys(column, LOWEST)[2]
    assert keys(column, HIGHEST)[1] < keys(column, HIGHEST)[0] < keys(column, HIGHEST)[2]


def test_listed_values_come_first_and_null_last() -> None:
    preference = KeepPreference(column="source", order=("arxiv", "web"))
    column = pa.array(["blog", "web", None, "arxiv", "forum", ""])
    assert keys(column, preference) == [2, 1, 2**64 - 1, 0, 2, 2]


def test_a_date_compares_by_its_first_moment() -> None:
    column = pa.array(["2024-05", "2024", "2024-05-01T02:00+02:00", "May", None, "2023-12-31"])
    latest = keys(column, KeepPreference(column="published_at", prefer="highest"))
    earliest = keys(column, KeepPreference(column="published_at", prefer="lowest"))
    assert latest[0] == latest[2] < latest[1] < latest[5] < latest[3] == latest[4] == 2**64 - 1
    assert earliest[5] < earliest[1] < earliest[0] == earliest[2] < earliest[3] == earliest[4]


def test_each_preference_has_its_column_and_none_has_none() -> None:
    columns = {"a.b": pa.array([1, 2]), "source": pa.array(["x", "y"])}
    preferences = [KeepPreference(column="source", order=("y",)), LOWEST]
    found = preference_keys(columns, preferences, num_rows=2)
    assert found.tolist() == [[1, 2**63 + 1], [0, 2**63 + 2]]
    assert preference_keys({}, [], num_rows=2).shape == (2, 0)


def test_a_column_without_order_is_refused() -> None:
    for column, preference in [
        (pa.array([[1]]), LOWEST),
        (pa.array([b"x"]), HIGHEST),
        (pa.array([1]), KeepPreference(column="a.b", order=("x",))),
    ]:
        with pytest.raises(SchemaError, match=r"'a\.b' is "):
            keys(column, preference)


def test_columns_are_split_between_measures_and_document() -> None:
    names = ["tagger.quality", "structure.formulas_kept", "source", "structure.tables_kept"]
    columns = preference_columns([KeepPreference(column=n, prefer="highest") for n in names])
    assert columns.measures == ("tagger.quality",)
    assert columns.document == ("structure", "source")


def test_a_struct_field_is_null_where_its_struct_is() -> None:
    batch = pa.record_batch(
        {
            "code": pa.StructArray.from_arrays(
                [pa.array(["C", "D", "E"])], ["language"], mask=pa.array([False, True, False])
            ),
            "language.code": pa.array(["en", "de", "fr"]),
        }
    ).slice(1)
    assert column_of(batch, "code.language").to_pylist() == [None, "E"]
    assert column_of(batch, "language.code").to_pylist() == ["de", "fr"]
    for name in ["code.lines", "source", "language.code.x"]:
        with pytest.raises(SchemaError, match=f"no column '{name}' in code, language.code"):
            column_of(batch, name)


MEASURES = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("tagger.quality", pa.float32()),
        pa.field("tagger.topic", pa.string()),
        pa.field("sketch.url_key", pa.binary(16)),
    ]
)


def test_every_preference_that_can_be_followed_is_accepted() -> None:
    check_preferences(
        [
            *(
                KeepPreference(column=name, prefer="highest")
                for name in [
                    *("tagger.quality", "published_at", "fetched_at", "structure.formulas_kept"),
                    *("lineage.pass_rate", "code.is_test", "provenance.offset"),
                ]
            ),
            *(
                KeepPreference(column=name, order=("x",))
                for name in ["source", "license", "media_type", "code.language", "tagger.topic"]
            ),
        ],
        MEASURES,
    )


@pytest.mark.parametrize(
    ("preference", "message"),
    [
        (
            KeepPreference(column="tagger.qualty", prefer="highest"),
            r"'tagger.qualty' .* measures tagger.quality, tagger.topic and .* published_at",
        ),
        (KeepPreference(column="quality", prefer="highest"), "nothing that can be compared"),
        (KeepPreference(column="structure.formulas", prefer="highest"), "structure.formulas_kept"),
        (KeepPreference(column="structure", prefer="highest"), "structure.formulas_kept"),
        (KeepPreference(column="lineage.seed_ids", prefer="lowest"), "lineage.pass_rate"),
        (KeepPreference(column="sketch.url_key", prefer="lowest"), "nothing that can be compared"),
        (KeepPreference(column="source", prefer="lowest"), "is a text, .* no lowest value"),
        (KeepPreference(column="tagger.topic", prefer="highest"), "is a text, .* give order"),
        (KeepPreference(column="tagger.quality", order=("x",)), "is float, .* give prefer"),
        (KeepPreference(column="fetched_at", order=("x",)), "is timestamp.*give prefer"),
    ],
)
def test_a_preference_that_cannot_be_followed_is_refused(
    preference: KeepPreference, message: str
) -> None:
    fine = KeepPreference(column="source", order=("web",))
    with pytest.raises(ConfigError, match=rf"deduplicate\.keep\.1\.column: .*{message}"):
        check_preferences([fine, preference], MEASURES)


def test_keys_follow_the_document_schema_as_it_is() -> None:
    batch = DOCUMENT_SCHEMA.empty_table().to_batches()
    empty = batch[0] if batch else pa.RecordBatch.from_pylist([], schema=DOCUMENT_SCHEMA)
    preferences = [
        KeepPreference(column="fetched_at", prefer="highest"),
        KeepPreference(column="published_at", prefer="lowest"),
        KeepPreference(column="code.language", order=("C",)),
    ]
    columns = {p.column: column_of(empty, p.column) for p in preferences}
    assert preference_keys(columns, preferences, num_rows=0).shape == (0, 3)
