import numpy as np
import pyarrow as pa
import pytest

from mixtures.cells import UNASSIGNED, assign_components
from mixtures.conditions import ConditionSpec, numbers_at, satisfy_all
from mixtures.spec import StageSpec
from pipeline.errors import SchemaError


def satisfied(**condition: object) -> list[int]:
    spec = ConditionSpec.model_validate(condition)
    return np.flatnonzero(satisfy_all(COLUMNS, [spec])).tolist()


COLUMNS = pa.RecordBatch.from_pydict(
    {
        "source": pa.array(["web", "git", None]).dictionary_encode(),
        "tagger.quality": pa.array([0.25, 0.5, float("nan")]),
        "lineage": pa.array(
            [{"strategy": "qa", "rate": 1}, None, {"strategy": None, "rate": 3}],
            pa.struct([("strategy", pa.string()), ("rate", pa.int32())]),
        ),
        "is_test": pa.array([True, None, False]),
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ({"column": "source", "allowed": ["web", "books"]}, [0]),
        ({"column": "source", "is_null": True}, [2]),
        ({"column": "source", "excluded": ["web"]}, [1]),
        ({"column": "lineage.rate", "excluded": [1, 2]}, [2]),
        ({"column": "tagger.quality", "min": 0.25}, [0, 1]),
        ({"column": "tagger.quality", "min": 0.25, "max": 0.4}, [0]),
        ({"column": "tagger.quality", "is_null": False}, [0, 1, 2]),
        ({"column": "lineage.strategy", "is_null": False}, [0]),
        ({"column": "lineage.strategy", "is_null": True}, [1, 2]),
        ({"column": "lineage.rate", "max": 2.5}, [0]),
        ({"column": "lineage", "is_null": False}, [0, 2]),
        ({"column": "is_test", "allowed": [False]}, [2]),
    ],
)
def test_condition_holds_for_rows(condition: dict[str, object], rows: list[int]) -> None:
    assert satisfied(**condition) == rows


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"column": "colour", "is_null": True}, "no column 'colour'; there are source"),
        ({"column": "lineage.colour", "is_null": True}, "without field 'colour'"),
        ({"column": "source.name", "is_null": True}, "without field 'name'"),
        ({"column": "source", "min": 1}, "min and max need a number"),
        ({"column": "is_test", "allowed": ["x"]}, "cannot be compared"),
    ],
)
def test_condition_on_the_wrong_column_is_refused(
    condition: dict[str, object], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        satisfied(**condition)


def test_first_component_whose_conditions_all_hold_takes_the_document() -> None:
    spec = StageSpec.model_validate(
        {
            "name": "s",
            "sequence_tokens": 64,
            "components": [
                {
                    "name": "good-web",
                    "where": [
                        {"column": "source", "allowed": ["web"]},
                        {"column": "tagger.quality", "min": 0.9},
                    ],
                    "weight": 10,
                },
                {"name": "web", "where": [{"column": "source", "allowed": ["web"]}], "weight": 10},
                {"name": "rest", "weight": 80},
            ],
        }
    )
    assert assign_components(COLUMNS, spec).tolist() == [1, 2, 2]


def test_document_no_component_takes_is_unassigned() -> None:
    where = [{"column": "source", "allowed": ["web"]}]
    spec = StageSpec.model_validate(
        {
            "name": "s",
            "sequence_tokens": 64,
            "components": [{"name": "web", "where": where, "weight": 100}],
        }
    )
    assert assign_components(COLUMNS, spec).tolist() == [0, UNASSIGNED, UNASSIGNED]


def test_numbers_of_a_column_are_nan_where_it_is_null() -> None:
    assert np.array_equal(numbers_at(COLUMNS, "lineage.rate"), [1, np.nan, 3], equal_nan=True)
    with pytest.raises(SchemaError, match="a number is needed"):
        numbers_at(COLUMNS, "source")
