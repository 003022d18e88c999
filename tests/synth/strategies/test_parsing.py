"""What real models write around what they were asked for."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.strategies.parsing import (
    answer_of,
    answer_only,
    before_label,
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
        "**Question 1:** {q}\n\n**Solution 1:** {s}",
        "### 1. Question\n{q}\n\n### 2. Solution\n{s}",
        "**1. Question:** {q}\n\n**2. Solution (in steps):** {s}",
        "**Question: {q}**\n\n**Solution**\n{s}\n\n***",
        "Question\r\n\r\n{q}\r\n\r\nSolution\r\n\r\n{s}",
        "Question and solution follow.\n\n> Question: {q}\n\nSolution. {s}",
        "Problem: {q}\n\nAnswer: {s}",
        "\u9898\u76ee\uff1a{q}\n\n\u89e3\u7b54\uff1a{s}",
        "Sure, here they are:\n\n```markdown\nQuestion: {q}\n\nSolution: {s}\n```\n\nEnjoy!",
    ],
)
def test_labelled_parts_in_any_dress(dress):
    parse = sections(question="Question", solution="Solution")
    said = dress.format(q="What is $2+2$?", s="It is $4$.\n\nSo 4.")
    assert parse(said) == {"question": "What is $2+2$?", "solution": "It is $4$.\n\nSo 4."}


def test_a_word_that_begins_a_line_is_no_label():
    said = "Question: Find all $x$.\nSolutions must be whole.\n\nSolution: $x = 1$"
    assert sections(question="Question", solution="Solution")(said) == {
        "question": "Find all $x$.\nSolutions must be whole.",
        "solution": "$x = 1$",
    }


def test_bold_at_the_end_of_a_part_stays_whole():
    said = "Question: $2+2$?\n\nSolution: Count.\n\n**Answer: 4**"
    parsed = sections(question="Question", solution="Solution")(said)
    assert parsed["solution"] == "Count.\n\n**Answer: 4**"


def test_what_follows_an_unwanted_label_is_cut():
    assert before_label("How many?\n\n**Answer:** 5", "Answer", "Solution") == "How many?"
    assert before_label("Answer in metres: how far?", "Answer") == "Answer in metres: how far?"


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
    assert parse(said) == {
        "question": f"q {question.strip()} q",
        "solution": f"s {solution.strip()} s",
    }


def test_the_last_blocks_are_the_code():
    parse = code_blocks("code", "tests")
    first = "First idea:\n```\nx = 0\n```\n```python\nx = 1\n```\n"
    said = first + "Tests:\n~~~python\nassert x\n~~~\nDone."
    assert parse(said) == {"code": "x = 1", "tests": "assert x"}


@pytest.mark.parametrize(
    "after",
    ["", "\nIt prints:\n```\n4\n```", "\nRun it:\n```bash\npytest\n```\n```text\n1 passed\n```"],
)
def test_commands_and_output_behind_the_code_are_none(after):
    said = f"```python\nx = 4\n```\n\n```Python\nassert x\n```{after}"
    assert code_blocks("code", "tests")(said) == {"code": "x = 4", "tests": "assert x"}


def test_code_in_a_list_loses_the_indentation_of_the_list():
    said = "1. Write it:\n\n   ```python\n   def f():\n       return 1\n   ```\n2. Done."
    assert code_blocks("code")(said) == {"code": "def f():\n    return 1"}


def test_code_with_carriage_returns_ends_at_its_fence():
    assert code_blocks("code")("```python\r\nx = 1\r\n```\r\nDone.") == {"code": "x = 1"}


@given(st.text(st.characters(codec="utf-8", exclude_characters="`~\r<")).filter(str.strip))
def test_code_is_read_back_as_it_was(code):
    code = code.strip("\n")
    assert code_blocks("code")(f"Here.\n```python\n{code}\n```\nDone.") == {"code": code}


@pytest.mark.parametrize(
    "said",
    [
        "```markdown\n{a}\n```",
        "```md\n{a}\n```\n\nI hope this helps!",
        "Here is the rewritten section:\n\n{a}",
        "Certainly! Here's your text:\n\n```markdown\n{a}\n```",
        "<think>\nPlan.\n</think>\n\n{a}<|im_end|>",
    ],
)
def test_an_answer_is_freed_of_what_hands_it_over(said):
    content = "# Lists\n\n```python\nx = [1]\n```\n\nThat is all."
    assert answer_only("a")(said.replace("{a}", content)) == {"a": content}


@pytest.mark.parametrize(
    "content",
    [
        "Here is the proof: it is short.\n\nDone.",
        "```python\nx = 1\n```\n\nThat sets x.",
        "```markdown\n# A heading\n```\n\nThat is a heading. " + "It is written so. " * 20,
    ],
)
def test_an_answer_that_only_looks_handed_over_stays(content):
    assert answer_only("a")(content) == {"a": content.strip()}


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
        "Question (open): Why?\nAnswer: Because.\n\nQuestion (how-to): How?\nAnswer: So.",
        "**1. Question:** Why?\n**Answer:** Because.\n\n**2. Question:** How?\n**Answer:** So.",
        "**Question 1: Why?**\nAnswer: Because.\n\n---\n\n**Question 2: How?**\nAnswer: So.\n\n---",
        "1. **Why?**\n   **Answer:** Because.\n2. **How?**\n   **Correct answer:** So.",
        "### Question 1\nWhy?\n### Answer\nBecause.\n### Question 2\nHow?\n### Answer\nSo.",
        "Q1. Why?\nA1. Because.\n\nQ2. How?\nA2. So.",
    ],
)
def test_pairs_in_any_numbering(said):
    written = pairs("questions", at_least=2)(said)["questions"]
    assert written == "Question: Why?\n\nAnswer: Because.\n\nQuestion: How?\n\nAnswer: So."


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
def test_pairs_that_are_written_in_the_form_are_read_back(given_pairs):
    written = "\n\n".join(
        f"Question: q {question.strip()} q\n\nAnswer: a {answer.strip()} a"
        for question, answer in given_pairs
    )
    assert pairs("q")(written) == {"q": written}


@pytest.mark.parametrize("mark", [":", ")", "."])
def test_options_by_letter_are_no_labels(mark):
    said = f"Question: Which?\nA{mark} one\nB{mark} two\nAnswer: B{mark} It is even."
    expected = f"Question: Which?\nA{mark} one\nB{mark} two\n\nAnswer: B{mark} It is even."
    assert pairs("q")(said) == {"q": expected}


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
        '{"scores": {"adherence": 4, "coherence": 5}}',
        '{"adherence": "4", "coherence": "5"}',
        "| Adherence | 4 |\n| Coherence | 5 |",
        "Adherence score: 4 out of 5.\nCoherence (1-5): **5**",
        "adherence\uff1a4\ncoherence\uff1a5",
    ],
)
def test_scores_as_json_or_lines(said):
    assert scores("adherence", "coherence")(said) == {
        "score_adherence": "4",
        "score_coherence": "5",
    }


@pytest.mark.parametrize(
    "said",
    [
        "",
        "It is good.",
        '{"adherence": 9, "coherence": 5}',
        '{"adherence": 4}',
        "{[}",
        '{"adherence": 4.5, "coherence": 5}',
        "adherence: 4.5\ncoherence: 5",
        '{"adherence": Infinity, "coherence": 5}',
        '{"adherence": NaN, "coherence": 1e999}',
        '{"adherence": true, "coherence": 5}',
    ],
)
def test_scores_that_are_none(said):
    assert fault_of(scores("adherence", "coherence"), said)[0] == "unreadable_scores"


@given(st.integers(1, 5), st.integers(1, 5))
def test_scores_are_read_back(adherence, coherence):
    said = json.dumps({"adherence": adherence, "coherence": coherence})
    assert scores("adherence", "coherence")(f"My judgement:\n{said}\nDone.") == {
        "score_adherence": str(adherence),
        "score_coherence": str(coherence),
    }


PARSERS = {
    "whole": whole("a"),
    "answer_only": answer_only("a"),
    "sections": sections(question="Question", solution="Solution"),
    "pairs": pairs("a"),
    "code_blocks": code_blocks("a", "b"),
    "scores": scores("adherence"),
}
PIECES = [
    *("Question", "Solution", "Answer", "Q1", "A", "adherence", ":", "\uff1a", "4", "1. ", "."),
    *("**", "##", "[", "]", "> ", "- ", "```", "````", "~~~", "markdown", "python", "{", "}", '"'),
    *("<think>", "</think>", "<|im_end|>", "\n", "\r\n", "   ", "\t", "(", ")", "|", "?", "Sure!"),
]


@pytest.mark.parametrize("name", PARSERS)
@given(said=st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_whatever_is_said_is_fields_with_text_or_a_fault(name, said):
    try:
        fields = PARSERS[name](said)
    except AnswerFault:
        return
    assert all(value.strip() for value in fields.values())


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "piece",
    [
        *PIECES,
        "a",
        "a ",
        "a_ ",
        " \n",
        "Question: ",
        "1. What? ",
        "```\n",
        "- Question\n",
        "? ",
        "?*",
    ],
)
def test_long_answers_are_read_in_time(name, piece):
    said = piece * (65_536 // len(piece)) + "!"
    start = time.process_time()
    with contextlib.suppress(AnswerFault):
        PARSERS[name](said)
    assert time.process_time() - start < 2  # a pattern that tries every place twice takes 15
