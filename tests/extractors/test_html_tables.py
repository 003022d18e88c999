"""Which tables are data, and the rectangles that come of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.html.writing import markdown, tables
from tests.support.html_page import whole_page


def rendered(table: str) -> str:
    return markdown.render(*whole_page(f"<body>{table}</body>"))[0]


def test_the_first_row_is_the_head() -> None:
    found = rendered("<table><tr><td>a<td>b<tr><td>1<td>2</table>")
    assert found == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_caption_stands_above() -> None:
    found = rendered("<table><caption>C<tbody><tr><th>a<th>b<tr><td>1<td>2</table>")
    assert found.startswith("C\n\n| a | b |")


def test_sections_of_a_table_are_one_table() -> None:
    found = rendered(
        "<table><thead><tr><th>a<th>b</thead><tbody><tr><td>1<td>2</tbody>"
        "<tfoot><tr><td>3<td>4</tfoot></table>"
    )
    assert found.splitlines()[2:] == ["| 1 | 2 |", "| 3 | 4 |"]


def test_lines_and_lists_in_a_cell_stand_on_its_line() -> None:
    found = rendered(
        "<table><tr><th>a<th>b<tr><td>1<br>2<td><p>x<p>y<tr><td><ul><li>u<li>v.<li>w</ul><td>z</table>"
    )
    assert found.splitlines()[2:] == ["| 1 2 | x y |", "| u; v. w | z |"]


def test_a_bold_first_row_makes_lists_in_cells_data() -> None:
    found = rendered(
        "<table><tr><td><b>a</b><td><strong>b</strong><tr><td>1<td><ul><li>x<li>y</ul></table>"
    )
    assert found.splitlines()[2:] == ["| 1 | x; y |"]


def test_a_listing_of_one_line_is_code_in_its_cell() -> None:
    found = rendered("<table><tr><th>a<th>b<tr><td><pre>x = 1</pre><td>y</table>")
    assert found.splitlines()[2:] == ["| `x = 1` | y |"]


def test_a_bar_is_escaped_outside_formulas_only() -> None:
    found = rendered("<table><tr><td>a|b<td>c<tr><td>\\(|x|\\)<td>d</table>")
    assert found == "| a\\|b | c |\n| --- | --- |\n| $|x|$ | d |"


@pytest.mark.parametrize(
    "rows",
    [
        "<tr><td>one<tr><td>column",
        "<tr><td>one<td>row",
        "<tr><th>h<th>i<tr><td><h2>heading</h2><td>x",
        "<tr><th>h<th>i<tr><td><pre>a\nb</pre><td>x",
        "<tr><td><ul><li>menu<li>items</ul><td>x<tr><td>y<td>z",
        f"<tr><td>{'long ' * 150}<td>x<tr><td>y<td>z",
        "<tr><td><blockquote>said</blockquote><td>x<tr><td>y<td>z",
    ],
)
def test_what_no_rectangle_can_show_is_dissolved(rows: str) -> None:
    found = rendered(f"<table>{rows}</table>")
    assert found
    assert "|" not in found


def test_a_table_within_a_layout_is_kept() -> None:
    found = rendered(
        "<table><tr><td>menu<td><table><tr><td>1<td>2<tr><td>3<td>4</table><tr><td>x<td>y</table>"
    )
    assert found == "menu\n\n| 1 | 2 |\n| --- | --- |\n| 3 | 4 |\n\nx\n\ny"


def test_a_spanning_cell_stands_once_and_keeps_the_rectangle() -> None:
    found = rendered(
        "<table><tr><th rowspan=2>n<th colspan=2>size<tr><th>w<th>h<tr><td>a<td>1<td>2</table>"
    )
    assert found.splitlines()[:4] == [
        "| n | size |  |",
        "| --- | --- | --- |",
        "|  | w | h |",
        "| a | 1 | 2 |",
    ]


@pytest.mark.parametrize("span", ["1000", "100%", "-1", "x", "0", "9" * 5000])
def test_any_span_is_read(span: str) -> None:
    found = rendered(f"<table><tr><td colspan='{span}'>h<tr><td>1<td>2</table>")
    assert found == "| h |  |\n| --- | --- |\n| 1 | 2 |"


def test_columns_and_rows_for_spacing_are_left_out() -> None:
    found = rendered("<table><tr><td>a<td>&nbsp;<td>b<tr><td><td><td><tr><td>1<td><td>2</table>")
    assert found == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_a_role_overrules_the_look() -> None:
    found = rendered("<table role=presentation><tr><th>a<th>b<tr><td>1<td>2</table>")
    assert found == "a\n\nb\n\n1\n\n2"


def test_an_attempt_to_fill_memory_is_no_table() -> None:
    found = rendered("<table><tr>" + "<td>x" * 90 + "<tr><td>y" * 20_000 + "</table>")
    assert len(found) < 200_000


CELLS = st.tuples(
    st.sampled_from(["", "a", "b c"]), st.integers(min_value=1, max_value=4), st.integers(1, 4)
)


@given(st.lists(st.lists(CELLS, max_size=5), max_size=6))
def test_a_grid_is_a_rectangle_with_every_text_once_in_order(rows: list[list[tables.Cell]]) -> None:
    grid = tables.grid_of(rows)
    assert len({len(line) for line in grid}) <= 1
    texts = [text for line in grid for text in line if text]
    assert texts == [text for row in rows for text, _, _ in row if text]
