"""Layout: what stands on a page comes out as a reader would read it."""

import pymupdf
import pytest

from extractors.extraction import NotADocumentError
from extractors.pdf import extract, extract_text
from extractors.pdf.config import PdfConfig
from pipeline.errors import ExtractionError

WIDTH, HEIGHT = 595.0, 842.0
LEADING = 13.0
LEFT, RIGHT = 72.0, 310.0

LEFT_LINES = [
    "The first column opens with a long sentence of",
    "many words, which fills several lines of the col-",
    "umn and does not end before the column does, so",
    "that whoever reads it has to look for the rest in",
    "the other column, where it goes on in the mid-",
]
RIGHT_LINES = [
    "dle of a word. The second column then finishes",
    "the paragraph and the page with a few words of",
    "its own, all of them set in the same type and in",
    "the same size as the words of the first, and it",
    "ends here, at the end of the page.",
]
COLUMNS_AS_READ = (
    "The first column opens with a long sentence of many words, which fills several lines of the"
    " column and does not end before the column does, so that whoever reads it has to look for the"
    " rest in the other column, where it goes on in the middle of a word. The second column then"
    " finishes the paragraph and the page with a few words of its own, all of them set in the same"
    " type and in the same size as the words of the first, and it ends here, at the end of the"
    " page."
)


def write(
    page: pymupdf.Page,
    lines: list[str],
    *,
    x: float = LEFT,
    y: float = 120.0,
    size: float = 10.0,
    font: str = "tiro",
) -> None:
    for index, line in enumerate(lines):
        page.insert_text((x, y + index * LEADING), line, fontsize=size, fontname=font)


def pages(count: int) -> tuple[pymupdf.Document, list[pymupdf.Page]]:
    document = pymupdf.open()
    for _ in range(count):
        document.new_page(width=WIDTH, height=HEIGHT)
    return document, list(document)  # new_page orphans the pages that were loaded before


def saved(document: pymupdf.Document, **options: object) -> bytes:
    return bytes(document.tobytes(**options))


def test_two_columns_are_read_one_after_the_other_and_a_word_parted_by_them_is_whole() -> None:
    document, (page,) = pages(1)
    # Written row by row across both columns, so that the order of the file is of no help.
    for index, (left, right) in enumerate(zip(LEFT_LINES, RIGHT_LINES, strict=True)):
        write(page, [left], x=LEFT, y=120 + index * LEADING)
        write(page, [right], x=RIGHT, y=120 + index * LEADING)
    assert extract_text(saved(document)) == COLUMNS_AS_READ


def test_a_ragged_column_is_told_from_its_neighbour_by_the_gutter_of_another_page() -> None:
    document, (first, second) = pages(2)
    contents = ["Apples", "Plums and pears " * 3, "Figs", "Nuts of all sorts", "Dates"]
    for index, (left, right) in enumerate(zip(contents, RIGHT_LINES, strict=True)):
        write(first, [left], y=120 + index * LEADING)
        write(first, [right], x=RIGHT, y=120 + index * LEADING)
    write(second, LEFT_LINES)
    write(second, RIGHT_LINES, x=RIGHT)
    text = extract_text(saved(document))
    assert " ".join(" ".join(contents).split()) in " ".join(text.split())
    assert " ".join(RIGHT_LINES) in " ".join(text.split())


def test_a_title_across_the_columns_is_a_heading_before_both() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES, x=LEFT)
    write(page, RIGHT_LINES, x=RIGHT)
    write(page, ["A Title that Stands across Both Columns"], x=120, y=80, size=18)
    extraction = extract(saved(document))
    title = "A Title that Stands across Both Columns"
    assert extraction.text == f"# {title}\n\n{COLUMNS_AS_READ}"
    assert extraction.title == title


def test_running_headers_and_page_numbers_are_dropped_and_a_paragraph_crosses_pages() -> None:
    document, both = pages(2)
    for number, (page, lines) in enumerate(zip(both, (LEFT_LINES, RIGHT_LINES), strict=True)):
        write(page, ["Proceedings of the Society of Readers"], y=40, size=8)
        write(page, lines)
        write(page, [str(number + 7)], x=290, y=810)
    assert extract_text(saved(document)) == COLUMNS_AS_READ


