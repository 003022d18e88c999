import pytest
from pydantic import ValidationError

from mixtures.conditions import ConditionSpec
from mixtures.spec import ComponentSpec, MixtureConfig, StageSpec
from mixtures.upsampling import UpsamplingSpec


def stage(**changes: object) -> dict[str, object]:
    fields = {
        "name": "one",
        "sequence_tokens": 64,
        "components": [
            {"name": "code", "where": [{"column": "source", "allowed": ["git"]}], "weight": 30},
            {"name": "rest", "weight": 70},
        ],
    }
    return {**fields, **changes}


def mixture(**changes: object) -> dict[str, object]:
    return {"seed": 1, "stages": [stage()], **changes}


def test_mixture_reads_as_yaml_gives_it() -> None:
    config = MixtureConfig.model_validate(mixture())
    code = config.stage("one").component("code")
    assert (code.weight, code.max_epochs, code.is_optional) == (30, None, False)
    assert [rule.max_epochs for rule in config.repetition] == [100, 4]
    assert config.stage("one").budget_tokens is None
    assert MixtureConfig.model_validate_json(config.model_dump_json()) == config


def components(*weights: float) -> list[dict[str, object]]:
    return [
        {"name": f"c{n}", "where": [{"column": "a", "is_null": True}], "weight": weight}
        for n, weight in enumerate(weights)
    ]


@pytest.mark.parametrize("weights", [(33.33, 33.33, 33.33), (100,), (99.995, 0.01)])
def test_weights_within_tolerance_of_100_pass(weights: tuple[float, ...]) -> None:
    StageSpec.model_validate(stage(components=components(*weights)))


@pytest.mark.parametrize("weights", [(50, 49.98), (50, 50.02), (1, 1)])
def test_weights_that_do_not_sum_to_100_are_named(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match=r"'one': weights are percent.*c0 .* sum to"):
        StageSpec.model_validate(stage(components=components(*weights)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": [stage(), stage()]}, "stage names must be unique; one appears twice"),
        ({"stages": []}, "stages"),
        ({"pad_token": "<|endoftext|>"}, "pad_token must differ from eod_token"),
        ({"seed": 1.5}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"mtp_depth": -1}, "mtp_depth"),
        ({"colour": "red"}, "colour"),
        ({"repetition": []}, "repetition"),
        ({"repetition": [{"max_epochs": 1}, {"max_epochs": 2}]}, "only the last, has no condition"),
        (
            {"repetition": [{"max_epochs": 1, "where": [{"column": "a", "is_null": True}]}]},
            "only the last, has no condition",
        ),
        ({"stages": [stage(budget_percent=30)]}, "budget_percent .* sum to 30"),
    ],
)
def test_impossible_mixture_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MixtureConfig.model_validate(mixture(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Stage 1"}, "name"),
        ({"sequence_tokens": 8192.0}, "sequence_tokens"),
        ({"budget_tokens": 0}, "budget_tokens"),
        ({"components": []}, "components"),
        ({"components": components(50, 50)[:1] * 2}, "component names must be unique; c0"),
        (
            {"components": [{"name": "all", "weight": 50}, *components(50)]},
            "'all' has no condition and takes every document, so 'c0'",
        ),
        ({"budget_tokens": 64, "budget_percent": 100}, "budget_tokens and budget_percent"),
        ({"components": [*components(100), {"name": "rest"}]}, "leave nothing for the components"),
        ({"limits": [{"components": ["codes"], "min_percent": 1}]}, "limits name 'codes'"),
        ({"limits": [{"components": ["code"]}]}, "gives no bound"),
        ({"temperature": 0.5}, "temperature"),
    ],
)
def test_impossible_stage_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        StageSpec.model_validate(stage(**changes))


@pytest.mark.parametrize(
    "condition",
    [
        {"allowed": ["a", 1, True, 0.5]},
        {"min": 1},
        {"max": 0.5},
        {"min": 1, "max": 1},
        {"is_null": False},
    ],
)
def test_condition_of_one_kind_passes(condition: dict[str, object]) -> None:
    ConditionSpec.model_validate({"column": "c", **condition})


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({}, "exactly one of"),
        ({"allowed": ["a"], "min": 1}, "gives 2"),
        ({"allowed": []}, "allowed"),
        ({"min": 2, "max": 1}, "no document can satisfy"),
        ({"min": float("nan")}, "not a number"),
        ({"is_null": "yes"}, "is_null"),
    ],
)
def test_condition_of_no_kind_or_two_is_refused(condition: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ConditionSpec.model_validate({"column": "c", **condition})


@pytest.mark.parametrize("field", [{"weight": 0}, {"weight": 101}, {"max_epochs": 0}])
def test_component_bounds_are_kept(field: str) -> None:
    with pytest.raises(ValidationError, match=next(iter(field))):
        ComponentSpec.model_validate({"name": "c", "weight": 1, **field})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight": 1, "tokens": 5}, "gives weight, tokens; its amount is one of"),
        ({"epochs": 1, "max_percent": 5}, "gives epochs, max_percent"),
        ({"min_percent": 5, "max_percent": 4}, "min_percent 5 is above max_percent 4"),
    ],
)
def test_component_of_two_amounts_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ComponentSpec.model_validate({"name": "c", **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bands": [{"factor": 1}]}, "at least 2"),
        ({"bands": [{"min": 1, "factor": 1}, {"min": 2, "factor": 1}]}, "the first, has no min"),
        ({"bands": [{"factor": 1}, {"factor": 1}]}, "the first, has no min"),
        ({"bands": [{"factor": 1}, {"min": 9, "factor": 1}, {"min": 9, "factor": 2}]}, "ascend"),
        ({"bands": [{"factor": 1}, {"min": 100, "factor": 2}]}, "between 0 and 100"),
        ({"bands": [{"factor": 0}, {"min": 50, "factor": 0}]}, "every band has factor 0"),
        ({"bands": [{"factor": -1}, {"min": 50, "factor": 0}]}, "factor"),
        (
            {
                "scale": "value",
                "within": "topic",
                "bands": [{"factor": 1}, {"min": 5, "factor": 2}],
            },
            "within 'topic' takes percentiles apart, and scale is value; leave within out",
        ),
        ({"within": "", "bands": [{"factor": 1}, {"min": 50, "factor": 2}]}, "within"),
    ],
)
def test_impossible_curve_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        UpsamplingSpec.model_validate({"column": "score", **fields})
