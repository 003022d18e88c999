from typing import Any

import pytest
from hypothesis import given

from filters.content import ContentAnnotator, ContentConfig
from pipeline.errors import ConfigError
from tests.support.document_rows import SOURCE_FILE, documents_of
from tests.support.strategies import texts

RATIOS = ("prose_ratio", "formula_ratio", "code_ratio", "table_ratio")


def measure(text: str, code: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    annotator = ContentAnnotator(ContentConfig(**settings))
    return annotator.annotate(documents_of(text, code=code)).to_pylist()[0]


@given(texts())
def test_the_four_shares_add_up_to_one(text: str) -> None:
    measured = measure(text)
    if text:
        assert sum(measured[name] for name in RATIOS) == pytest.approx(1)
    else:
        assert {measured[name] for name in RATIOS} == {None}


def test_counts_and_shares() -> None:
    text = "abc $xy$ `z`\n\n```\nq\n```\n\n$$\na\n$$\n"
    assert len(text) == 33
    assert measure(text) == pytest.approx(
        {
            "chars": 33,
            "lines": 10,
            "prose_ratio": 10 / 33,
            "formula_ratio": 11 / 33,
            "code_ratio": 12 / 33,
            "table_ratio": 0,
            "formulas": 2,
            "code_blocks": 1,
            "math_ratio": 11 / 21,
            "reasoning_markers_per_1000_words": 0,
        }
    )


def test_an_empty_text_has_sizes_and_no_shares() -> None:
    measured = measure("")
    assert (measured["chars"], measured["lines"], measured["formulas"]) == (0, 0, 0)
    assert measured["math_ratio"] is None
    assert measured["reasoning_markers_per_1000_words"] is None


def test_a_source_file_is_all_code() -> None:
    measured = measure("# $x$ because\nx = 1\n", code=SOURCE_FILE)
    assert [measured[name] for name in RATIOS] == [0, 0, 1, 0]
    assert (measured["formulas"], measured["code_blocks"]) == (0, 1)
    assert measured["math_ratio"] is None
    assert measured["reasoning_markers_per_1000_words"] is None


@pytest.mark.parametrize(
    ("text", "math_chars"),
    [
        ("the sum \u2211 and \u03b1 here", 2),
        (r"bare \frac and \alpha too", 11),
        (r"C:\users\frank and \alphabet", 0),
        ("\u03b1\u03bb\u03c6\u03b1 is a Greek word", 0),
        ("a = b + 2 < 3", 0),
        ("code `\\frac` is no formula", 0),
    ],
)
def test_mathematics_without_delimiters_counts(text: str, math_chars: int) -> None:
    code_chars = 7 if "`" in text else 0
    assert measure(text)["math_ratio"] == pytest.approx(math_chars / (len(text) - code_chars))


@pytest.mark.parametrize(
    ("text", "markers"),
    [
        ("Because it rains, we conclude that it is wet.", 2),
        ("If and only if, THEREFORE.", 2),
        ("It is becausely thusfar.", 0),
        ("so $x$ that", 0),  # no marker crosses a formula
        ("such\nthat", 1),
    ],
)
def test_reasoning_markers(text: str, markers: int) -> None:
    words = len(text.replace("$x$", "").split())
    assert measure(text)["reasoning_markers_per_1000_words"] == pytest.approx(
        1000 * markers / words
    )


def test_reasoning_markers_are_those_of_the_recipe() -> None:
    measured = measure("Weil es regnet", reasoning_markers=["weil"])
    assert measured["reasoning_markers_per_1000_words"] == pytest.approx(1000 / 3)


def test_a_reasoning_marker_without_a_word_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"content.reasoning_markers: '\?!' holds no word"):
        ContentAnnotator(ContentConfig(reasoning_markers=("?!",)))