def test_line_numbers_in_the_margin_are_dropped() -> None:
    document, (page,) = pages(1)
    prose = [*LEFT_LINES, *RIGHT_LINES[:4], "ends here.", *LEFT_LINES, *RIGHT_LINES]
    write(page, prose, x=100)
    write(page, [str(number) for number in range(1, len(prose) + 1)], x=60)
    assert not any(char.isdigit() for char in extract_text(saved(document)))


def test_a_watermark_on_every_page_is_dropped() -> None:
    document, all_pages = pages(4)
    for number, page in enumerate(all_pages):
        write(page, [f"Page {number} tells of the watering of gardens.", *LEFT_LINES])
        write(page, ["DRAFT"], x=200, y=500, size=60)
    assert "DRAFT" not in extract_text(saved(document))


def test_numbers_in_the_body_at_a_pages_edge_are_kept() -> None:
    document, both = pages(2)
    for number, page in enumerate(both):
        lines = [f"On this page the count of all apples is {number + 1}", *LEFT_LINES[:3]]
        write(page, lines, y=60)
    text = extract_text(saved(document))
    assert "the count of all apples is 1" in text
    assert "the count of all apples is 2" in text


def test_a_compound_keeps_the_hyphen_that_the_document_writes_elsewhere() -> None:
    document, (page,) = pages(1)
    lines = [
        "A well-known result says that every result is well-",
        "known to somebody, which helps nobody else at all.",
    ]
    write(page, lines)
    assert extract_text(saved(document)) == (
        "A well-known result says that every result is well-known to somebody, which helps nobody"
        " else at all."
    )


def test_indented_lines_start_paragraphs() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES[:1], x=LEFT + 12)
    write(page, ["many words and of one line more than that."], y=120 + LEADING)
    write(page, LEFT_LINES[:1], x=LEFT + 12, y=120 + 2 * LEADING)
    write(page, ["many words and of another line altogether."], y=120 + 3 * LEADING)
    assert extract_text(saved(document)).split("\n\n") == [
        LEFT_LINES[0] + " many words and of one line more than that.",
        LEFT_LINES[0] + " many words and of another line altogether.",
    ]


def test_lines_in_a_fixed_font_are_code_with_their_indentation() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES[:3], y=100)
    code = ["def area(sides):", "    if not sides:", "        return 0", "    return sides[0] ** 2"]
    for index, line in enumerate(code):
        indent = len(line) - len(line.lstrip())
        x = LEFT + indent * pymupdf.get_text_length(" ", fontname="cour", fontsize=10)
        write(page, [line.lstrip()], x=x, y=160 + index * LEADING, font="cour")
    extraction = extract(saved(document))
    assert extraction.text.split("\n\n")[1] == "\n".join(["```", *code, "```"])
    assert extraction.structure.code_blocks_kept == 1


def test_the_outline_gives_headings_their_levels() -> None:
    document, (page,) = pages(1)
    write(page, ["Methods"], y=80, size=14, font="tibo")
    write(page, LEFT_LINES, y=110)
    write(page, ["Materials in the field"], y=200, size=14, font="tibo")
    write(page, RIGHT_LINES, y=230)
    document.set_toc([[1, "Methods", 1], [2, "Materials in the field", 1]])
    headings = [line for line in extract_text(saved(document)).split("\n") if line.startswith("#")]
    assert headings == ["# Methods", "## Materials in the field"]


def test_metadata_names_title_and_media_type() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES)
    document.set_metadata({"title": "On Columns"})
    extraction = extract(saved(document))
    assert (extraction.title, extraction.media_type) == ("On Columns", "application/pdf")
    assert (extraction.extractor, extraction.extractor_version) == ("pdf", 2)
    assert extraction.structure.formulas_found == 0


def test_an_encrypted_document_is_rejected() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES)
    data = saved(document, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="u", owner_pw="o")
    with pytest.raises(NotADocumentError, match=r"^pdf\.encrypted$"):
        extract(data)


def test_a_document_that_opens_without_a_password_is_read() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES[:3])
    data = saved(document, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="o")
    assert extract_text(data).startswith("The first column opens")


def test_pages_without_text_are_rejected() -> None:
    document, _ = pages(3)
    with pytest.raises(NotADocumentError, match=r"^pdf\.no_text_layer"):
        extract(saved(document))


