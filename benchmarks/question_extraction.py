"""Precision and recall of the question-answer extraction, on pages with a truth made by hand.

    python -m benchmarks.question_extraction --dataset DIR

DIR holds pages.tar.xz and truth.jsonl.gz; the pages are no part of this repository, as they belong
to their sites. tests/quality/question_pages.json names for each forum page the first words of the
answers that a reader would take (none where the first turn asks nothing, or nobody answers), and
for each page whose headings ask, the headings that are no questions. A pair of a thread is right
when its answer begins so. All of the pages were in sight while the rules were written, so the
figures are those of development pages. Each miss and each wrong pair is printed.
"""

import argparse
import gzip
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from extractors.html import extract_text
from synth.questions.extraction import extract_questions

TRUTH = Path(__file__).parents[1] / "tests" / "quality" / "question_pages.json"

_HEADING = re.compile(r"^#+ (?:\d+\. )?(.+[?\uff1f]) *$", re.MULTILINE)


@dataclass
class Counts:
    """Pairs of one kind of page; ``notes`` say what was wrong or missed."""

    found: int = 0
    right: int = 0
    wanted: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of what there is that was found."""
        return self.right / self.wanted if self.wanted else 0.0


def measure(dataset: Path) -> dict[str, Counts]:
    """Counts of ``threads`` and of ``headings``."""
    truth = json.loads(TRUTH.read_text(encoding="utf-8"))
    counts = {kind: Counts() for kind in truth}
    names = {name: kind for kind, pages in truth.items() for name in pages}
    with gzip.open(dataset / "truth.jsonl.gz", "rt", encoding="utf-8") as rows:
        addresses = {row["id"]: row["url"] for row in map(json.loads, rows)}
    for name, html in _pages(dataset / "pages.tar.xz", set(names)):
        kind = names[name]
        count = _headings if kind == "headings" else _threads
        count(name, extract_text(html, addresses[name]), truth[kind][name], counts[kind])
    return counts


def _pages(archive: Path, names: set[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as pages:
        for member in pages:
            name = Path(member.name).stem
            if name in names and (file := pages.extractfile(member)) is not None:
                yield name, file.read()


def _threads(name: str, text: str, answers: list[str], counts: Counts) -> None:
    pairs = extract_questions(text)
    counts.wanted += bool(answers)
    counts.found += len(pairs)
    starts = [_plain(answer) for answer in answers]
    is_right = [any(_plain(pair.answer).startswith(start) for start in starts) for pair in pairs]
    counts.right += any(is_right)
    counts.notes += [
        f"{name}: wrong: {pair.answer[:60]!r}"
        for pair, right in zip(pairs, is_right, strict=True)
        if not right
    ]
    if answers and not pairs:
        counts.notes.append(f"{name}: missed: {answers[0]!r}")


def _headings(name: str, text: str, others: list[str], counts: Counts) -> None:
    asked = {
        _plain(heading)
        for heading in _HEADING.findall(text.partition("\n")[2])
        if not any(heading.startswith(other) for other in others)
    }
    found = [pair.question for pair in extract_questions(text)]
    right = {_plain(question) for question in found} & asked
    counts.wanted += len(asked)
    counts.found += len(found)
    counts.right += len(right)
    counts.notes += [f"{name}: wrong: {one[:60]!r}" for one in found if _plain(one) not in asked]
    counts.notes += [f"{name}: missed: {one!r}" for one in sorted(asked - right)]


def _plain(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--dataset", type=Path, required=True, help="folder of the pages")
    counts = measure(parser.parse_args().dataset)
    for kind, count in counts.items():
        print("\n".join(count.notes))
        print(
            f"{kind}: precision {count.precision:.3f}, recall {count.recall:.3f} "
            f"({count.right} right of {count.found} found, {count.wanted} wanted)\n"
        )


if __name__ == "__main__":
    main()
