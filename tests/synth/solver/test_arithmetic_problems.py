import json
import re
from collections import Counter
from fractions import Fraction
from itertools import permutations

from synth.problems import list_problems, plan_problem_splits, read_problems
from synth.solver.curriculum import FAMILIES, HELD_OUT_FAMILIES
from synth.solver.problem import is_for_evaluation
from synth.solver.problems import FILE, WRITTEN_BY_HAND, main, to_jsonl
from synth.verification.number import exact_number
from tests.synth.solver.test_curriculum import FACTS, numbers_in

ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]

COMPUTED = {
    "find the largest number among 50160": 89643,
    "find the largest number among 6390": 8128,
    "is the smallest: 2271": 2003,
    "-690 - (-237)": -690 + 237,
    "-627 - (-759)": 759 - 627,
    "-760 - (-111)": -760 + 111,
    "percent of 400 is 60": Fraction(6000, 400),
    "64 is what percentage of 80": Fraction(6400, 80),
    "276 dollars and 41 cents": 276 * 100 + 41,
    "term number 59": 12 + 58 * 11,
    "term number 65": 14 + 64 * 7,
    "1586 miles in 26 hours": Fraction(1586, 26),
    "round 127506 to the nearest hundred": 127500,
    "10 times a number is 396830": 39683,
    "2 people be chosen from 46": 46 * 45 // 2,
    "4 pairs of shoes, 3 hats, 6 shirts and 2 scarves": 4 * 3 * 6 * 2,
    "15k + 15 = 6k + 294": Fraction(294 - 15, 15 - 6),
    "7 plus 8": 15,
    "difference 6 - 2": 4,
    "1970 / 5": 394,
    r"\frac{2}{3} - \frac{5}{8}": Fraction(2, 3) - Fraction(5, 8),
    "9x + 5 = -40": Fraction(-40 - 5, 9),
    "length 38 meters and width 13 meters. how long is the fence": 2 * (38 + 13),
    "9 balls at $8 each and pays with a $100 note": 100 - 9 * 8,
    "5 cousins divide 270 peaches": Fraction(270, 5),
    "6 cakes takes 126 grams of sugar. how many grams does samuel need for 18": 126 * 3,
    "3635774 and 6139319": 3635774 + 6139319,
    "if h(x) = 3x^2 + 6, what is h(13)": 3 * 13**2 + 6,
    "32 notebooks": min(2 * (32 - 6 * packs) + 9 * packs for packs in range(6)),
    "positive divisors does 360": sum(360 % n == 0 for n in range(1, 361)),
    "units digit of 7^2026": 7**2026 % 10,
    "two numbers is 96 and their sum is 20": max(n for n in range(20) if n * (20 - n) == 96),
    "in 6 hours and another fills it in 3": 1 / (Fraction(1, 6) + Fraction(1, 3)),
    "120 km at 60 km per hour": 240 / (Fraction(120, 60) + Fraction(120, 40)),
    "divisible by 6 or by 8": sum(n % 6 == 0 or n % 8 == 0 for n in range(1, 201)),
    "5 people sit in a row": sum(
        abs(row.index(0) - row.index(1)) == 1 for row in permutations(range(5))
    ),
}
"""Answers worked out here, by words of their questions."""


def recomputed(row):
    """The answer by another way than the curriculum's; None where there is none."""
    text = row["problem"]
    known = [value for words, value in COMPUTED.items() if words in text.lower()]
    if known:
        return known[0]
    if row["kind"] == "probability":
        bag = {colour: int(count) for count, colour in re.findall(r"(\d+) (\w+)", text)}
        return Fraction(bag[re.search(r"that it is (\w+)\?", text)[1]], sum(bag.values()))
    if row["kind"] in FACTS:
        return FACTS[row["kind"]](numbers_in(text))
    product = re.search(r"(\d+) (?:\u00d7|\*|\\times|times) (\d+)|product of (\d+) and (\d+)", text)
    if row["kind"] == "multiplication" or product:
        return numbers_in(text)[0] * numbers_in(text)[1]
    return None


def test_the_file_is_what_the_command_writes(tmp_path, monkeypatch):
    assert FILE.read_text(encoding="utf-8") == to_jsonl()
    monkeypatch.setattr("sys.argv", ["problems", "--out", str(tmp_path / "again.jsonl")])
    main()
    assert (tmp_path / "again.jsonl").read_bytes() == FILE.read_bytes()


def test_every_answer_is_right():
    for row in ROWS:
        assert recomputed(row) == exact_number(row["answer"]), row


def test_no_problem_is_trained_on_and_none_is_there_twice():
    assert len({row["problem"] for row in ROWS}) == len({row["id"] for row in ROWS}) == len(ROWS)
    drawn = [row for row in ROWS if row["kind"] != "by_hand"]
    assert all(is_for_evaluation(row["problem"]) for row in drawn)
    names = {family.name for family in FAMILIES + HELD_OUT_FAMILIES}
    assert {row["kind"] for row in drawn} <= names
    assert Counter(row["kind"] for row in ROWS)["by_hand"] == len(WRITTEN_BY_HAND) == 8


def test_rows_say_where_they_come_from():
    assert {(row["license"], row["source"]) for row in ROWS} == {("CC0-1.0", "Reasonmill's own")}
    assert all(
        list(row) == ["id", "problem", "answer", "kind", "license", "source"] for row in ROWS
    )


def test_the_pipeline_reads_every_row():
    splits = plan_problem_splits(list_problems({"arithmetic": [str(FILE)]}), split_bytes=1 << 20)
    read = [row for split in splits for row in read_problems(split)]
    assert [(row.seed_id, row.problem, row.answer) for row in read] == [
        (row["id"], row["problem"], row["answer"]) for row in ROWS
    ]