def test_more_pages_than_allowed_are_rejected_and_counted() -> None:
    document, three = pages(3)
    for page in three:
        write(page, LEFT_LINES)
    with pytest.raises(NotADocumentError, match=r"^pdf\.too_many_pages: 3$"):
        extract(saved(document), PdfConfig(max_pages=2))
    assert extract(saved(document), PdfConfig(max_pages=3)).text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-1.7\n",
        b"%PDF-1.4\n%%EOF\n",
        bytes(range(256)) * 8,
        b"<html><body><p>A page of hypertext that MuPDF would gladly open.</p></body></html>",
    ],
    ids=["empty", "header", "header and end", "garbage", "html"],
)
def test_what_is_no_pdf_fails(data: bytes) -> None:
    with pytest.raises(ExtractionError):
        extract(data)


def test_a_truncated_document_fails_or_gives_what_it_holds(
    capfd: pytest.CaptureFixture[str],
) -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES)
    data = saved(document)
    with pytest.raises(ExtractionError):
        extract(data[:100])
    assert extract_text(data[:-40]).startswith("The first column opens")
    assert capfd.readouterr().err == ""


def test_cells_between_rules_are_a_table_and_text_between_rules_is_not() -> None:
    document, (page,) = pages(1)
    for y in (100, 116, 160):
        page.draw_line((LEFT, y), (LEFT + 220, y), width=0.5)
    rows = [["Station", "Depth", "Litres"], ["Alpha", "12.5", "34"], ["Bravo", "48.0", "35"]]
    for row, y in zip(rows, (112, 130, 146), strict=True):
        for index, cell in enumerate(row):
            write(page, [cell], x=LEFT + 80 * index, y=y)
    for y in (200, 300):
        page.draw_line((LEFT, y), (LEFT + 220, y), width=0.5)
    write(page, LEFT_LINES, y=220)
    extraction = extract(saved(document))
    assert "| Station | Depth | Litres |\n| --- | --- | --- |\n| Alpha |" in extraction.text
    assert extraction.structure.tables_kept == 1
    assert "The first column opens with a long sentence" in extraction.text


def test_an_example_beside_its_source_is_read_after_it() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES, y=60)
    source = ["\\begin{list}", "\\item one", "\\item two", "\\end{list}"]
    result = ["First there is one thing,", "and then there are two", "of them, as it seems."]
    write(page, source, y=160, font="cour")
    write(page, result, x=260, y=160)
    text = extract_text(saved(document))
    assert "```\n" + "\n".join(source) + "\n```" in text
    assert " ".join(result) in text


def test_an_algorithms_lines_stay_lines() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES, y=60)
    steps = ["1:  while it rains do", "2:  wait a little", "3:  end while"]
    write(page, steps, y=160)
    text = extract_text(saved(document))
    assert "1: while it rains do\n2: wait a little\n3: end while" in text


def test_bold_first_words_of_a_paragraph_are_a_heading_and_a_theorems_are_not() -> None:
    document, (page,) = pages(1)
    for y, bold in ((100, "Materials."), (180, "Theorem 3.")):
        write(page, [bold], y=y, font="tibo")
        width = pymupdf.get_text_length(bold, fontname="tibo", fontsize=10)
        write(page, ["We water gardens that nobody has planted,"], x=LEFT + width + 3, y=y)
        write(page, ["and measure what does not grow in them at all."], y=y + LEADING)
    text = extract_text(saved(document))
    assert "# Materials\n\nWe water gardens that nobody has planted, and measure" in text
    assert "Theorem 3. We water gardens" in text


def test_a_footnote_is_a_block_of_its_own_and_its_mark_stays() -> None:
    document, (page,) = pages(1)
    write(page, LEFT_LINES, y=100)
    write(page, ["The footbridge was abandoned"], y=180)
    width = pymupdf.get_text_length("The footbridge was abandoned", fontname="tiro", fontsize=10)
    write(page, ["1"], x=LEFT + width + 0.5, y=176, size=6)
    write(page, ["before the winter storms arrived."], y=180 + LEADING)
    write(page, ["1"], y=697, size=6)
    write(page, ["Nobody had requested it."], x=LEFT + 4, y=700, size=8)
    text = extract_text(saved(document))
    assert "The footbridge was abandoned[^1] before the winter storms arrived." in text
    assert text.endswith("[^1]Nobody had requested it.")
