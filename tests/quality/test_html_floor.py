"""Figures of the page extractor on pages with known truth: floors may only rise."""

import hashlib
from pathlib import Path

import pytest

from benchmarks.html_quality import BEST_TOOL, GOALS, is_within, lines_of, measure
from tests.quality.html_floors import FLOORS

DATASET = Path(__file__).parents[3] / "shared" / "html"

DIGESTS = {
    "pages.tar.xz": "a9f733cb8af7276bfca91c6cdd358bd73081256789b86f32a28234147fa31411",
    "score_html.py": "0a387fe014bd127985a90d4939061a3378f234ae1864c79d27e7f393f457276e",
    "truth.jsonl.gz": "9ae11f49bf73ba609374f24f8a00a68dae53c9bb407e7c1f568a3865649c2310",
}
"""SHA-256 of the files that the floors were measured with."""

PAGES = 1074


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, float]]:
    """The scorer's table, as the present code fills it."""
    for name, digest in DIGESTS.items():
        path = DATASET / name
        if not path.is_file():
            pytest.skip(f"needs {name} of the scored pages, which are not part of the repository")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, name
    return measure(DATASET)


def test_every_goal_has_a_floor_and_is_compared_with_other_tools() -> None:
    goals = [(kind, column) for kind, column, _ in lines_of(GOALS)]
    assert [(kind, column) for kind, column, _ in lines_of(FLOORS)] == goals
    assert [(kind, column) for kind, column, _ in lines_of(BEST_TOOL)] == goals


@pytest.mark.slow
def test_every_page_is_read(seen: dict[str, dict[str, float]]) -> None:
    assert (seen["ALL"]["n"], seen["ALL"]["err"]) == (PAGES, 0)


@pytest.mark.slow
def test_every_figure_keeps_to_its_floor(seen: dict[str, dict[str, float]]) -> None:
    below = [
        f"{kind} {column}: {seen[kind][column]:.4f}, floor {floor:.3f}"
        for kind, column, floor in lines_of(FLOORS)
        if not is_within(column, seen[kind][column], floor)
    ]
    assert below == []
