from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.fingerprint import fingerprint
from synth.config import SynthConfig, identity, skip_reason

ENDPOINT = {"url": "http://localhost:8000/v1", "model": "m"}
MATHEMATICS = {"problems": ["problems/*.jsonl"]}


def config(**changes: Any) -> SynthConfig:
    return SynthConfig.model_validate({"endpoint": ENDPOINT, "mathematics": MATHEMATICS} | changes)


def test_what_is_missing_is_the_reason_to_skip() -> None:
    assert skip_reason(config()) is None
    assert "synthesize.endpoint" in (skip_reason(config(endpoint=None)) or "")
    assert "synthesize.mathematics" in (skip_reason(config(mathematics=None)) or "")
    assert skip_reason(SynthConfig()) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": ENDPOINT | {"url": "http://elsewhere:9/v1"}},
        {"endpoint": ENDPOINT | {"api_key_env": "KEY"}},
        {"endpoint": ENDPOINT | {"max_in_flight": 7, "max_attempts": 1}},
        {"cache": "/somewhere"},
        {"mathematics": {"problems": ["moved/*.jsonl"]}},
    ],
    ids=str,
)
def test_where_and_how_patiently_does_not_change_the_identity(changes: dict[str, Any]) -> None:
    assert identity(config(**changes)) == identity(config())


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": ENDPOINT | {"model": "n"}},
        {"mathematics": MATHEMATICS | {"samples": 5}},
        {"mathematics": MATHEMATICS | {"temperature": 0.1}},
        {"mathematics": MATHEMATICS | {"top_p": 0.1}},
        {"mathematics": MATHEMATICS | {"max_tokens": 9}},
        {"mathematics": MATHEMATICS | {"seed": 9}},
        {"mathematics": MATHEMATICS | {"keep": "all"}},
        {"mathematics": MATHEMATICS | {"split_bytes": 9}},
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


def test_mathematics_needs_problems() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        config(mathematics={"problems": []})
