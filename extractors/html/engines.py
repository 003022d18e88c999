"""Other projects' extractors behind the same result type, for recipes that ask for them.

They find and count no formulas or code, so their ``structure`` is empty; metadata is read by ours.
"""

from resiliparse.extract.html2text import extract_plain_text


def trafilatura_text(html: str, url: str | None) -> str:
    """Main text by trafilatura with its default settings, as Markdown; empty when it finds none."""
    # Imported here: it takes half a second and most recipes do not use it.
    import trafilatura

    # deduplicate=False: its cache of seen paragraphs would make a page depend on earlier ones.
    text: str | None = trafilatura.extract(
        html, url=url, output_format="markdown", deduplicate=False, include_tables=True
    )
    return text or ""


def resiliparse_text(html: str) -> str:
    """Main text by Resiliparse's rules, with headings unmarked and lists bulleted."""
    return str(extract_plain_text(html, main_content=True, alt_texts=False))
