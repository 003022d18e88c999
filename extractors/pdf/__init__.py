"""PDFs to Markdown: reading order, paragraphs, formulas, headings, tables and code.

bytes -> pages of fragments -> text layer judged -> furniture and tables out -> columns -> lines and
formulas -> blocks -> Markdown; pages without a usable text layer go to a vision model, if any
"""

import contextlib
import gc
from collections.abc import Iterator, Sequence

from extractors.extraction import Extraction, NotADocumentError, Structure
from extractors.pdf import blocks, furniture, kinds, layout, markdown, ocr, pages, references
from extractors.pdf.config import PdfConfig
from extractors.pdf.displays import Display
from extractors.pdf.guarded import num_sound_pages
from extractors.pdf.inline import Counts
from extractors.pdf.lines import Line, Table, lines_of_run
from extractors.pdf.side_by_side import parted
from extractors.pdf.tables import as_fragment, with_tables
from extractors.pdf.text_layer import Layer, layer_of
from pipeline.errors import ExtractionError
from pipeline.storage.licenses import find_creative_commons

NAME = "pdf"
MEDIA_TYPE = "application/pdf"
VERSION = 2
"""Bumped whenever the text of any document can change."""

UNREAD = frozenset((Layer.BAD, Layer.NONE))

Run = Sequence[Line | Display | Table] | str
"""One stretch of column, or a page as a vision model wrote it."""


def extract(
    data: bytes, config: PdfConfig | None = None, *, guard_seconds: float | None = None
) -> Extraction:
    """The text of a PDF as Markdown.

    A page that cannot be read, or has no usable text layer and no OCR, is left out; ``structure``
    counts pages found and kept. With ``guard_seconds`` a copy of this process looks first, for so
    much CPU time, how far the pages can be read: for a document that killed a process before.

    Raises NotADocumentError for a document that is encrypted, has
    more than ``max_pages``, or has no page with a usable text layer (``pdf.no_text_layer``,
    ``pdf.bad_text_layer``) when OCR is off or fails, and ExtractionError for a file that cannot be
    read.
    """
    with _without_collector():
        return _extract(data, config or PdfConfig(), guard_seconds)


def extract_text(data: bytes) -> str:
    """The Markdown of :func:`extract`; raises what it raises."""
    return extract(data).text


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Python's cycle collector stands still.

    A page is thousands of small objects without cycles, and looking through them again and again
    takes a fifth of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _extract(data: bytes, config: PdfConfig, guard_seconds: float | None) -> Extraction:
    num_sound = None
    if guard_seconds is not None:
        num_sound = num_sound_pages(data, max_pages=config.max_pages, cpu_seconds=guard_seconds)
    document = pages.read(data, max_pages=config.max_pages, num_sound=num_sound)
    layers = [layer_of(page) for page in document.pages]
    seen = _seen_by_ocr(data, layers, config.ocr)
    _check_layers(document, layers, seen)
    counts = Counts()
    runs = _runs(document, layers, seen, counts)
    lines = [item for run in runs for item in run if isinstance(item, Line)]
    outline = {kinds.key_of(text): level for text, level in document.outline.items()}
    setting = kinds.Setting(
        blocks.body_size(lines), kinds.font_of(lines), outline, blocks.vocabulary(lines)
    )
    found = blocks.join_runs([blocks.blocks_of(run, setting) for run in runs], setting.words)
    if config.references == "cut":
        found = references.without_references(found)
    text = "\n\n".join(markdown.written(found, setting.body, outline))
    if not text.strip():
        raise NotADocumentError("text.empty", f"{len(document.pages)} pages")
    title = markdown.title_of(found, setting.body)
    num_code = sum(block.kind is kinds.Kind.CODE for block in found)
    num_tables = sum(block.kind is kinds.Kind.TABLE for block in found)
    num_blank = layers.count(Layer.BLANK)
    num_good = layers.count(Layer.GOOD)
    return Extraction(
        text=text,
        extractor=NAME,
        extractor_version=VERSION,
        media_type=MEDIA_TYPE,
        title=document.title or (title.text if title else None),
        declared_language=document.language,
        license=find_creative_commons(document.license_text),
        structure=Structure(
            formulas_found=counts.found,
            formulas_kept=counts.kept,
            code_blocks_found=num_code,
            code_blocks_kept=num_code,
            tables_found=num_tables,
            tables_kept=num_tables,
            pages_found=len(layers) - num_blank,
            pages_kept=num_good + len(seen),
        ),
    )


def _seen_by_ocr(
    data: bytes, layers: Sequence[Layer], config: ocr.OcrConfig | None
) -> dict[int, str]:
    """What the vision model read, by the number of the page; failed pages are missing."""
    numbers = [number for number, layer in enumerate(layers) if layer in UNREAD]
    if config is None or not numbers:
        return {}
    seen: dict[int, str] = {}
    # As many at once as are asked at once: a thousand drawn pages would not fit in memory.
    for start in range(0, len(numbers), config.max_in_flight):
        batch = numbers[start : start + config.max_in_flight]
        images = pages.rendered(data, batch, config.dots_per_inch)
        answers = ocr.read_pages(list(images.values()), config)
        found = zip(images, answers, strict=True)
        seen.update({number: answer for number, answer in found if isinstance(answer, str)})
    return seen


def _check_layers(document: pages.Document, layers: Sequence[Layer], seen: dict[int, str]) -> None:
    """Raises for a document without a page to read."""
    if seen or Layer.GOOD in layers:
        return
    if Layer.FAULT in layers:
        fault = next(page.fault for page in document.pages if page.fault is not None)
        raise ExtractionError(f"no page of {len(layers)} can be read; the first fault: {fault}")
    reason = "pdf.bad_text_layer" if Layer.BAD in layers else "pdf.no_text_layer"
    raise NotADocumentError(reason, f"{len(layers)} pages")


def _runs(
    document: pages.Document, layers: Sequence[Layer], seen: dict[int, str], counts: Counts
) -> list[Run]:
    """The stretches of column of all pages, in reading order."""
    usable = [
        page
        for page, layer in zip(document.pages, layers, strict=True)
        if layer in (Layer.GOOD, Layer.BLANK)
    ]
    bodies = {page.number: page for page in furniture.without_furniture(usable)}
    gutters = layout.gutters_of(list(bodies.values()))
    runs: list[Run] = []
    for number in range(len(layers)):
        if number in seen:
            runs.append(seen[number])
        elif number in bodies:
            page = bodies[number]
            fragments, tables = with_tables(page, counts)
            fragments += [as_fragment(table) for table in tables]
            runs.extend(
                lines_of_run(run, page.rules, counts)
                for column in layout.reading_order(fragments, gutters)
                for run in parted(column)
            )
    return runs
