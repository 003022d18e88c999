import pytest

from synth.verification.final_answer import final_answers


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("so $\\boxed{\\frac{1}{2}}$.", ("\\frac{1}{2}",)),
        ("\\boxed{\\boxed{7}}", ("7",)),
        ("\\boxed{\\{1,2\\}}", ("\\{1,2\\}",)),
        ("\\fbox{3} and \\boxed 4", ("3, 4",)),
        ("$\\boxed{2}$, $\\boxed{3}$", ("2, 3",)),
        ("first \\boxed{3}, as shown above. Then \\boxed{4}.", ("3", "4")),
        ("\\boxed{3}. Again: \\boxed{ 3 }", (" 3 ".strip(),)),
        ("\\boxed{3}. Wait, that is wrong. \\boxed{4}", ("4",)),
        ("<think>\\boxed{3}</think>It is \\boxed{4}", ("4",)),
        ("The answer is 12.\nIt is even.", ("12",)),
        ("**Answer:** $x = 3.5$. Done.", ("$x = 3.5$",)),
        ("The answer is 7 or 8", ("7 or 8",)),
        ("The answer is 7 because 3+4=7", ("7",)),
        ("The answer is 5. Later: the answer is 6.", ("5", "6")),
        ("The answer is not 6.", ()),
        ("steps\n#### 1,072", ("1,072",)),
        ("There are 12 eggs left.", ("12",)),
        ("There were 14 eggs and 2 broke.", ("There were 14 eggs and 2 broke.",)),
        ("42", ("42",)),
        ("Let us see.\nI give up.", ()),
        ("\\boxed{10", ()),
        ("", ()),
    ],
)
def test_what_counts_as_the_final_answer(text: str, answers: tuple[str, ...]) -> None:
    assert final_answers(text) == answers
