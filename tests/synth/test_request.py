from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.request import Message, Request, Sampling

TEXT = st.text(max_size=20)
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.floats(0, 2),
    top_p=st.floats(0.01, 1),
    max_tokens=st.integers(1, 1 << 20),
    stop=st.lists(TEXT, max_size=2).map(tuple),
)
MESSAGES = st.builds(Message, st.sampled_from(("system", "user", "assistant")), TEXT)
REQUESTS = st.builds(
    Request,
    messages=st.lists(MESSAGES, min_size=1, max_size=3).map(tuple),
    model=TEXT,
    sampling=SAMPLINGS,
    seed=st.integers(0, (1 << 31) - 1),
    response_schema=st.none() | TEXT,
)
REQUEST = Request(
    messages=(Message("user", "What is 1 + 2?"),),
    model="m",
    sampling=Sampling(temperature=0.6, top_p=0.95, max_tokens=100),
    seed=3,
)


@given(REQUESTS)
def test_a_request_survives_its_json_with_the_same_key(request: Request) -> None:
    again = Request.from_json(request.to_json())
    assert again == request
    assert again.key == request.key


@pytest.mark.parametrize(
    "changed",
    [
        replace(REQUEST, messages=(Message("user", "What is 1 + 3?"),)),
        replace(REQUEST, messages=(Message("system", "What is 1 + 2?"),)),
        replace(REQUEST, messages=(Message("system", ""), *REQUEST.messages)),
        replace(REQUEST, model="n"),
        replace(REQUEST, seed=4),
        replace(REQUEST, sampling=replace(REQUEST.sampling, temperature=0.7)),
        replace(REQUEST, sampling=replace(REQUEST.sampling, top_p=0.9)),
        replace(REQUEST, sampling=replace(REQUEST.sampling, max_tokens=101)),
        replace(REQUEST, sampling=replace(REQUEST.sampling, stop=("\n",))),
        replace(REQUEST, response_schema="{}"),
    ],
)
def test_every_field_decides_the_key(changed: Request) -> None:
    assert changed.key != REQUEST.key


def test_samples_of_a_prompt_share_its_digest_and_differ_in_sampling() -> None:
    other = replace(REQUEST, seed=4)
    assert other.prompt_sha256 == REQUEST.prompt_sha256
    assert other.sampling_json != REQUEST.sampling_json
    assert REQUEST.sampling_json == (
        '{"sampling":{"max_tokens":100,"stop":[],"temperature":0.6,"top_p":0.95},"seed":3}'
    )


def test_a_request_without_a_schema_has_the_key_of_the_answers_that_are_stored() -> None:
    assert REQUEST.key == "69c2e53823e5a1f29ad811ebf6fa4a9141e2dc787aee50843e908f32ef8d26e6"
    assert "schema" not in REQUEST.to_json()
