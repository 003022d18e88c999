"""Planted questions are edited as the benchmark of decontamination says, and counted strictly."""

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import decontamination
from benchmarks.decontamination import EDITS, change_words, reorder_choices
from tests.filters.decontamination.benchmark_items import CHOICES, LONG, SHORT, write_jsonl


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("seed", range(5))
def test_numbers_are_kept(edit: str, seed: int) -> None:
    edited = EDITS[edit](LONG["question"], random.Random(seed))
    if edited is not None:
        assert re.findall(r"\d+", edited) == re.findall(r"\d+", LONG["question"])


def test_one_word_is_changed() -> None:
    edited = change_words(LONG["question"], random.Random(1))
    assert edited is not None
    pairs = zip(edited.split(), LONG["question"].split(), strict=True)
    assert sum(one != other for one, other in pairs) == 1
    assert change_words("Too few words here", random.Random(1)) is None


def test_choices_change_places_and_nothing_else() -> None:
    edited = reorder_choices(CHOICES["question"], random.Random(3))
    assert edited is not None
    assert edited != CHOICES["question"]
    assert Counter(edited.split()) == Counter(CHOICES["question"].split())
    assert reorder_choices(LONG["question"], random.Random(3)) is None


def test_found_and_false_hits_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(tmp_path / "made.jsonl", LONG, SHORT, CHOICES)
    prose = "The river turns the mills on its way from the hills to the sea. " * 100
    clean = [{"id": f"clean-{n}", "text": f"{n} {prose}"} for n in range(3)]
    clean.append({"id": "spoiled", "text": f"{prose} {LONG['question']}"})
    write_jsonl(tmp_path / "clean.jsonl", *clean)
    decontamination.main(
        [
            *("--benchmarks", str(tmp_path / "made.jsonl")),
            *("--clean", str(tmp_path / "clean.jsonl")),
            "--json",
        ]
    )
    result = json.loads(capsys.readouterr().out)
    assert result["by_edit_and_set"]["verbatim"] == {"chosen": [1, 1], "made": [2, 2]}
    assert result["verbatim_ratio"] == {"tuned": None, "held_out": 1.0}
    assert [one["document"] for one in result["false"]] == ["spoiled"]
    assert result["false_hit_ratio"] == 0.25
