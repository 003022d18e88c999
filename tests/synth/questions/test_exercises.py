"""Exercises with solutions, questions with answers, answer keys and headings that ask."""

import pytest

from synth.questions.extraction import extract_questions

LECTURE = r"""# Linear equations

Some theory about lines, with $y = mx + b$.

**Example 1.** Solve $2x + 3 = 11$.

**Solution.** Subtract 3 from both sides:

$$2x = 8.$$

Hence $x = 4$.

**Definition.** A line is the set of solutions.

### Exercise 1.2

Prove that the sum of two even numbers is even.

#### Solution

Let $a = 2m$ and $b = 2n$. Then $a + b = 2(m + n)$. $\square$

This ends the section, and what follows is no part of the proof.

### Exercise 1.3

Find the area of a circle of radius $3$.

*Hint:* Use the formula for areas.

*Answer:* $9\pi$

## Further reading

Nothing is asked here.
"""


def pairs(text: str) -> list[tuple[str, str]]:
    return [(found.question, found.answer) for found in extract_questions(text)]


def test_worked_examples_and_exercises_of_a_lecture() -> None:
    found = extract_questions(LECTURE)
    assert [(one.question, one.problem_kind, one.final_answer) for one in found] == [
        ("Solve $2x + 3 = 11$.", "value", "x = 4"),
        ("Prove that the sum of two even numbers is even.", "proof", None),
        ("Find the area of a circle of radius $3$.", "value", "9\\pi"),
    ]
    assert found[0].answer.startswith("Subtract 3")
    assert "$$2x = 8.$$" in found[0].answer
    assert "Definition" not in found[0].answer
    assert found[1].answer.endswith("$\\square$")
    assert {one.kind for one in found} == {"textbook"}
    assert {(one.votes, one.is_accepted) for one in found} == {(None, None)}


def test_offsets_are_those_of_the_document() -> None:
    for one in extract_questions(LECTURE):
        assert LECTURE[one.question_start : one.question_end].strip().startswith(one.question[:12])
        assert LECTURE[one.answer_start : one.answer_end].strip().endswith(one.answer[-8:])
        assert one.question_end <= one.answer_start


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (
            "Q: What is the boiling point of water?\nA: 100 degrees Celsius at sea level.",
            "What is the boiling point of water?",
            "100 degrees Celsius at sea level.",
        ),
        (
            "Question 1: How many legs has a spider?\n\nAnswer 1: Eight legs, or 8.",
            "How many legs has a spider?",
            "Eight legs, or 8.",
        ),
        (
            "**Problem.** Compute $3 \\cdot 7$.\n\n**Answer:** 21",
            "Compute $3 \\cdot 7$.",
            "21",
        ),
        (
            "Problem 5 (AMC 2003). Find the smallest prime above 90.\n\nSOLUTION. It is 97.",
            "Find the smallest prime above 90.",
            "It is 97.",
        ),
        (
            "\u4f8b1 \u6c42 $x^2=4$ \u7684\u89e3\u3002\n\n\u89e3\uff1a$x=\\pm 2$\u3002",
            "\u6c42 $x^2=4$ \u7684\u89e3\u3002",
            "$x=\\pm 2$\u3002",
        ),
        (
            "**Aufgabe 3.** Berechne $4 + 5$.\n\n**L\u00f6sung.** Die Summe ist $9$.",
            "Berechne $4 + 5$.",
            "Die Summe ist $9$.",
        ),
        (
            "## Exercice 2\n\nCalculer $6 \\times 7$.\n\n## Solution\n\nOn trouve $42$.",
            "Calculer $6 \\times 7$.",
            "On trouve $42$.",
        ),
    ],
)
def test_labels_of_many_kinds(text: str, question: str, answer: str) -> None:
    assert pairs(text) == [(question, answer)]


@pytest.mark.parametrize(
    "text",
    [
        "Example 4 shows that the sum converges.\n\nSolution of the equation is hard.",
        "**Example 1.** Consider $x^2$.\n\nIt grows.\n\n**Example 2.** Consider $x^3$.",
        "**Solution.** There was no problem before this.",
        "## Problem\n\nFind $x$ in the figure below.\n\n## Solution\n\nIt is $4$.",
        "**Exercise 2.** Repeat Exercise 1 for $n = 7$.\n\n**Solution.** As before, $49$.",
        "**Exercise 2.** Which of the following is prime?\n\n**Answer:** B",
        "**Exercise 2.** Find all roots of $f$.\n\n**Solution.** Left to the reader.",
        "**Exercise 2.** Find all roots of $f$.\n\n**Solution.** See page 12.",
        "A. Smith, B. Jones and C. Miller met. Q. was absent.",
    ],
)
def test_what_is_no_pair(text: str) -> None:
    assert extract_questions(text) == ()


