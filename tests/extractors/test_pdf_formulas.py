"""Formulas from glyphs: what stands where decides, not in which order it was drawn."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.pdf.fonts import style_of
from extractors.pdf.formulas.glyphs import span_boxes
from extractors.pdf.formulas.parsing import UnreadableError, tex_of
from extractors.pdf.inline import Counts, text_of
from extractors.pdf.pages import Rule
from extractors.pdf.rows import Row
from extractors.pdf.spans import Span

ITALIC, ROMAN, SYMBOLS, EXTENSION = "CMMI10", "CMR10", "CMSY10", "CMEX10"


def span(text: str, x: float, y: float, *, size: float = 10.0, font: str = ITALIC) -> Span:
    """Glyphs half an em wide, from ``x`` on, with their baseline at ``y``."""
    chars = [
        {
            "c": char,
            "origin": (x + index * size / 2, y),
            "bbox": (x + index * size / 2, y - size, x + (index + 1) * size / 2, y),
        }
        for index, char in enumerate(text)
    ]
    return Span(text, x, x + len(text) * size / 2, y, size, style_of(font, 0), chars)


def tex(spans: list[Span], rules: list[Rule] | None = None) -> str:
    return tex_of(span_boxes(spans), rules or [])[0]


FRACTION = [
    span("y", 0, 100),
    span("=", 8, 100, font=ROMAN),
    span("a", 22, 93.2),
    span("b", 22, 106.9),
    span("2", 27, 89.6, size=7, font=ROMAN),
]
BAR = Rule(20, 33, 97.3, 97.7)


def test_scripts_are_told_by_size_and_height() -> None:
    spans = [span("x", 0, 100), span("i", 5, 101.5, size=7), span("2", 5, 96.4, size=7, font=ROMAN)]
    assert tex(spans) == "x_i^2"


def test_a_script_that_begins_after_another_ends_is_staggered() -> None:
    spans = [span("R", 0, 100), span("a", 5, 96.4, size=7), span("bc", 9, 101.5, size=7)]
    assert tex(spans) == "R^a{}_{bc}"


def test_a_rule_between_two_stacks_is_a_fraction() -> None:
    assert tex(FRACTION, [BAR]) == r"y = \frac{a^2}{b}"


def test_a_rule_with_nothing_above_it_is_a_line_over() -> None:
    assert tex([span("AB", 0, 100)], [Rule(0, 10, 91.8, 92.2)]) == r"\overline{AB}"


def test_a_root_is_a_sign_and_a_rule() -> None:
    spans = [span("\u221a", 0, 92, font=SYMBOLS), span("xy", 5, 100)]
    assert tex(spans, [Rule(5, 15, 91.8, 92.2)]) == r"\sqrt{xy}"


def test_an_operator_takes_what_is_centred_above_and_below_it() -> None:
    spans = [
        span("X", 10, 90, font=EXTENSION),  # slot 0x58: a display's sum
        span("n", 10.8, 86, size=7),
        span("k", 10.8, 112, size=7),
        span("a", 20, 99.5),
    ]
    assert tex(spans) == r"\sum_{k}^{n}a"


def test_the_lines_between_two_tall_parentheses_are_a_matrix() -> None:
    spans = [
        span("\x12", 0, 85, font=EXTENSION),
        span("a", 6, 94), span("b", 22, 94), span("c", 6, 106), span("d", 22, 106),
        span("\x13", 28, 85, font=EXTENSION),
    ]  # fmt: skip
    assert tex(spans) == r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}"


def test_a_brace_without_a_partner_opens_cases() -> None:
    spans = [
        span("\x1a", 0, 85, font=EXTENSION),
        span("a", 8, 94), span("b", 24, 94), span("c", 8, 106), span("d", 24, 106),
    ]  # fmt: skip
    assert tex(spans) == r"\begin{cases} a & b \\ c & d \end{cases}"


def test_three_dots_in_a_column_are_vertical_dots() -> None:
    spans = [
        span(".", 0, 92, font=ROMAN),
        span(".", 0, 96, font=ROMAN),
        span(".", 0, 100, font=ROMAN),
    ]
    assert tex(spans) == r"\vdots"


def test_a_glyph_without_a_meaning_makes_a_formula_unreadable() -> None:
    with pytest.raises(UnreadableError):
        tex([span("\ue123", 0, 100, font=SYMBOLS)])


def test_an_unreadable_formula_keeps_its_characters_and_is_counted() -> None:
    spans = [span("where ", 0, 100, font=ROMAN), span("\ue123x", 40, 100, font=SYMBOLS)]
    row = Row(100, 10, 0, 60, spans, [], [], is_text=True)
    counts = Counts()
    assert text_of(row, counts) == "where \ue123x"
    assert (counts.found, counts.kept) == (1, 0)


@settings(deadline=None)
@given(st.permutations(FRACTION))
def test_the_order_in_which_glyphs_were_drawn_does_not_matter(spans: list[Span]) -> None:
    assert tex(spans, [BAR]) == r"y = \frac{a^2}{b}"


@settings(deadline=None)
@given(st.integers(-500, 500), st.integers(-500, 500))
def test_the_place_on_the_page_does_not_matter(right: int, down: int) -> None:
    moved = [
        span(one.text, one.x0 + right, one.y + down, size=one.size, font=one.style.name)
        for one in FRACTION
    ]
    bar = Rule(BAR.x0 + right, BAR.x1 + right, BAR.y0 + down, BAR.y1 + down)
    assert tex(moved, [bar]) == r"y = \frac{a^2}{b}"
