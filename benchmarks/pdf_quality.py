"""Quality of the PDF extractor against its goals, on documents with known truth.

    python -m benchmarks.pdf_quality --dataset DIR [--floors] [--out DIR]

DIR holds PDFs, truth.jsonl.gz and score_pdf.py, which says what each figure means; they are no
part of this repository. Prints for each figure, in hundredths, the goal, the floor that
tests/quality holds it to, what was seen, the best of today's CPU tools, and what is seen on the
checks that the scorer can find at all: it takes "|" out of a text before it looks for a sentence
with "|" in it. Exits with status 1 when a goal is missed. With --floors, prints the table of
tests/quality/pdf_floors.py with every floor raised to what was seen; with --out, writes each
document's Markdown there.
"""

import argparse
import gzip
import json
import math
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.scorer import load_scorer
from extractors.extraction import NotADocumentError
from extractors.pdf import extract_text
from tests.quality.pdf_floors import FLOORS

Figures = Mapping[str, Mapping[str, float]]
"""Kind of document -> column of the scorer -> hundredths."""

COLUMNS = {
    "pres": (96, 92), "para": (93, 89), "ord": (96, 91), "head": (95, 93), "foot": (97, 94),
    "cap": (95, 92), "hdr": (97, 95), "pgno": (99, 100), "fsym": (97, 97), "fstr": (90, 79),
    "fsD": (80, 54), "fsI": (97, 96), "ctxt": (95, 73), "cind": (93, 54), "cfen": (90, 61),
    "tab": (97, 98),
}  # fmt: skip
"""Goal, and the best of today's CPU tools on documents of this kind (each of another tool)."""

TWO_COLUMN_KINDS = ("synth2col", "tex2col")
MAX_BELOW_ALL = 4.0
"""How far a figure of documents in two columns may lie below that of all."""

FLOOR_MARGIN = 0.5


def main() -> int:
    """Print the tables and, last, one line of JSON; 0 when every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--floors", action="store_true", help="print raised floors and no more")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the Markdown here")
    known = parser.parse_args()
    seen, findable = measure(known.dataset, out=known.out)
    if known.floors:
        print(raised_floors(seen))
        return 0
    print(f"{'figure':<8}{'goal':>6}{'floor':>7}{'seen':>7}{'best tool':>11}{'findable':>10}")
    missed = []
    for column, (goal, best) in COLUMNS.items():
        value, floor = seen["ALL"][column], FLOORS["ALL"][column]
        reachable = findable["ALL"][column]
        is_met = round(value) >= goal
        print(
            f"{column:<8}{goal:6d}{floor:7.1f}{value:7.1f}{best:11d}{reachable:10.1f}"
            f"{'' if is_met else '  missed'}"
        )
        if not is_met:
            missed.append(column)
    for kind in TWO_COLUMN_KINDS:
        for column in COLUMNS:
            below = seen["ALL"][column] - seen.get(kind, {}).get(column, math.inf)
            if below > MAX_BELOW_ALL:
                print(f"{kind} {column}: {below:.1f} below all")
                missed.append(f"{kind} {column}")
    print(json.dumps({"seen": seen["ALL"], "missed": missed, "is_met": not missed}))
    return 1 if missed else 0


def measure(
    dataset: Path, *, out: Path | None = None
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """The scorer's means over documents, by kind and for ALL; and those of findable checks."""
    scorer = load_scorer(dataset / "score_pdf.py")
    seen: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    findable: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with gzip.open(dataset / "truth.jsonl.gz", "rt") as lines:
        truths = [json.loads(line) for line in lines]
    for truth in truths:
        try:
            text = extract_text((dataset / f"{truth['id']}.pdf").read_bytes())
        except NotADocumentError:  # a scan, without an OCR engine
            text = ""
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{truth['id']}.md").write_text(text)
        checks = [check for check in truth["checks"] if not _is_lost(check)]
        for table, scored in ((seen, truth), (findable, {**truth, "checks": checks})):
            for column, (value, _) in scorer.score_doc(scored, text).items():
                for kind in (truth["kind"], "ALL"):
                    table[kind][column].append(100 * value)
    return _means(seen), _means(findable)


def _is_lost(check: Mapping[str, Any]) -> bool:
    """Whether the scorer looks for a bar where it has removed all bars."""
    texts = [check.get(name) for name in ("text", "before", "after")]
    return check["type"] in ("present", "order", "footnote") and any(
        isinstance(text, str) and "|" in text for text in texts
    )


def _means(table: Mapping[str, Mapping[str, list[float]]]) -> dict[str, dict[str, float]]:
    return {
        kind: {column: sum(values) / len(values) for column, values in row.items()}
        for kind, row in table.items()
    }


def raised_floors(seen: Figures) -> str:
    """Python source of FLOORS for what was seen; no floor that there is becomes easier."""
    lines = ["FLOORS = {"]
    for kind in ("ALL", *TWO_COLUMN_KINDS):
        row = {
            column: max(
                FLOORS.get(kind, {}).get(column, 0.0),
                math.floor(10 * (seen[kind][column] - FLOOR_MARGIN)) / 10,
            )
            for column in COLUMNS
            if column in seen[kind]
        }
        cells = ", ".join(f'"{column}": {value:.1f}' for column, value in row.items())
        lines.append(f'    "{kind}": {{{cells}}},')
    return "\n".join([*lines, "}"])


if __name__ == "__main__":
    sys.exit(main())
