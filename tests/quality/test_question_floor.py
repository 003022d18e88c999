"""Precision and recall of question-answer pairs on real pages: floors may only rise."""

import hashlib
from pathlib import Path

import pytest

from benchmarks.question_extraction import TRUTH, Counts, measure

DATASET = Path(__file__).parents[3] / "shared" / "html"

TRUTH_DIGEST = "780ba0a6067d70f3344ccdcf14c3aa20137c64914aa52aaf2ef37f197f38f63f"
"""SHA-256 of the truth that the floors were measured with."""

FLOORS = {"threads": (0.83, 0.88), "headings": (0.95, 0.98)}
"""Precision and recall; wrong in threads are chats, which a reader may judge either way."""


@pytest.fixture(scope="module")
def counts() -> dict[str, Counts]:
    if not (DATASET / "pages.tar.xz").is_file():
        pytest.skip("needs the scored pages, which are not part of the repository")
    return measure(DATASET)


def test_the_truth_is_the_one_that_the_floors_are_of() -> None:
    assert hashlib.sha256(TRUTH.read_bytes()).hexdigest() == TRUTH_DIGEST


@pytest.mark.slow
@pytest.mark.parametrize("kind", FLOORS)
def test_precision_and_recall_keep_to_their_floors(counts: dict[str, Counts], kind: str) -> None:
    precision, recall = FLOORS[kind]
    assert counts[kind].precision >= precision, counts[kind].notes
    assert counts[kind].recall >= recall, counts[kind].notes
