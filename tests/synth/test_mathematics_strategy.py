import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records.document import DOCUMENT_SCHEMA, validate_batch
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.rejection import REJECTION_SCHEMA
from synth.engines.inference import ANSWER_FIELDS
from synth.problems import ProblemRow, to_batch
from synth.request import Request
from synth.strategies.mathematics import (
    MathematicsConfig,
    document_text,
    judge,
    requests_for,
    to_samples,
)
from synth.verification.mathematics import MathVerifier, verifier_name

MODEL = "m"


@pytest.fixture(scope="module")
def verifier() -> Iterator[MathVerifier]:
    with MathVerifier() as shared:  # plain numbers: no child is started
        yield shared


def config(**settings: Any) -> MathematicsConfig:
    return MathematicsConfig.model_validate({"problems": ["x.jsonl"], "samples": 3} | settings)


def problem(number: int = 0, *, answer: str | None = "3") -> ProblemRow:
    text = f"What is {number} + 3 - {number}?"
    return ProblemRow(f"p{number}", text, answer, "x.jsonl", 10 * number, None, None)


def unreadable() -> ProblemRow:
    return ProblemRow("x.jsonl:7", None, None, "x.jsonl", 7, "JSONDecodeError", "broken")


def answered(
    problems: list[ProblemRow], answers: list[dict[str, Any]], **settings: Any
) -> pa.RecordBatch:
    """Samples of ``problems`` with ``answers`` in row order; an unreadable row takes none."""
    samples = to_samples(to_batch(problems), config(**settings), model=MODEL)
    remaining = iter(answers)
    rows = [
        dict.fromkeys(field.name for field in ANSWER_FIELDS)
        | ({} if row["request"] is None else next(remaining))
        | row
        for row in samples.to_pylist()
    ]
    assert next(remaining, None) is None
    return pa.RecordBatch.from_pylist(rows, schema=pa.schema([*samples.schema, *ANSWER_FIELDS]))


def said(text: str, finish_reason: str = "stop") -> dict[str, Any]:
    return {
        "completion": text,
        "finish_reason": finish_reason,
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "answered_by": "m-2",
    }


FAILED = {"failure_type": "HTTP 503", "failure_message": "busy (attempts: 6)"}
RIGHT, WRONG = said("So \\boxed{3}."), said("So \\boxed{4}.")


def test_samples_of_a_problem_differ_in_their_seed_alone() -> None:
    requests = requests_for("What is 1 + 2?", config(seed=10), model=MODEL)
    assert [request.seed for request in requests] == [10, 11, 12]
    assert len({request.prompt_sha256 for request in requests}) == 1
    assert len({request.key for request in requests}) == 3
    (message,) = requests[0].messages
    assert message.content.endswith("\n\nWhat is 1 + 2?")
    assert "\\boxed{answer}" in message.content


def test_dollars_and_braces_of_a_problem_reach_the_prompt_as_they_are() -> None:
    text = "Is $x^{2}$ over $problem or ${problem}?"
    (request,) = requests_for(text, config(samples=1), model=MODEL)
    assert request.messages[0].content.endswith(text)


def test_each_problem_becomes_its_samples_and_an_unreadable_row_stays_one() -> None:
    problems = to_batch([problem(0), unreadable(), problem(1, answer=None)])
    samples = to_samples(problems.replace_schema_metadata({"k": "v"}), config(), model=MODEL)
    assert samples.schema.metadata == {b"k": b"v"}
    assert samples.column("sample").to_pylist() == [0, 1, 2, None, 0, 1, 2]
    texts = samples.column("request").to_pylist()
    assert texts[3] is None
    assert [Request.from_json(text).seed for text in texts if text] == [0, 1, 2, 0, 1, 2]


def test_right_answers_become_documents_with_their_lineage(verifier: MathVerifier) -> None:
    batch = answered([problem()], [RIGHT, WRONG, said("<think>\n1+2\n</think>\n\n\\boxed{3}")])
    judged = judge(batch, config(), verifier=verifier)
    documents = validate_batch(judged.documents, DOCUMENT_SCHEMA).to_pylist()
    assert [document["text"] for document in documents] == [
        "Problem\n\nWhat is 0 + 3 - 0?\n\nSolution\n\nSo \\boxed{3}.",
        "Problem\n\nWhat is 0 + 3 - 0?\n\nSolution\n\n1+2\n\n\\boxed{3}",
    ]
    request = Request.from_json(batch.column("request")[2].as_py())
    lineage = documents[1]["lineage"]
    assert lineage.pop("pass_rate") == pytest.approx(2 / 3)
    assert json.loads(lineage.pop("sampling")) == {
        "sampling": {"temperature": 0.6, "top_p": 0.95, "max_tokens": 16384, "stop": []},
        "seed": 2,
    }
    assert lineage == {
        "seed_ids": ["p0"],
        "strategy": "mathematics",
        "prompt_sha256": request.prompt_sha256,
        "model": "m-2",
        "verifier": verifier_name(),
        "verdict": "correct",
    }
    assert documents[0]["source"] == "synth.mathematics"
    assert documents[0]["provenance"]["archive"] == "x.jsonl"
    assert len({document["id"] for document in documents}) == 2
    (rejection,) = validate_batch(judged.rejections, REJECTION_SCHEMA).to_pylist()
    assert rejection["reason"] == "synth.incorrect"
    assert (rejection["stage"], rejection["archive"], rejection["offset"]) == (
        "synthesize",
        "x.jsonl",
        0,
    )


