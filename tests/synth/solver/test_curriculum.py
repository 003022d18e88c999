import random
import re
import statistics
from collections import Counter
from fractions import Fraction
from itertools import islice
from math import gcd, isqrt, lcm

import pytest

from synth.solver.curriculum import (
    FAMILIES,
    HELD_OUT_FAMILIES,
    evaluation_problems,
    prompt_of,
    read_template,
    training_problems,
)
from synth.solver.problem import is_for_evaluation, make_problem
from synth.solver.working import (
    decimal_text,
    difference_text,
    fraction_text,
    product_text,
    quotient_text,
    sum_text,
)
from synth.verification.final_answer import final_answers
from synth.verification.number import exact_number

NUMBER = r"-?\d+(?:\.\d+)?"
STATEMENT = re.compile(
    rf"(?<![\d.]) ?({NUMBER}) ?([-+\u00d7÷]) ?({NUMBER}) ?= ?({NUMBER})(?: remainder (\d+))?"
)
CASES = [(family, False) for family in FAMILIES + HELD_OUT_FAMILIES]
CASES += [(family, True) for family in FAMILIES if family.has_held_out]


def made(family, *, held_out=False, count=60):
    rng = random.Random(f"test {family.name} {held_out}")
    return [make_problem(family, rng, held_out=held_out) for _ in range(count)]


def family(name):
    return next(family for family in FAMILIES + HELD_OUT_FAMILIES if family.name == name)


def numbers_in(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def is_true(left, sign, right, value, remainder):
    left, right, value = Fraction(left), Fraction(right), Fraction(value)
    if sign == "÷":
        return left == value * right + int(remainder or 0)
    return value == {"+": left + right, "-": left - right, "\u00d7": left * right}[sign]


@pytest.mark.parametrize(("family", "held_out"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_every_statement_in_a_solution_holds(family, held_out):
    for problem in made(family, held_out=held_out):
        for line in problem.solution.split("\n"):
            for statement in STATEMENT.finditer(line):
                before = line[: statement.start()].rstrip()
                if before.endswith(tuple("+-\u00d7÷")):  # the end of a longer sum of digits
                    continue
                assert is_true(*statement.groups()), (statement[0], problem)


@pytest.mark.parametrize(("family", "held_out"), CASES, ids=lambda case: getattr(case, "name", ""))
def test_a_solution_ends_in_the_exact_answer(family, held_out):
    for problem in made(family, held_out=held_out):
        assert list(final_answers(problem.solution)) == [problem.answer]
        assert exact_number(problem.answer) is not None


def evaluate(expression):
    for written, meant in (
        ("\u00d7", "*"),
        ("\\times", "*"),
        ("÷", "/"),
        ("\\div", "/"),
        ("^", "**"),
    ):
        expression = expression.replace(written, meant)
    expression = re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"(\1/\2)", expression).strip("$ ")
    exact = re.sub(r"(?<!\*\* )(\d+(?:\.\d+)?)", r"Fraction('\1')", expression)
    return eval(exact, {"Fraction": Fraction})  # noqa: S307


ASKED = re.compile(
    r"(?:What is|Compute|Calculate|Work out|Evaluate|Find the value of|Calculate:) "
    r"([-+\u00d7*÷/^$().\d\\{} a-z]+?)[?.]?$|^([-+\u00d7*÷/()$.\d ]+) = \?$"
)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "addition",
        "subtraction",
        "multiplication",
        "division",
        "sum_of_several",
        "signed_numbers",
        "decimals",
        "decimal_product",
        "order_of_operations",
        "fraction_sum",
    ],
)
def test_expressions_come_to_the_answer(name, held_out):
    checked = 0
    for problem in made(family(name), held_out=held_out, count=200):
        asked = ASKED.match(problem.text)
        expression = asked and (asked[1] or asked[2])
        if not expression or re.search(r"[a-z]{2}", re.sub(r"\\\w+", "", expression)):
            continue
        assert evaluate(expression) == exact_number(problem.answer), problem
        checked += 1
    assert checked > 40


FACTS = {
    "remainder": lambda n: n[0] % n[1],
    "greatest_common_divisor": lambda n: gcd(*n),
    "least_common_multiple": lambda n: lcm(*n),
    "square_roots": lambda n: isqrt(n[0]),
    "digit_sum": lambda n: sum(map(int, str(n[0]))),
    "average": statistics.mean,
    "median": statistics.median,
    "simplify_fraction": lambda n: Fraction(n[0], n[1]),
    "sum_of_first": lambda n: sum(range(n[-1] + 1)),
    "missing_number": lambda n: max(n) - min(n),
    "fraction_of_number": lambda n: Fraction(n[0], n[1]) * n[2],
    "percentage": lambda n: Fraction(n[0] * n[1], 100),
    "triangle_area": lambda n: Fraction(n[0] * n[1], 2),
    "triangle_angle": lambda n: (180 if len(n) == 2 else 360) - sum(n),
    "box_volume": lambda n: n[0] * n[1] * n[2],
    "missing_average": lambda n: n[0] * n[1] - sum(n[3:]),
    "story_gives_away": lambda n: n[0] - n[1],
    "story_gains_and_losses": lambda n: n[0] + n[1] - n[2],
    "story_gets_more": lambda n: n[0] + n[1],
    "story_how_many_more": lambda n: abs(n[0] - n[1]),
    "story_three_people": lambda n: n[0] + (n[0] + n[1]) * (1 + n[2]),
    "story_rows_and_columns": lambda n: n[0] * n[1] - n[2],
    "story_animal_legs": lambda n: 2 * n[0] + 4 * n[1],
    "story_animals_total": lambda n: 3 * n[0] + 2 * n[1] + n[2],
    "story_class_groups": lambda n: (n[0] + n[1]) // n[2],
    "story_price_of_one": lambda n: (n[0] - n[2]) // n[1],
    "story_split_bill": lambda n: (n[1] + n[2]) // n[0],
    "story_age_later": sum,
    "story_points_scored": lambda n: n[2] * n[0] - n[3] * n[1],
    "story_daily_average": lambda n: sum(n) // 3,
    "story_shop_stock": lambda n: n[0] - n[1] - n[2] + n[3],
    "story_growing_plant": lambda n: n[0] + n[1] * n[2],
    "story_ticket_income": lambda n: n[0] * n[2] + n[1] * n[3],
    "story_taxi_ride": lambda n: n[0] + n[1] * n[2],
    "story_candles_burning": lambda n: n[0] - n[1] * n[2],
    "story_unknown_start": lambda n: n[2] - n[1] + n[0],
    "story_transfer_between": lambda n: abs(n[0] - n[1] - 2 * n[2]),
}


