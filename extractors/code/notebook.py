"""Jupyter notebooks to Markdown: prose as it is, code fenced, text outputs kept within bounds."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from extractors.extraction import Extraction, NotADocumentError, Structure
from pipeline.errors import ExtractionError

NAME = "notebook"
MEDIA_TYPE = "application/x-ipynb+json"
VERSION = 1
"""Bumped whenever the text of any notebook can change."""

MAX_OUTPUT_LINES = 50
"""Lines kept of one output: a table or a short log whole, a training log's beginning."""

MAX_TITLE_CHARS = 200
"""A heading cell may hold a whole paragraph."""

_FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\$])\$[^$\n]+\$|\\\[.+?\\\]|\\begin\{", re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_TERMINAL_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def extract(payload: bytes) -> Extraction:
    """The cells of a notebook (formats 3 and 4) in order.

    Images, HTML and other rich outputs are dropped; LaTeX outputs become display formulas; an
    error is reduced to its last line. Raises ExtractionError for what is no notebook, and
    NotADocumentError for one without text.
    """
    notebook = _load(payload)
    language = _language(notebook)
    cells = list(_cells(notebook))
    parts = [part for cell in cells for part in _cell(cell, language)]
    text = "\n\n".join(parts)
    if not text.strip():
        raise NotADocumentError("text.empty", f"{len(cells)} cells")
    prose = "\n\n".join(
        "\n".join(_cell(cell, language))
        for cell in cells
        if cell.get("cell_type") in ("markdown", "heading")
    )
    formulas = len(_FORMULA.findall(prose))
    num_code = sum(
        cell.get("cell_type") == "code" and bool(_source(cell).strip()) for cell in cells
    )
    heading = _HEADING.search(prose)
    return Extraction(
        text=text + "\n",
        extractor=NAME,
        extractor_version=VERSION,
        media_type=MEDIA_TYPE,
        title=heading.group(1)[:MAX_TITLE_CHARS] if heading else None,
        structure=Structure(
            formulas_found=formulas,
            formulas_kept=formulas,
            code_blocks_found=num_code,
            code_blocks_kept=num_code,
        ),
    )


def _load(payload: bytes) -> Mapping[str, Any]:
    try:
        notebook = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise ExtractionError(f"not a notebook: {error}") from error
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise ExtractionError("not a notebook: neither cells nor worksheets")
    return notebook


def _cells(notebook: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Cells of format 4, or of every worksheet of format 3."""
    sheets = notebook.get("worksheets")
    groups = [notebook] if not isinstance(sheets, list) else sheets
    for group in groups:
        cells = group.get("cells") if isinstance(group, dict) else None
        for cell in cells if isinstance(cells, list) else ():
            if isinstance(cell, dict):
                yield cell


def _language(notebook: Mapping[str, Any]) -> str:
    metadata = notebook.get("metadata")
    for key, name in (
        ("language_info", "name"),
        ("kernelspec", "language"),
        ("kernelspec", "name"),
    ):
        found = metadata.get(key) if isinstance(metadata, dict) else None
        if isinstance(found, dict) and isinstance(found.get(name), str):
            # A kernel's name carries its version: julia-1.9, python3.
            return re.sub(r"-?[\d.]+$|[^\w+#.-]", "", found[name].lower())
    return "python"


def _cell(cell: Mapping[str, Any], language: str) -> Iterator[str]:
    source = _source(cell).strip("\n")
    match cell.get("cell_type"):
        case "code":
            if source.strip():
                yield _fence(source, language)
            outputs = cell.get("outputs")
            for output in outputs if isinstance(outputs, list) else ():
                if isinstance(output, dict):
                    yield from _output(output)
        case "heading":  # format 3
            level = cell.get("level")
            yield "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1) + " " + source  # noqa: PLR2004
        case _:
            if source.strip():
                yield source


def _source(cell: Mapping[str, Any]) -> str:
    return _text(cell.get("source", cell.get("input", "")))


def _output(output: Mapping[str, Any]) -> Iterator[str]:
    if output.get("output_type") in ("error", "pyerr"):
        yield _fence(f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}", "")
        return
    data = output.get("data")
    rich: Mapping[str, Any] = data if isinstance(data, dict) else {}
    latex = _text(rich.get("text/latex", output.get("latex"))).strip()
    if latex:
        yield latex if latex.startswith(("$", "\\begin", "\\[")) else f"$${latex}$$"
        return
    plain = _text(rich.get("text/plain", output.get("text"))).strip("\n")
    if plain.strip():
        yield _fence(_bounded(_TERMINAL_COLOUR.sub("", plain)), "")


def _bounded(output: str) -> str:
    lines = output.split("\n")
    if len(lines) <= MAX_OUTPUT_LINES:
        return output
    return "\n".join([*lines[:MAX_OUTPUT_LINES], "..."])


def _fence(code: str, language: str) -> str:
    """A fenced block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def _text(value: object) -> str:
    """Notebooks store text as a string or as a list of lines; lone surrogates become U+FFFD."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