def test_a_solution_elsewhere_belongs_to_the_exercise_whose_number_it_names() -> None:
    text = (
        "**Exercise 1.1.** Compute $2 + 2$.\n\n**Exercise 1.2.** Compute $3 + 3$.\n\n"
        "## Discussion\n\nText.\n\n"
        "**Solution to Exercise 1.2.** It is $6$.\n\n**Solution to Exercise 1.1.** It is $4$."
    )
    assert pairs(text) == [("Compute $2 + 2$.", "It is $4$."), ("Compute $3 + 3$.", "It is $6$.")]


def test_numbered_questions_with_an_answer_each() -> None:
    text = (
        "# Quiz\n\n1. What is $2 + 2$?\n\nAnswer: 4\n\n"
        "2. Which number is odd?\nA. 2\nB. 4\nC. 9\nAnswer: C\n\n"
        "3. How many days has a leap year?\n\n**Solution:** One more than 365, which is 366.\n\n"
        "1. Buy milk.\n2. Buy bread.\n"
    )
    found = extract_questions(text)
    assert [(one.problem_kind, one.final_answer) for one in found[:2]] == [
        ("value", "4"),
        ("choice", "C"),
    ]
    assert found[1].question == "Which number is odd?\nA. 2\nB. 4\nC. 9"
    assert found[2].question == "How many days has a leap year?"
    assert len(found) == 3


def test_steps_of_a_solution_are_no_questions() -> None:
    text = (
        "**Exercise 1.** Find the sum of $1$ and $2$.\n\n**Solution.**\n\n"
        "1. Write down both.\n2. Compute the sum.\n3. Answer: 3\n"
    )
    (found,) = extract_questions(text)
    assert "Compute the sum" in found.answer


def test_answers_at_the_end_are_matched_by_number() -> None:
    text = (
        "## Exercises\n\n1. Find $2 + 3$.\n2. Find $4 \\cdot 5$.\n3. Solve $x - 1 = 0$.\n\n"
        "## Answers\n\n1. 5  2. 20\n\n3. $x = 1$\n\n## Index\n\n1. Addition\n"
    )
    found = extract_questions(text)
    assert [(one.question, one.final_answer) for one in found] == [
        ("Find $2 + 3$.", "5"),
        ("Find $4 \\cdot 5$.", "20"),
        ("Solve $x - 1 = 0$.", "x = 1"),
    ]


def test_answers_of_two_sections_are_matched_only_where_both_have_as_many() -> None:
    sections = (
        "## A\n\n1. Find $1+1$.\n2. Find $1+2$.\n\n## B\n\n1. Find $2+2$.\n2. Find $2+3$.\n\n"
    )
    both = sections + "# Answers\n\n## A\n\n1. 2\n2. 3\n\n## B\n\n1. 4\n2. 5\n"
    assert [answer for _, answer in pairs(both)] == ["2", "3", "4", "5"]
    three = (
        sections + "# Answers\n\n## A\n\n1. 2\n2. 3\n\n## B\n\n1. 4\n2. 5\n\n## C\n\n1. 6\n2. 7\n"
    )
    assert pairs(three) == []


def test_numbered_lists_that_ask_nothing_are_no_exercises() -> None:
    text = "## Steps\n\n1. Open the box.\n2. Close the box.\n\n## Solutions\n\n1. Tape.\n2. Glue.\n"
    assert pairs(text) == []


def test_headings_that_ask_are_questions_and_the_title_is_none() -> None:
    text = (
        "# Why are there questions?\n\nAn introduction, with enough words to be an answer.\n\n"
        "## How do I install it?\n\nRun this and wait until it has ended:\n\n"
        "```\n# not a heading?\npip install x\n```\n\n### On Windows\n\nThe same way.\n\n"
        "## 2. Does it need a network?\n\nNo, all that it needs comes with the package itself.\n\n"
        "## Ready to start?\n\nThen click here, as nobody has ever regretted it so far.\n"
    )
    found = extract_questions(text)
    assert [(one.question, one.problem_kind) for one in found] == [
        ("How do I install it?", "code"),
        ("Does it need a network?", "yes_no"),
    ]
    assert "On Windows" in found[0].answer


def test_a_question_is_there_once() -> None:
    text = (
        "Q: How many moons has Mars?\nA: Two moons.\n\nQ: How many moons has Mars?\nA: It has two."
    )
    assert pairs(text) == [("How many moons has Mars?", "Two moons.")]


def test_formulas_and_listings_stay_whole() -> None:
    listing = "```python\n# Solution: not this\nprint(1)\n\nprint(2)\n```"
    formula = "$$\n\\begin{aligned}\na &= 1 \\\\\nb &= 2\n\\end{aligned}\n$$"
    text = f"**Exercise 1.** What does this print?\n\n{listing}\n\n**Solution.** First\n\n{formula}"
    assert pairs(text) == [(f"What does this print?\n\n{listing}", f"First\n\n{formula}")]
