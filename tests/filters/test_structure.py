"""What extraction kept, and how a text is built."""

from typing import Any

import pyarrow as pa
import pytest

from filters.structure import StructureAnnotator, StructureConfig
from pipeline.records.document import STRUCTURE_TYPE
from tests.support.document_rows import SOURCE_FILE, documents_of


def measure(text: str, structure: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    documents = documents_of(text, **more)
    place = documents.schema.get_field_index("structure")
    column = pa.array([structure], STRUCTURE_TYPE)
    documents = documents.set_column(place, documents.field(place), column)
    made: dict[str, Any] = StructureAnnotator(StructureConfig()).annotate(documents).to_pylist()[0]
    return made


def test_shares_kept_are_null_where_nothing_was_found() -> None:
    found = measure(
        "x",
        {"formulas_found": 4, "formulas_kept": 3, "tables_found": 0, "tables_kept": 0,
         "posts_found": 1, "posts_kept": 2},
    )  # fmt: skip
    assert found["formulas_kept_ratio"] == 0.75
    assert found["tables_kept_ratio"] is None
    assert found["code_blocks_kept_ratio"] is None
    assert found["posts_kept_ratio"] == 1
    assert measure("x")["formulas_kept_ratio"] is None


@pytest.mark.parametrize(
    ("text", "headings", "items", "links"),
    [
        ("# A\n\n## B\n\ntext\ntext", 2 / 4, 0, 0),
        ("- a\n* b\n1. c\n2) d\n-e\n", 0, 4 / 5, 0),
        ("[abc](http://a.b) de", 0, 0, 3 / 20),
        ("http://a.b x", 0, 0, 10 / 12),
        ("#hashtag\n#!x", 0, 0, 0),
        ("a" * 1_000_000, 0, 0, 0),
    ],
)
def test_how_a_text_is_built(text: str, headings: float, items: float, links: float) -> None:
    found = measure(text)
    assert found["heading_line_ratio"] == pytest.approx(headings)
    assert found["list_line_ratio"] == pytest.approx(items)
    assert found["link_ratio"] == pytest.approx(links)


@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_an_empty_text_is_built_of_nothing(text: str) -> None:
    assert measure(text)["link_ratio"] is None


def test_the_text_of_a_source_file_is_not_judged() -> None:
    assert measure("# comment", code=SOURCE_FILE)["heading_line_ratio"] is None
