from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.fingerprint import fingerprint
from synth.config import SynthConfig, identity, skip_reason

ENDPOINT = {"url": "http://localhost:8000/v1", "model": "m"}
MATHEMATICS: dict[str, Any] = {"problems": ["school"]}


def config(**changes: Any) -> SynthConfig:
    given = {"endpoint": ENDPOINT, "strategies": {"mathematics": MATHEMATICS}}
    return SynthConfig.model_validate(given | changes)


def solving(**changes: Any) -> dict[str, Any]:
    return {"strategies": {"mathematics": MATHEMATICS | changes}}


def test_what_is_missing_is_the_reason_to_skip() -> None:
    assert skip_reason(config()) is None
    assert "synthesize.endpoint" in (skip_reason(config(endpoint=None)) or "")
    assert "synthesize.strategies" in (skip_reason(config(strategies={})) or "")
    assert skip_reason(SynthConfig()) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": ENDPOINT | {"url": "http://elsewhere:9/v1"}},
        {"endpoint": ENDPOINT | {"api_key_env": "KEY"}},
        {"endpoint": ENDPOINT | {"max_in_flight": 7, "max_attempts": 1}},
        {"cache": "/somewhere"},
        {"problems": {"school": {"paths": ["moved/*.jsonl"]}}},
        {"prices": {"prompt": 0.1, "completion": 0.4}},
    ],
    ids=str,
)
def test_where_and_how_patiently_does_not_change_the_identity(changes: dict[str, Any]) -> None:
    assert identity(config(**changes)) == identity(config())


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": ENDPOINT | {"model": "n"}},
        solving(samples=5),
        solving(temperature=0.1),
        solving(top_p=0.1),
        solving(max_tokens=9),
        solving(seed=9),
        solving(wanted=1),
        solving(system=""),
        solving(max_pass_rate=0.9),
        solving(max_answers=2),
        {"strategies": {"mathematics": MATHEMATICS, "think_aloud": {"seeds": ["stem"]}}},
    ],
    ids=str,
)
def test_what_decides_the_documents_changes_the_identity(changes: dict[str, Any]) -> None:
    assert fingerprint(identity(config(**changes))) != fingerprint(identity(config()))


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ({"url": "localhost:8000"}, "is no http"),
        ({"url": "http://user:password@host/v1"}, "use api_key_env"),
        ({"url": "http://host/v1?key=secret"}, "use api_key_env"),
        ({"api_key": "secret"}, "Extra inputs are not permitted"),
        ({"max_in_flight": 0}, "greater than or equal to 1"),
        ({"max_in_flight": "64"}, "valid integer"),
        ({"api_key_env": "sk-123"}, "String should match pattern"),
    ],
)
def test_impossible_endpoints_are_refused(endpoint: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(endpoint=ENDPOINT | endpoint)


def test_a_pass_rate_is_not_taken_from_a_problem_that_was_left_early() -> None:
    with pytest.raises(ValidationError, match="leave out wanted"):
        config(**solving(wanted=1, max_pass_rate=0.9))


def test_a_run_has_one_model() -> None:
    with pytest.raises(ValidationError, match="a run has one model"):
        config(embedded={})


def test_a_strategy_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        config(strategies={"mathmatics": MATHEMATICS})


def test_the_recipe_decides_what_it_says_and_the_strategy_the_rest() -> None:
    (found,) = config(**solving(temperature=0.1)).chosen.values()
    strategy, settings = found
    asking = settings.asking(strategy, model="m")
    assert asking.sampling.temperature == 0.1
    assert asking.sampling.max_tokens == strategy.defaults.max_tokens
    assert asking.samples == strategy.defaults.samples
