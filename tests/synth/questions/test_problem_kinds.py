"""What a question wants, and what its answer states in the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.questions.extraction import extract_questions
from synth.questions.problem_kinds import options_of, problem_kind
from synth.questions.stated_answers import final_answer

OPTIONS = "(A) 2 (B) 4 (C) 6 (D) 9"


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("Find all $x$ with $x^2 = 4$.", "$x = \\pm 2$", "value"),
        ("A train goes 60 km in 2 hours. How fast is it?", "30", "value"),
        ("What is the probability of two sixes with 2 dice?", "1/36", "value"),
        ("What is $\\int_0^1 x\\,dx$?", "$1/2$", "value"),
        ("\u8ba1\u7b97 $3+4$\u3002", "7", "value"),
        ("Prove that $\\sqrt{2}$ is irrational.", "Suppose not.", "proof"),
        ("Show that $f$ is continuous.", "Let $e > 0$.", "proof"),
        ("\u8bc1\u660e\uff1a$n^2+n$ \u662f\u5076\u6570\u3002", "...", "proof"),
        (f"Which number is odd? {OPTIONS}", "(D)", "choice"),
        ("Which one is odd?\n\n- A. 2\n- B. 4\n- C. 9", "C", "choice"),
        ("Is $91$ prime?", "No, it is $7 \\cdot 13$.", "yes_no"),
        ("True or false: every group of order 4 is abelian.", "True.", "yes_no"),
        ("Determine whether the series converges.", "It does.", "yes_no"),
        ("Write a Python function that adds two numbers.", "```\ndef f\n```", "code"),
        ("Why does this fail?\n\n```\nx\n```", "No idea.", "code"),
        ("Why is the sky blue?", "Rayleigh scattering.", "open"),
        ("Can anyone recommend a book on logic?", "Try Enderton.", "open"),
    ],
)
def test_kinds(question: str, answer: str, kind: str) -> None:
    assert problem_kind(question, answer) == kind


def test_parts_of_an_exercise_are_no_options() -> None:
    parts = "Let $f(x) = x^2$. (a) Find $f(1)$. (b) Find $f(2)$. (c) Find $f(3)$."
    assert options_of(parts) == ()
    assert options_of(f"Which is odd? {OPTIONS}") == ("A", "B", "C", "D")


@pytest.mark.parametrize(
    ("answer", "stated"),
    [
        ("42", "42"),
        ("$x = 3$", "x = 3"),
        ("12 square metres", "12 square metres"),
        ("We add. So the answer is $\\boxed{17}$.", "17"),
        ("We add.\n\nAnswer: 42", "42"),
        ("Multiply out. Therefore, $x = \\frac{3}{4}$.", "x = \\frac{3}{4}"),
        ("First \\boxed{1}, but perhaps then \\boxed{2}.", None),
        ("(a) $3$ (b) $4$", None),
        ("It depends on what you mean by a number.", None),
        ("By the theorem, $x > 3$ for all of them.", None),
        ("Hence the function $f(x) = x^2 + c$ is one.", None),
    ],
)
def test_final_answers_of_problems_with_a_value(answer: str, stated: str | None) -> None:
    assert final_answer("Find $x$.", answer, "value") == stated


def test_no_final_answer_where_several_parts_are_asked() -> None:
    assert final_answer("(a) Find $x$. (b) Find $y$.", "$4$", "value") is None


def test_choices_are_answered_by_their_letter_and_proofs_by_nothing() -> None:
    question = f"Which number is odd? {OPTIONS}"
    for answer in ("D", "(D)", "The correct answer is (D).", "**D.** 9 is odd."):
        assert final_answer(question, answer, "choice") == "D"
    assert final_answer(question, "Definitely the last one.", "choice") is None
    assert final_answer("Prove it.", "\\boxed{1}", "proof") is None


@given(st.text(alphabet="Q:A. \n#*1$`>?x\u21b3|-", max_size=300))
def test_no_text_makes_it_raise_and_offsets_lie_inside(text: str) -> None:
    for found in extract_questions(text):
        assert 0 <= found.question_start < found.question_end <= len(text)
        assert 0 <= found.answer_start < found.answer_end <= len(text)
        assert found.question.strip()
        assert found.answer.strip()
