from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from filters.rule import DecideConfig, Decision, Rule, check_rules, decide
from pipeline.errors import ConfigError, SchemaError
from pipeline.records.rejection import BROKEN_RULE_TYPE


def measures(**columns: Any) -> pa.RecordBatch:
    size = len(next(iter(columns.values())))
    return pa.RecordBatch.from_pydict(
        {
            "id": [f"d{number}" for number in range(size)],
            "source": ["web", "books"] * (size // 2) + ["web"] * (size % 2),
            **{name.replace("__", "."): column for name, column in columns.items()},
        }
    )


def reasons(decision: Decision) -> list[str | None]:
    return decision.reason.to_pylist()


FLOATS = pa.array([0.2999999, 0.3, 0.3000001], pa.float32())
INTS = pa.array([49, 50, 51], pa.int32())


@pytest.mark.parametrize(
    ("column", "rule", "expected"),
    [
        (INTS, {"min": 50}, ["too_low", None, None]),
        (INTS, {"max": 50}, [None, None, "too_high"]),
        (INTS, {"min": 49.5, "max": 50.5}, ["too_low", None, "too_high"]),
        (FLOATS, {"min": 0.3}, ["too_low", None, None]),
        (FLOATS, {"max": 0.3}, [None, None, "too_high"]),
        (FLOATS, {"min": 0.3, "max": 0.3}, ["too_low", None, "too_high"]),
        (FLOATS.cast(pa.float64()), {"max": 0.2}, ["too_high"] * 3),
    ],
)
def test_bounds_are_inclusive(
    column: pa.Array, rule: dict[str, float], expected: list[str | None]
) -> None:
    decision = decide(measures(x__y=column), [Rule(column="x.y", **rule)])
    assert reasons(decision) == [name and f"x.y.{name}" for name in expected]
    assert decision.keep.to_pylist() == [name is None for name in expected]


def test_values_are_allowed_or_forbidden() -> None:
    table = measures(language__code=["en", "de", "EN"])
    allow = Rule(column="language.code", allowed=["en", "fr"])
    forbid = Rule(column="language.code", forbidden=["de"])
    assert reasons(decide(table, [allow])) == [
        None,
        "language.code.not_allowed",
        "language.code.not_allowed",
    ]
    assert reasons(decide(table, [forbid])) == [None, "language.code.forbidden", None]


def test_every_broken_rule_is_recorded_and_the_first_is_the_reason() -> None:
    table = measures(
        a=pa.array([0.5, 2, 1.5], pa.float32()), b=pa.array([1, 9, 1]), c=["x", "y", "x"]
    )
    rules = [Rule(column="b", max=5), Rule(column="a", max=1), Rule(column="c", forbidden=["y"])]
    decision = decide(table, rules)
    assert decision.keep.to_pylist() == [True, False, False]
    assert reasons(decision) == [None, "b.too_high", "a.too_high"]
    assert decision.broken_rules.to_pylist() == [
        [],
        [
            {"rule": "b.too_high", "column": "b", "value": "9"},
            {"rule": "a.too_high", "column": "a", "value": "2"},
            {"rule": "c.forbidden", "column": "c", "value": "y"},
        ],
        [{"rule": "a.too_high", "column": "a", "value": "1.5"}],
    ]
    assert decision.broken_rules.type == pa.list_(BROKEN_RULE_TYPE)


NULLS = {
    "number": (pa.array([1.0, None], pa.float32()), {"min": 0}),
    "nan": (pa.array([1.0, float("nan")], pa.float64()), {"min": 0}),
    "allowed": (pa.array(["a", None]), {"allowed": ["a"]}),
    "forbidden": (pa.array(["a", None]), {"forbidden": ["b"]}),
}


@pytest.mark.parametrize(("column", "rule"), NULLS.values(), ids=NULLS)
def test_what_a_null_means_is_part_of_the_rule(column: pa.Array, rule: dict[str, Any]) -> None:
    table = measures(x=column)
    with pytest.raises(SchemaError, match=r"x is null for 1 rows, the first being d1, .*column: x"):
        decide(table, [Rule(column="x", **rule)])
    assert reasons(decide(table, [Rule(column="x", when_null="keep", **rule)])) == [None, None]
    rejected = decide(table, [Rule(column="x", when_null="reject", **rule)])
    assert reasons(rejected) == [None, "x.missing"]
    assert rejected.broken_rules[1].as_py() == [{"rule": "x.missing", "column": "x", "value": None}]


def test_a_rule_judges_only_its_sources() -> None:
    table = measures(x=pa.array([1, 1, None]))
    rules = [Rule(column="x", min=5, sources=["books"])]
    assert reasons(decide(table, rules)) == [None, "x.too_low", None]


def test_without_rules_everything_is_kept() -> None:
    decision = decide(measures(x=[1, 2]), [])
    assert decision.keep.to_pylist() == [True, True]
    assert decision.broken_rules.to_pylist() == [[], []]
    assert reasons(decision) == [None, None]


def test_an_empty_table_gives_an_empty_decision() -> None:
    decision = decide(measures(x=[1]).slice(0, 0), [Rule(column="x", min=1)])
    assert len(decision.keep) == len(decision.broken_rules) == len(decision.reason) == 0


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule(column="z", min=1), r"rules\[0\].column: there is no 'z'; the columns are: n, t"),
        (Rule(column="t", min=1), r"rules\[0\]: min/max judges a number, and 't' is string"),
        (Rule(column="n", allowed=["a"]), r"allowed/forbidden judges text, and 'n' is int64"),
    ],
)
def test_a_rule_that_does_not_fit_the_table_is_refused(rule: Rule, message: str) -> None:
    table = measures(n=[1], t=["a"])
    with pytest.raises(ConfigError, match=message):
        check_rules([rule], table.schema)
    with pytest.raises(ConfigError, match=message):
        decide(table, [rule])


