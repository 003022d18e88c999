"""The report's part about synthetic documents: tables, histogram, tokens and what they cost."""

import io

import pytest

from pipeline.report.page import render
from pipeline.report.summary import summarize_run
from pipeline.report.synthesis import PASS_RATE_NAMES, SynthesisCost, summarize_synthesis
from pipeline.report.terminal import open_console, print_summary
from pipeline.report.terminal_synthesis import spent
from pipeline.transforms.synthesize import pass_rate_bin
from tests.pipeline.report.reported_run import ingest, manifest

COST = SynthesisCost(prompt_price=2.0, completion_price=8.0, seconds=100.0)


def synthesize():
    counts = {
        "items": 40,
        "num_samples": 160,
        "num_spared": 12,
        "num_judged": 140,
        "num_correct": 70,
        "prompt_tokens": 500_000,
        "completion_tokens": 1_500_000,
        "pass_rates": {"never": 10, "0.2": 5, "0.5": 15, "always": 10},
    }
    unverified = counts | {"num_judged": 0, "num_correct": 0, "pass_rates": {}}
    return manifest(
        "synthesize",
        (320, 290, 20, 10),
        items={"mathematics": counts, "think_aloud": unverified},
        documents={
            "synth.mathematics": {"documents": 140, "chars": 9, "media_types": {}, "structure": {}}
        },
        **{"problem-set": {"mathematics": {"difficulty": {"hard": 5, "medium": 15, "easy": 10}}}},
    )


def decided():
    return manifest("decide-synthetic", (290, 60, 230, 0), kept={"synth.mathematics": 60})


def test_a_run_without_synthetic_documents_has_no_part_about_them():
    assert summarize_synthesis([ingest()]) is None
    assert "No synthetic documents were made." in render(
        summarize_run(recipe="r", manifests=[ingest()])
    )


def test_strategies_are_summed_up_with_what_was_kept_and_solved():
    found = summarize_synthesis([ingest(), synthesize(), decided()], COST)
    assert found is not None
    solving, thinking = found.strategies
    assert (solving.name, solving.items, solving.kept, solving.problems) == (
        "mathematics",
        40,
        60,
        30,
    )
    assert solving.correct_ratio == 0.5
    assert dict(solving.pass_rates)["0.5"] == 15
    assert (thinking.correct_ratio, thinking.pass_rates, thinking.problems) == (None, (), 0)


def test_cost_and_rate_are_those_of_all_tokens():
    found = summarize_synthesis([synthesize()], COST)
    assert found is not None
    assert found.price == pytest.approx(2.0 * 1.0 + 8.0 * 3.0)
    assert found.tokens_per_second == 30_000
    assert spent(found) == "1.00 M tokens in, 3.00 M out, 30.0 k out a second, cost 26.00"
    bare = summarize_synthesis([synthesize()])
    assert bare is not None
    assert spent(bare) == "1.00 M tokens in, 3.00 M out"


def test_every_pass_rate_has_its_bar():
    assert {pass_rate_bin(n / 97) for n in range(98)} == set(PASS_RATE_NAMES)


@pytest.mark.parametrize("is_ascii", [True, False])
def test_terminal_and_page_show_the_same_numbers(is_ascii):
    summary = summarize_run(recipe="r", manifests=[ingest(), synthesize(), decided()], cost=COST)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii" if is_ascii else "utf-8")
    print_summary(summary, open_console(stream))
    stream.flush()
    said = stream.buffer.getvalue().decode()
    assert "Pass rates of problems" in said
    assert "50.0%" in said
    page = render(summary)
    assert "mathematics: how often 40 items were solved (140 answers)" in page
    assert "cost 26.00" in page
