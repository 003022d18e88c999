"""The page of a tagger's evaluation: whole, escaped, and the same for the same numbers."""

import numpy as np
import pytest

from filters.taggers.evaluation import evaluate_head
from filters.taggers.rubric import Head
from pipeline.report.page_tagger import TaggerReport, render
from tests.pipeline.report.parsed_page import ParsedPage
from tests.pipeline.report.reported_run import EVIL

DEPTH = Head("depth", "ordinal", "How deep?", (0, 1, 2), ("n/a", "Flat.", "Deep."), 0)
COLOUR = Head("colour", "nominal", f"Which {EVIL}?", ("red", EVIL), ("Red.", EVIL))


def report() -> TaggerReport:
    depth = evaluate_head(
        DEPTH,
        np.array([0, 1, 2, 2, 1]),
        np.array(
            [[1, 0, 0], [0, 0.75, 0.25], [0, 0, 1], [0.1, 0.6, 0.3], [np.nan] * 3], np.float32
        ),
        np.array([0, 1, 2, 1, 0]),
        score=np.array([1.0, 1.25, 2.0, 1.33, np.nan]),
        level=np.array([1, 1, 2, 1, 0]),
    )
    colour = evaluate_head(
        COLOUR,
        np.array([0, 0, 1, 1, 1]),
        np.array(
            [[0.875, 0.125], [0.25, 0.75], [0.125, 0.875], [0, 1], [0.375, 0.625]], np.float32
        ),
        np.array([0, 1, 1, 1, 1]),
        score=np.full(5, np.nan),
        level=np.zeros(5, np.int64),
    )
    return TaggerReport(
        model=f"model {EVIL}",
        labels="labels.jsonl.xz",
        annotators=("a person", EVIL),
        num_documents=5,
        num_groups=4,
        joined="5 labelled documents",
        heads=(depth, colour),
    )


@pytest.fixture(scope="module")
def page() -> ParsedPage:
    return ParsedPage(render(report()))


def test_every_head_is_in_the_overview_with_its_measures(page: ParsedPage) -> None:
    overview = page.tables["All heads on the held-out documents"]
    assert overview.names() == ["depth", "colour"]
    depth = overview.row("depth")
    assert (depth["Abstained"], depth["Accuracy"]) == ("1", "75.0%")
    assert depth["Weighted kappa"] == "0.400"
    assert overview.row("colour")["Weighted kappa"] == "\N{EN DASH}"
    assert overview.row("colour")["Accuracy"] == "80.0%"


def test_confusion_is_by_label_and_prediction(page: ParsedPage) -> None:
    table = page.tables["Confusion of colour: label by row, prediction by column"]
    assert table.rows == [["label", "red", EVIL], ["red", "1", "1"], [EVIL, "", "3"]]


def test_reliability_is_drawn_and_said(page: ParsedPage) -> None:
    said = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(said) == 2
    assert all("expected calibration error is 0." in one for one in said if one)
    assert sum(1 for tag, name, _ in page.attributes if (tag, name) == ("circle", "r")) == 3 + 4


def test_nothing_from_data_becomes_markup_and_nothing_leaves_the_page(page: ParsedPage) -> None:
    assert "script" not in page.tags
    assert f"model {EVIL}" in page.text
    for _, name, value in page.attributes:
        if name in ("href", "src"):
            assert value is not None
            assert value.startswith(("#", "data:"))


def test_every_link_has_its_target(page: ParsedPage) -> None:
    targets = {f"#{value}" for _, name, value in page.attributes if name == "id"}
    links = {value for tag, name, value in page.attributes if (tag, name) == ("a", "href")}
    assert links <= targets


def test_equal_reports_give_equal_bytes() -> None:
    assert render(report()) == render(report())