@pytest.mark.parametrize("name", ["id", "source"])
def test_measures_need_an_id_and_a_source(name: str) -> None:
    with pytest.raises(SchemaError, match=f"lack the column '{name}'"):
        decide(measures(x=[1]).drop_columns([name]), [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs either min/max .* or allowed/forbidden"),
        ({"min": 1, "allowed": ["a"]}, "and not both"),
        ({"min": 2, "max": 1}, "min 2.0 is above max 1.0"),
        ({"min": float("nan")}, "finite number"),
        ({"min": "1"}, "valid number"),
        ({"allowed": []}, "at least 1 item"),
        ({"allowed": ["a", "b"], "forbidden": ["b"]}, r"\['b'\] are both allowed and forbidden"),
        ({"min": 1, "sources": []}, "at least 1 item"),
        ({"min": 1, "when_null": "drop"}, "'raise', 'keep' or 'reject'"),
        ({"minimum": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DecideConfig.model_validate({"rules": [{"column": "x", **settings}]})


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-2, 2) | st.just(float("nan")),
            st.none() | st.sampled_from("abc"),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_a_decision_does_not_depend_on_the_batches(
    rows: list[tuple[float | None, str | None]], cut: int
) -> None:
    table = measures(
        n=pa.array([n for n, _ in rows], pa.float32()),
        t=pa.array([t for _, t in rows], pa.string()),
    )
    rules = [
        Rule(column="t", allowed=["a", "b"], when_null="keep"),
        Rule(column="n", min=-1, max=1, when_null="reject"),
        Rule(column="n", max=0, when_null="keep", sources=["web"]),
    ]
    whole = decide(table, rules)
    parts = [decide(part, rules) for part in (table.slice(0, cut), table.slice(cut))]
    for name in ("keep", "reason", "broken_rules"):
        joined = pa.concat_arrays([getattr(part, name) for part in parts])
        assert joined.equals(getattr(whole, name))
    assert [reason is None for reason in reasons(whole)] == whole.keep.to_pylist()