@pytest.mark.parametrize(
    ("answer", "reason", "value"),
    [
        (said("So \\boxed{3}", "length"), "synth.truncated", "7"),
        (said("So \\boxed{3}", "content_filter"), "synth.unfinished", "content_filter"),
        (said("<think></think>"), "synth.empty", None),
        (said("\\boxed{3}<|im_end|>\n<|im_start|>user"), "synth.chat_token", "<|im_end|>"),
        (WRONG, "synth.incorrect", None),
        (said("No idea."), "synth.incorrect", None),
    ],
)
def test_what_is_no_right_answer_is_rejected_with_its_reason(
    verifier: MathVerifier, answer: dict[str, Any], reason: str, value: str | None
) -> None:
    judged = judge(answered([problem()], [answer], samples=1), config(), verifier=verifier)
    (rejection,) = judged.rejections.to_pylist()
    assert rejection["reason"] == reason
    assert rejection["broken_rules"] == [{"rule": reason, "column": None, "value": value}]
    assert judged.documents.num_rows == judged.failures.num_rows == 0


def test_a_problem_without_gold_is_unverified_and_has_no_pass_rate(verifier: MathVerifier) -> None:
    batch = answered([problem(answer=None)], [RIGHT], samples=1)
    strict = judge(batch, config(), verifier=verifier)
    assert strict.rejections.column("reason").to_pylist() == ["synth.unverified"]
    (document,) = judge(batch, config(keep="all"), verifier=verifier).documents.to_pylist()
    assert (document["lineage"]["verdict"], document["lineage"]["pass_rate"]) == (
        "unverified",
        None,
    )


def test_keeping_all_keeps_wrong_answers_but_no_truncated_ones(verifier: MathVerifier) -> None:
    batch = answered([problem()], [RIGHT, WRONG, said("\\boxed{3}", "length")])
    judged = judge(batch, config(keep="all"), verifier=verifier)
    lineage = [document["lineage"] for document in judged.documents.to_pylist()]
    assert [entry["verdict"] for entry in lineage] == ["correct", "incorrect"]
    assert [entry["pass_rate"] for entry in lineage] == [pytest.approx(1 / 3)] * 2
    assert judged.rejections.column("reason").to_pylist() == ["synth.truncated"]


def test_a_failed_request_is_a_failure_and_no_part_of_the_pass_rate(verifier: MathVerifier) -> None:
    judged = judge(answered([problem()], [RIGHT, FAILED, WRONG]), config(), verifier=verifier)
    (failure,) = validate_batch(judged.failures, FAILURE_SCHEMA).to_pylist()
    assert (failure["stage"], failure["error_type"]) == ("synthesize", "HTTP 503")
    assert failure["message"] == "busy (attempts: 6)"
    assert judged.documents.column("lineage")[0]["pass_rate"].as_py() == pytest.approx(0.5)


def test_an_unreadable_row_is_a_failure_of_reading(verifier: MathVerifier) -> None:
    judged = judge(answered([unreadable()], []), config(), verifier=verifier)
    (failure,) = judged.failures.to_pylist()
    assert (failure["stage"], failure["error_type"], failure["offset"]) == (
        "read",
        "JSONDecodeError",
        7,
    )


OUTCOMES = st.sampled_from([RIGHT, WRONG, FAILED, said("\\boxed{3}", "length"), said("")])
GROUPS = st.lists(st.none() | st.lists(OUTCOMES, min_size=3, max_size=3), max_size=5)


@settings(max_examples=60, deadline=None)
@given(groups=GROUPS, cut=st.integers(0, 5))
def test_every_sample_is_in_one_table_and_batches_do_not_matter(
    verifier: MathVerifier, groups: list[list[dict[str, Any]] | None], cut: int
) -> None:
    def judged_rows(chosen: list[tuple[int, list[dict[str, Any]] | None]]) -> list[list[Any]]:
        problems = [unreadable() if group is None else problem(n) for n, group in chosen]
        answers = [answer for _, group in chosen for answer in group or ()]
        batch = answered(problems, answers)
        tables = judge(batch, config(), verifier=verifier)
        assert sum(table.num_rows for table in tables) == batch.num_rows
        return [table.to_pylist() for table in tables]

    numbered = list(enumerate(groups))
    whole = judged_rows(numbered)
    parts = [judged_rows(numbered[:cut]), judged_rows(numbered[cut:])]
    assert whole == [first + second for first, second in zip(*parts, strict=True)]


def test_the_same_problem_in_two_places_makes_two_documents(verifier: MathVerifier) -> None:
    twin = problem()._replace(seed_id="twin")
    judged = judge(answered([problem(), twin], [RIGHT] * 2, samples=1), config(), verifier=verifier)
    assert len(set(judged.documents.column("id").to_pylist())) == 2


def test_document_text_is_plain() -> None:
    assert document_text(" What? ", "<think>a</think>b<|im_end|>") == (
        "Problem\n\nWhat?\n\nSolution\n\na\n\nb"
    )
