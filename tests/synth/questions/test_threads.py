"""Threads, as the page extractor writes them."""

import pytest

from synth.questions.extraction import extract_questions

TITLE = "# How do I reverse a list in Python?\n\n"
ASKED = (
    "**ann** \u00b7 3 votes\n\nI have a list `[1, 2]` and want it backwards. How is this done?\n\n"
)
GOOD = "Call the method reversed on the list, which gives an iterator over its items."
OTHER = "Write a loop that begins at the last index and counts down to zero, one at a time."


def answers(*turns: str, title: str = TITLE, asked: str = ASKED) -> list[str]:
    return [found.answer for found in extract_questions(title + asked + "\n\n".join(turns))]


def test_a_thread_is_one_pair_with_title_and_body() -> None:
    (found,) = extract_questions(TITLE + ASKED + f"**bob** \u00b7 5 votes\n\n{GOOD}")
    assert found.question.startswith("How do I reverse a list in Python?\n\nI have a list")
    assert (found.answer, found.kind, found.votes, found.is_accepted) == (GOOD, "forum", 5, False)


@pytest.mark.parametrize(
    ("turns", "wanted"),
    [
        ((f"**bob** \u00b7 9 votes\n\n{OTHER}", f"**eve** \u00b7 accepted answer\n\n{GOOD}"), GOOD),
        ((f"**bob** \u00b7 2 votes\n\n{OTHER}", f"**eve** \u00b7 7 votes\n\n{GOOD}"), GOOD),
        ((f"**bob**\n\n{GOOD}", f"**eve**\n\n{OTHER}"), GOOD),
        (
            (f"**bob**\n\n{OTHER}", "**eve** \u00b7 accepted answer\n\nUse `[::-1]`."),
            "Use `[::-1]`.",
        ),
    ],
    ids=["accepted", "votes", "first", "short but accepted"],
)
def test_which_answer_is_taken(turns: tuple[str, ...], wanted: str) -> None:
    assert answers(*turns) == [wanted]


@pytest.mark.parametrize(
    "turn",
    [
        "**bob**\n\nThanks, I was just going to ask exactly this myself.",
        "**bob**\n\n+1",
        "**bob**\n\nbump",
        "**bob**\n\nWhich version of Python do you use, and have you read the manual of lists yet?",
        "**ann**\n\nI forgot to say that the list is long, and that memory matters to me here.",
        "**bob**\n\n> I have a list and want it backwards. How is this done?",
        "\u21b3 **bob**\n\nA comment on the question with some words, and nothing but that.",
    ],
    ids=["thanks", "+1", "bump", "counter-question", "asker", "quotation", "comment"],
)
def test_what_is_no_answer_is_passed_over(turn: str) -> None:
    assert answers(turn, f"**eve**\n\n{GOOD}") == [GOOD]


def test_a_quotation_before_an_answer_and_the_edit_notes_are_cut() -> None:
    turn = (
        f"**eve**\n\n> ann said:\n>\n> I have a list\n\n{GOOD}\n\nLast edited by eve (2024-01-02)"
    )
    assert answers(turn) == [GOOD]


def test_code_in_an_answer_is_kept_even_if_the_question_has_it() -> None:
    code = "```py\nprint(1)\n```"
    asked = f"**ann**\n\nWhy does this print one?\n\n{code}\n\n"
    assert answers(f"**eve**\n\n{code}\n\n{GOOD}", asked=asked) == [f"{code}\n\n{GOOD}"]


def test_a_first_turn_that_only_tells_asks_nothing() -> None:
    asked = "**ann**\n\nToday we release version two. It has many new parts and runs faster.\n\n"
    assert answers(f"**eve**\n\n{GOOD}", title="# Version two is here\n\n", asked=asked) == []


def test_a_first_turn_without_a_name_is_the_question() -> None:
    asked = (
        "I have read the manual twice and still do not see how the two options fit together. "
        "What does the second one do?\n\n"
    )
    assert answers(f"**eve** \u00b7 4 votes\n\n{GOOD}", title="# Options\n\n", asked=asked) == [
        GOOD
    ]


def test_bold_lines_of_a_textbook_are_no_names() -> None:
    text = "# Limits\n\nSome text.\n\n**Example 1**\n\nFind $1+1$.\n\n**Solution**\n\nIt is $2$."
    (found,) = extract_questions(text)
    assert (found.kind, found.question, found.answer) == ("textbook", "Find $1+1$.", "It is $2$.")


def test_a_forum_that_sets_every_turn_as_a_quotation() -> None:
    asked = "**ann**\n\n> What should one look for in a host?\n\n"
    quoted = "\n".join(f"> {line}" for line in GOOD.split(", "))
    (answer,) = answers(f"**bob**\n\n{quoted}", title="# Hosts\n\n", asked=asked)
    assert answer.startswith("Call the method reversed")


def test_a_question_that_needs_a_picture_is_dropped() -> None:
    asked = "**ann**\n\nWhat is wrong in the following screenshot?\n\n"
    assert answers(f"**bob**\n\n{GOOD}", title="# Help\n\n", asked=asked) == []


def test_a_mathematical_exercise_needs_no_question_mark() -> None:
    asked = "**ann**\n\nProve that $n^2 + n$ is even.\n\n"
    answer = "One of $n$ and $n + 1$ is even, and so is their product, which is $n^2 + n$ itself."
    (found,) = extract_questions(f"# Parity\n\n{asked}**bob**\n\n{answer}")
    assert (found.problem_kind, found.final_answer) == ("proof", None)


def test_chinese_threads() -> None:
    text = (
        "# \u5982\u4f55\u6c42\u5bfc\u6570\n\n**\u5c0f\u660e**\n\n"
        "\u8bf7\u95ee\u51fd\u6570 $x^2$ \u7684\u5bfc\u6570\u662f\u4ec0\u4e48\uff1f\n\n"
        "**\u5c0f\u7ea2**\n\n"
        "\u6839\u636e\u5b9a\u4e49\u53ef\u4ee5\u8ba1\u7b97\u51fa\u5b83\u7684"
        "\u5bfc\u6570\u662f $2x$\uff0c"
        "\u4e5f\u53ef\u4ee5\u7528\u5e42\u51fd\u6570\u7684\u6c42\u5bfc\u516c\u5f0f\u3002"
    )
    (found,) = extract_questions(text)
    assert found.answer.startswith("\u6839\u636e")