@pytest.mark.parametrize("name", FACTS)
def test_answers_follow_from_the_numbers_of_the_question(name):
    chosen = family(name)
    problems = made(chosen) + (made(chosen, held_out=True) if chosen.has_held_out else [])
    for problem in problems:
        assert FACTS[name](numbers_in(problem.text)) == exact_number(problem.answer), problem


def test_the_solution_of_an_equation_solves_it():
    for name in ("linear_equation", "equation_of_both_sides", "equation_with_brackets"):
        for problem in made(family(name)):
            equation = re.search(
                r"\d+\(?[a-z] [-+= \d()a-z]*?= (?:\d+[a-z] \+ )?-?\d+", problem.text
            )
            unknown = re.search(r"\d\(?([a-z])", equation[0])[1]
            written = re.sub(rf"(\d+)(?=\(?{unknown})", r"\1*", equation[0])
            left, right = written.replace(unknown, f"({problem.answer})").split(" = ")
            assert eval(left) == eval(right), problem  # noqa: S307


def test_probabilities_are_shares_of_what_is_in_the_bag():
    for problem in made(family("probability")):
        bag = [(int(n), colour) for n, colour in re.findall(r"(\d+) (\w+)", problem.text)]
        wanted = re.search(r"that it is (\w+)\?", problem.text)[1]
        right = sum(n for n, colour in bag if colour == wanted)
        assert Fraction(right, sum(n for n, _ in bag)) == exact_number(problem.answer)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (sum_text(95, 5), "95 + 5 = 100"),
        (
            sum_text(108, 7),
            "108 + 7: ones 8+7=15, tens 0+1=1, hundreds 1, so 108 + 7 = 115",
        ),
        (
            difference_text(100, 1),
            (
                "100 - 1: ones 10+0-1=9 borrow 1, tens 10+0-0-1=9 borrow 1, hundreds 1-0-1=0, so "
                "100 - 1 = 99"
            ),
        ),
        (difference_text(3, 5), "5 - 3 = 2, so 3 - 5 = -2"),
        (product_text(12, 12), "12 \u00d7 12 = 144"),
        (
            product_text(7, 13),
            "7 \u00d7 13: ones 3\u00d77=21, tens 1\u00d77+2=9, so 7 \u00d7 13 = 91",
        ),
        (quotient_text(100, 7), "100 ÷ 7 = 14 remainder 2"),
        (decimal_text(-5, 1), "-0.5"),
        (fraction_text(Fraction(-6, 8)), r"-\frac{3}{4}"),
    ],
)
def test_working_is_written_in_small_steps(written, text):
    assert written == text


def test_training_has_every_family_and_nothing_of_the_evaluation():
    problems = list(islice(training_problems(random.Random(0)), 8_000))
    assert {problem.family for problem in problems} == {family.name for family in FAMILIES}
    assert not any(is_for_evaluation(problem.text) for problem in problems)
    counts = Counter(problem.family for problem in problems)
    assert counts["multiplication"] > 2 * counts["remainder"]


def test_evaluation_is_disjoint_from_training_for_any_seed():
    trained = {problem.text for problem in islice(training_problems(random.Random(1)), 5_000)}
    for chosen, held_out in CASES[::9]:
        problems = evaluation_problems(chosen, 8, seed=2, held_out=held_out)
        texts = {problem.text for problem in problems}
        assert len(texts) == len(problems) > 0
        assert all(is_for_evaluation(text) for text in texts)
        assert not texts & trained


def test_families_have_names_of_their_own():
    names = [family.name for family in FAMILIES + HELD_OUT_FAMILIES]
    assert len(set(names)) == len(names) >= 95


def test_the_same_seed_makes_the_same_problems():
    one, two = (list(islice(training_problems(random.Random(5)), 300)) for _ in range(2))
    assert one == two
    assert one != list(islice(training_problems(random.Random(6)), 300))


def test_prompts_are_in_the_words_of_the_strategy():
    assert prompt_of("What is 1 + 1?", read_template()).endswith("\n\nWhat is 1 + 1?")
