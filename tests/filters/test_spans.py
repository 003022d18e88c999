import time

import pytest
from hypothesis import given

from filters.spans import PLACEHOLDER, SpanKind, prose_of, source_file_spans, split_spans
from tests.support.strategies import texts

P = PLACEHOLDER


def pieces(text: str, kind: SpanKind) -> list[str]:
    return [text[span.start : span.end] for span in split_spans(text) if span.kind is kind]


@given(texts())
def test_spans_partition_the_text(text: str) -> None:
    spans = split_spans(text)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert all(span.start < span.end for span in spans)


@given(texts())
def test_each_placeholder_stands_for_one_span_that_was_set_aside(text: str) -> None:
    spans = split_spans(text)
    prose = prose_of(text, spans)
    not_prose = [text[s.start : s.end] for s in spans if s.kind is not SpanKind.PROSE]
    assert prose.text.count(PLACEHOLDER) == len(not_prose)
    assert list(prose.set_aside) == not_prose


@pytest.mark.parametrize(
    "formula",
    [
        "$x$",
        "$2$",
        "$x^2 + y^2 = z^2$",
        r"$\text{if this holds for all}$",
        "$$a = b$$",
        "$$\na = b\n\nc = d\n$$",
        r"\(x + y\)",
        r"\[ x \\[2pt] y \]",
        "\\begin{align*}\na &= b \\\\\nc &= d\n\\end{align*}",
    ],
)
def test_formulas_are_found(formula: str) -> None:
    assert pieces(f"Let {formula}, then.", SpanKind.FORMULA) == [formula]


@pytest.mark.parametrize(
    "prose",
    [
        "It costs $5 and then $10.",
        "It costs $5 for the first and 10$ for the next.",
        "Between $20/$30 and US$5,US$6.",
        "A price of \\$5 and of \\$6 each.",
        "A lone $ and a lone $$ sign.",
        "As shown in \\[1, 2\\] before.",
        "a $b\n\nc$ d",
        "from ``one'' to ``two'' quotations",
        "an unclosed `backtick and \\( bracket",
        "~~~~~~ Help Save Flint ~~~~~~",
        "```\nnever closed",
        "|x| < 1\n|y| < 2",
        "",
    ],
)
def test_prose_that_looks_like_something_else_stays_prose(prose: str) -> None:
    assert "".join(pieces(prose, SpanKind.PROSE)) == prose


def test_code_hides_what_it_holds() -> None:
    text = "Run:\n\n```sh\necho $x$ | a `b`\n```\n\nand `y = $1$` too."
    assert pieces(text, SpanKind.CODE) == ["```sh\necho $x$ | a `b`\n```", "`y = $1$`"]
    assert pieces(text, SpanKind.FORMULA) == []


def test_a_fence_is_closed_only_by_one_as_long() -> None:
    text = "````\n```\nx\n```\n````\nend"
    assert pieces(text, SpanKind.CODE) == ["````\n```\nx\n```\n````"]


def test_fences_in_lists_and_quotations_are_code() -> None:
    text = "- item\n  ```\n  x\n  ```\n> ~~~\n> y\n> ~~~\n"
    assert len(pieces(text, SpanKind.CODE)) == 2


def test_a_table_is_cut_out_with_its_formulas_apart() -> None:
    text = "Before\n\n| a | b |\n|---|:-:|\n| $x$ | y |\n\nAfter"
    assert pieces(text, SpanKind.TABLE) == ["| a | b |\n|---|:-:|\n| ", " | y |\n"]
    assert pieces(text, SpanKind.FORMULA) == ["$x$"]
    assert "".join(pieces(text, SpanKind.PROSE)).split() == ["Before", "After"]


def test_a_block_ends_the_line_before_it() -> None:
    text = "so that\n\n$$\na\n$$\n\nholds for $b$."
    assert prose_of(text, split_spans(text)).text == f"so that{P}\n\n\nholds for {P}."


def test_a_placeholder_in_the_input_is_not_taken_for_one_of_ours() -> None:
    text = f"a {P} b $x$"
    assert prose_of(text, split_spans(text)).text == f"a   b {P}"


def test_a_source_file_is_one_block_of_code() -> None:
    assert [tuple(span) for span in source_file_spans("# $x$\n")] == [(SpanKind.CODE, 0, 6, True)]
    assert source_file_spans("") == []


@pytest.mark.parametrize(
    "unit",
    ["$5 ", "\\[ ", "\\( \n\n", "`a``b```", "\\begin{align}", "~~~\n", "| a\n", "$$ ", "> ", "\\"],
)
def test_the_scan_is_linear_in_stray_delimiters(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    started = time.process_time()
    split_spans(text)
    # About 0.2 s where it was measured; a quadratic scan takes minutes.
    assert time.process_time() - started < 20
