"""Pages a second and core of the PDF extractor, beside what merely reading the glyphs costs.

    python -m benchmarks.pdf_speed --pdfs DIR [--passes 5]

The floor is ``page.get_text("rawdict")``: MuPDF's reading of every glyph into Python's objects.
Both read the same documents in one process, a pass each in turn, so that a busy machine slows
both; a figure is the fastest pass in process CPU time, after a warm-up. Documents that the
extractor rejects (scans) are left out.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import pymupdf

from extractors.extraction import NotADocumentError
from extractors.pdf import extract_text

GOAL_RATIO = 2.5
"""The extractor is to cost at most so many times the floor."""


def main() -> int:
    """Print a table and, last, one line of JSON; 0 when the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pdfs", type=Path, required=True, metavar="DIR")
    parser.add_argument("--passes", type=int, default=5)
    known = parser.parse_args()
    documents = [
        data for path in sorted(known.pdfs.glob("*.pdf")) if _is_read(data := path.read_bytes())
    ]
    num_pages = sum(len(pymupdf.open(stream=data)) for data in documents)
    tools: dict[str, Callable[[bytes], object]] = {"rawdict": _raw, "reasonmill": extract_text}
    seconds: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(known.passes):
        for name, tool in tools.items():
            start = time.process_time()
            for data in documents:
                tool(data)
            seconds[name].append(time.process_time() - start)
    speeds = {name: num_pages / min(times) for name, times in seconds.items()}
    ratio = speeds["rawdict"] / speeds["reasonmill"]
    print(f"{len(documents)} documents, {num_pages} pages, {known.passes} passes")
    for name, speed in speeds.items():
        print(f"{name:<12}{speed:8.1f} pages a CPU-second  {1000 / speed:6.2f} ms a page")
    print(f"cost over the floor: {ratio:.2f} (goal: {GOAL_RATIO})")
    print(json.dumps({"pages_per_second": speeds, "ratio": ratio, "is_met": ratio <= GOAL_RATIO}))
    return 0 if ratio <= GOAL_RATIO else 1


def _is_read(data: bytes) -> bool:
    try:
        extract_text(data)
    except NotADocumentError:
        return False
    return True


def _raw(data: bytes) -> None:
    with pymupdf.open(stream=data) as document:
        for page in document:
            page.get_text("rawdict")


if __name__ == "__main__":
    raise SystemExit(main())
