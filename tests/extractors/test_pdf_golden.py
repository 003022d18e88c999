"""Typeset documents of our own become their golden Markdown.

The sources lie beside the PDFs; to typeset them again, see their first lines. The figures on
hundreds of other pages are in ``tests/quality``.
"""

from pathlib import Path

import pytest

from extractors.pdf import extract

GOLDEN = Path(__file__).parents[1] / "golden" / "extractors" / "pdf"


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.pdf")))
def test_a_typeset_document_becomes_its_golden_markdown(name: str) -> None:
    extraction = extract((GOLDEN / f"{name}.pdf").read_bytes())
    assert extraction.text + "\n" == (GOLDEN / f"{name}.md.golden").read_text()


@pytest.mark.parametrize("name", ["mathematics", "mathematics_newtx", "mathematics_opentype"])
def test_every_formula_is_found_and_written_as_tex(name: str) -> None:
    structure = extract((GOLDEN / f"{name}.pdf").read_bytes()).structure
    # Nine in lines of text, five displays: those without text between them are one.
    assert (structure.formulas_found, structure.formulas_kept) == (14, 14)


def test_the_same_formulas_in_three_font_systems_become_the_same_tex() -> None:
    texts = [
        (GOLDEN / f"{name}.md.golden").read_text().split("\n\n")[0]
        for name in ("mathematics", "mathematics_newtx", "mathematics_opentype")
    ]
    assert len(set(texts)) == 1


def test_structure_counts_what_a_paper_holds() -> None:
    structure = extract((GOLDEN / "paper.pdf").read_bytes()).structure
    assert (structure.code_blocks_kept, structure.tables_kept) == (1, 1)
    assert (structure.pages_found, structure.pages_kept) == (2, 2)
