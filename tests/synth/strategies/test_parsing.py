"""What real models write around what they were asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.strategies.parsing import (
    answer_of,
    answer_only,
    code_blocks,
    pairs,
    scores,
    sections,
    whole,
)
from synth.strategies.strategy import AnswerFault

TEXT = st.text(
    st.characters(
        codec="utf-8", categories=("L", "N", "P", "S", "Z"), exclude_characters="<>`|*_[]"
    ),
    min_size=1,
    max_size=60,
).filter(str.strip)


def fault_of(parse, completion):
    with pytest.raises(AnswerFault) as caught:
        parse(completion)
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize(
    "completion",
    [
        "<think>\nHm. Question: no?\n</think>\n\nFour.",
        "Hm.</think>Four.",  # the template opened the tag
        "<thinking>Hm.</thinking>\nFour.<|im_end|>",
        "Four.",
    ],
)
def test_an_answer_is_what_follows_the_reasoning(completion):
    assert answer_of(completion) == "Four."


def test_reasoning_that_never_ends_has_no_answer():
    assert answer_of("<think>\nI wonder whether it is four") == ""
    assert fault_of(whole("thought"), "<think>\nI wonder") == ("empty", None)


def test_a_whole_completion_keeps_its_reasoning_as_plain_text():
    parsed = whole("solution")("<think>\n2+2\n</think>\n\n4")
    assert parsed == {"solution": "2+2\n\n4"}


@pytest.mark.parametrize(
    "dress",
    [
        "Question: {q}\n\nSolution: {s}",
        "**Question:** {q}\n**Solution:** {s}",
        "**Question**: {q}\n\n**Solution**: {s}",
        "## Question\n\n{q}\n\n## Solution\n\n{s}",
        "### Question:\n{q}\n### Solution:\n{s}",
        "[Question]\n{q}\n[Solution]\n{s}",
        "1. Question: {q}\n2. Solution: {s}",
        "question\uff1a{q}\nsolution\uff1a{s}",
        "```markdown\nQuestion: {q}\n\nSolution: {s}\n```",
        "Here it is.\n\n---\nQuestion: {q}\n\n---\n\nSolution: {s}",
        "<think>Question: which?\nSolution: none</think>\nQuestion: {q}\nSolution: {s}",
    ],
)
def test_labelled_parts_in_any_dress(dress):
    parse = sections(question="Question", solution="Solution")
    said = dress.format(q="What is $2+2$?", s="It is $4$.\n\nSo 4.")
    assert parse(said) == {"question": "What is $2+2$?", "solution": "It is $4$.\n\nSo 4."}


def test_a_part_that_is_missing_or_empty_is_named():
    parse = sections(question="Question", solution="Solution")
    assert fault_of(parse, "Question: what?") == ("missing_part", "solution")
    assert fault_of(parse, "Question:\nSolution: 4") == ("missing_part", "question")
    assert fault_of(parse, "The question is whether a solution exists.") == (
        "missing_part",
        "question",
    )


@given(TEXT, TEXT)
def test_what_is_written_in_the_form_is_read_back(question, solution):
    parse = sections(question="Question", solution="Solution")
    said = f"Question: q {question.strip()} q\n\nSolution: s {solution.strip()} s"
    assert parse(said)["question"].startswith("q ")
    assert parse(said)["solution"].endswith(" s")


def test_the_last_blocks_are_the_code():
    parse = code_blocks("code", "tests")
    first = "First idea:\n```\nx = 0\n```\n```python\nx = 1\n```\n"
    said = first + "Tests:\n~~~python\nassert x\n~~~\nDone."
    assert parse(said) == {"code": "x = 1", "tests": "assert x"}


def test_a_fence_inside_a_longer_fence_is_content():
    parse = code_blocks("code")
    assert parse('````python\ns = """\n```\n"""\n````') == {"code": 's = """\n```\n"""'}


def test_a_block_in_the_reasoning_is_no_answer():
    assert fault_of(code_blocks("code"), "<think>```\nx\n```</think>I cannot.") == (
        "missing_code",
        "code",
    )


def test_a_block_that_breaks_off_goes_to_the_end():
    assert code_blocks("code")("```python\nx = 1\ny = 2") == {"code": "x = 1\ny = 2"}


@pytest.mark.parametrize(
    "said",
    [
        "Question: Why?\nAnswer: Because.\n\nQuestion: How?\nAnswer: So.",
        "**Q1:** Why?\n**A1:** Because.\n\n**Q2:** How?\n**A2:** So.",
        "1. Question: Why?\n   Answer: Because.\n2. Question: How?\n   Answer: So.",
        "### Question 1: Why?\nAnswer: Because.\n### Question 2: How?\nAnswer: So.",
        "\u95ee\u9898\uff1aWhy?\n\u7b54\u6848\uff1aBecause.\n\u95ee\uff1aHow?\n\u7b54\uff1aSo.",
        "Q: Why?\nA: Because.\nQ: Never answered?\nQ: How?\nA: So.",
    ],
)
def test_pairs_in_any_numbering(said):
    written = pairs("questions", at_least=2)(said)["questions"]
    assert written == "Question: Why?\n\nAnswer: Because.\n\nQuestion: How?\n\nAnswer: So."


def test_options_stay_with_their_question():
    said = "Question: Which?\nA) one\nB) two\nC) three\nAnswer: B, as it is even.\nQ: x?\nA: y."
    assert "A) one\nB) two" in pairs("q", at_least=1)(said)["q"]


def test_too_few_pairs_and_a_loop_of_them_are_faults():
    assert fault_of(pairs("q", at_least=2), "Q: Why?\nA: So.") == ("too_few_pairs", "1")
    assert fault_of(pairs("q"), "Q: Why?\nA: So.\n" * 40)[0] == "too_many_pairs"


@pytest.mark.parametrize(
    "said",
    [
        '{"adherence": 4, "coherence": 5}',
        '```json\n{"Adherence": 4, "Coherence": 5.0, "comment": "fine"}\n```',
        "adherence: 4\ncoherence: 5",
        "**Adherence**: 4/5\n- **Coherence:** 5",
        '<think>adherence: 1</think>{"adherence": 4, "coherence": 5}',
    ],
)
def test_scores_as_json_or_lines(said):
    assert scores("adherence", "coherence")(said) == {
        "score_adherence": "4",
        "score_coherence": "5",
    }


@pytest.mark.parametrize(
    "said", ["", "It is good.", '{"adherence": 9, "coherence": 5}', '{"adherence": 4}', "{[}"]
)
def test_scores_that_are_none(said):
    assert fault_of(scores("adherence", "coherence"), said)[0] == "unreadable_scores"


@pytest.mark.parametrize("parse", [answer_only("a"), pairs("a"), code_blocks("a"), sections(a="A")])
def test_long_answers_are_read_in_time(parse):
    for said in (
        "Question: " * 8000,
        "`" * 60_000,
        "**" * 30_000,
        "1. " * 20_000 + "A",
        "\n" * 60_000,
    ):
        try:
            parse(said)
        except AnswerFault:
            continue
