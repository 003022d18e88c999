"""`reasonmill plan` says how duplicates will be found before anything is read."""

from pathlib import Path

import pytest

from pipeline.config import load_recipe
from pipeline.plan import print_plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What is printed of duplicates for the demo's recipe with these settings."""
    monkeypatch.chdir(ROOT)

    def printed(*settings: str) -> str:
        output = tmp_path / "run"
        print_plan(load_recipe("recipes/demo.yaml", [f"output={output}", *settings]))
        assert not output.exists()
        return capsys.readouterr().out.partition("duplicates are found by")[2]

    return printed


def line_of(text: str, word: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.split()[:1] == [word]]
    return line.split()


def test_parameters_and_curve_of_near_duplicates(plan) -> None:
    text = plan()
    assert text.startswith(": web address, text, similar text\n")
    assert line_of(text, "bands")[3:6] == ["14", "x", "8"]
    assert line_of(text, "0.75") == ["0.75", "77.2%", "0%", "." * 31]
    assert line_of(text, "0.80") == ["0.80", "92.4%", "92.4%", "#" * 37]
    assert "more than 90.0% of a source's documents are duplicates (broken-" in text


def test_settings_of_the_recipe_are_those_shown(plan) -> None:
    text = plan(
        "deduplicate.near.verify=signature",
        "deduplicate.near.bands=20",
        "deduplicate.near.rows=5",
        "deduplicate.url=false",
        "deduplicate.max_duplicate_ratio_of={web: 0.5}",
    )
    assert text.startswith(": text, similar text\n")
    assert "20 x 5 (100 of 112 values), as the recipe gives them" in text
    assert "estimate from signatures decides" in text
    [_, candidate, merged, bar] = line_of(text, "0.80")
    assert (candidate, merged) == (">99.9%", "51.9%")
    assert bar == "#" * 21 + "." * 19
    assert "are duplicates (web: 50.0%)\n" in text


def test_without_near_duplicates_there_is_no_curve(plan) -> None:
    text = plan("deduplicate.near=null")
    assert text.startswith(": web address, text\n")
    assert "chance" not in text
