"""Pages a second and core: our page extractor beside Resiliparse and trafilatura.

    python -m benchmarks.html_speed [--dataset DIR] [--passes 5]

All read the same pages in one process, a pass each in turn, so that a busy machine slows all of
them; a figure is the median pass in process CPU time, after a warm-up. trafilatura, which takes a
tenth of a second a page, gets one pass. Each is given bytes and gives text: Resiliparse is charged
for finding the charset, which the others do themselves.

The pages: with --dataset (a folder with pages.tar.xz and truth.jsonl.gz), 60 of the kinds web/*,
docs/*, article/* and forum/*, 15 evenly spaced of each; else those of the demo corpus.
"""

import argparse
import gzip
import json
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import trafilatura
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from extractors.html import extract_text

WEB = Path("examples/corpus/web")
GROUPS = ("web", "docs", "article", "forum")
PAGES_PER_GROUP = 15
PASSES = 5


@dataclass(frozen=True)
class Page:
    """What an extractor is given."""

    payload: bytes
    url: str


@dataclass(frozen=True)
class Tool:
    """An extractor, and in how many passes it is measured (None: as many as asked for)."""

    name: str
    extract: Callable[[Page], str | None]
    passes: int | None = None


def _ours(page: Page) -> str | None:
    return extract_text(page.payload, page.url)


def _resiliparse(page: Page) -> str | None:
    html = bytes_to_str(page.payload, detect_encoding(page.payload) or "utf-8")
    return str(extract_plain_text(html, main_content=True))


def _trafilatura(page: Page) -> str | None:
    text: str | None = trafilatura.extract(page.payload, url=page.url)
    return text


def _trafilatura_fast(page: Page) -> str | None:
    text: str | None = trafilatura.extract(page.payload, url=page.url, fast=True)
    return text


TOOLS = (
    Tool("reasonmill", _ours),
    Tool("resiliparse", _resiliparse),
    Tool("trafilatura_fast", _trafilatura_fast, passes=1),
    Tool("trafilatura", _trafilatura, passes=1),
)


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, metavar="DIR")
    parser.add_argument("--passes", type=int, default=PASSES, metavar="N")
    known = parser.parse_args()
    pages = _warc_pages() if known.dataset is None else _sample(known.dataset)
    num_bytes = sum(len(page.payload) for page in pages)
    print(f"{len(pages)} pages, {num_bytes / 1e6:.1f} MB")
    seconds = {tool.name: statistics.median(found) for tool, found in _measure(pages, known.passes)}
    speeds = {name: len(pages) / taken for name, taken in seconds.items()}
    print(f"{'extractor':<18}{'pages/s':>9}{'MB/s':>7}{'ours is':>10}")
    for name, speed in speeds.items():
        ratio = speeds["reasonmill"] / speed
        print(f"{name:<18}{speed:9.1f}{num_bytes / seconds[name] / 1e6:7.1f}{ratio:9.2f}x")
    ratios = {
        name: speeds["reasonmill"] / speed for name, speed in speeds.items() if name != "reasonmill"
    }
    print(json.dumps({"pages": len(pages), "pages_per_second": speeds, "ours_per_theirs": ratios}))


def _measure(pages: Sequence[Page], passes: int) -> Iterator[tuple[Tool, list[float]]]:
    """Each tool with the CPU seconds of its passes over ``pages``."""
    taken: dict[str, list[float]] = {tool.name: [] for tool in TOOLS}
    for number in range(-1, passes):  # the first one warms up
        for tool in TOOLS:
            is_warm_up = number < 0
            if not is_warm_up and number >= (tool.passes or passes):
                continue
            started = time.process_time()
            # A few pages load what is loaded late; a pass of trafilatura takes too long for that.
            for page in pages[:3] if is_warm_up and tool.passes else pages:
                tool.extract(page)
            if not is_warm_up:
                taken[tool.name].append(time.process_time() - started)
    for tool in TOOLS:
        yield tool, taken[tool.name]


def _sample(dataset: Path) -> list[Page]:
    """Evenly spaced pages of each group, in the order of truth.jsonl.gz."""
    by_group: dict[str, list[dict[str, str]]] = {group: [] for group in GROUPS}
    with gzip.open(dataset / "truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            truth = json.loads(line)
            group = truth["kind"].partition("/")[0]
            if group in by_group:
                by_group[group].append(truth)
    chosen = {
        truth["id"]: truth["url"]
        for rows in by_group.values()
        for truth in (rows[k * len(rows) // PAGES_PER_GROUP] for k in range(PAGES_PER_GROUP))
    }
    found = {}
    with tarfile.open(dataset / "pages.tar.xz", "r:xz") as archive:
        for member in archive:
            name = PurePosixPath(member.name).stem
            if name in chosen and (file := archive.extractfile(member)) is not None:
                found[name] = file.read()
    return [Page(found[name], url) for name, url in chosen.items()]


def _warc_pages() -> list[Page]:
    """Every HTML response of the demo corpus."""
    pages = []
    for path in sorted(WEB.glob("*.warc.gz")):
        with path.open("rb") as file:
            for record in ArchiveIterator(
                file, record_types=WarcRecordType.response, auto_decode="all"
            ):
                if record.http_content_type == "text/html":
                    url = record.headers["WARC-Target-URI"]
                    pages.append(Page(record.reader.read(), url))
    return pages


if __name__ == "__main__":
    main()
