"""Figures of the PDF extractor on documents with known truth: floors may only rise."""

import hashlib
from pathlib import Path

import pytest

from benchmarks.pdf_quality import COLUMNS, TWO_COLUMN_KINDS, measure
from tests.quality.pdf_floors import FLOORS

DATASET = Path(__file__).parents[3] / "shared" / "pdf"

DIGESTS = {
    "score_pdf.py": "a1497f1a118ec82a354ba79f58c824ff130aef448b4454e1697f9ffe3a06fcc3",
    "truth.jsonl.gz": "11e27dddf2f66fe1a16bd860f0a6fd7cf675c21617c69fe4cbf41a41dde734bc",
}
"""SHA-256 of the files that the floors were measured with."""


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, float]]:
    """The scorer's table, as the present code fills it."""
    for name, digest in DIGESTS.items():
        path = DATASET / name
        if not path.is_file():
            pytest.skip(f"needs {name} of the scored PDFs, which are not part of the repository")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, name
    return measure(DATASET)[0]


def test_every_goal_has_a_floor() -> None:
    assert set(FLOORS) == {"ALL", *TWO_COLUMN_KINDS}
    assert list(FLOORS["ALL"]) == list(COLUMNS)


@pytest.mark.slow
def test_every_figure_keeps_to_its_floor(seen: dict[str, dict[str, float]]) -> None:
    below = [
        f"{kind} {column}: {seen[kind][column]:.2f}, floor {floor:.1f}"
        for kind, row in FLOORS.items()
        for column, floor in row.items()
        if seen[kind][column] < floor
    ]
    assert below == []
