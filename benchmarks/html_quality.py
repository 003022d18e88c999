"""Quality of the page extractor against its goals, on pages with known truth.

    python -m benchmarks.html_quality --dataset DIR [--floors]

DIR holds pages.tar.xz, truth.jsonl.gz and score_html.py, which says what each figure means. They
are no part of this repository, as the pages belong to their sites. Prints for each figure of a
kind of page the goal, the floor that tests/quality holds it to, what was seen and, in brackets,
the best of today's tools; exits with status 1 when a goal is missed. With --floors, prints the
table of tests/quality/html_floors.py with every floor raised to what was seen.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.scorer import load_scorer
from extractors.html import extract_text
from tests.quality.html_floors import FLOORS

Figures = Mapping[str, Mapping[str, float]]
"""Kind of page -> column of the scorer -> value."""

MATH_MARKUPS = {
    "bbcode_tex": 0.98, "codecogs_noalt": 0.97, "data_attr": 0.00, "img_alt": 1.00, "katex": 1.00,
    "latexml_alttext": 0.99, "mathjax2_rendered": 0.96, "mathjax2_script": 1.00,
    "mathjax3_chtml": 0.92, "mathjax3_svg": 0.86, "mathml_annotation": 0.99, "mathml_bare": 0.74,
    "pandoc_span": 1.00, "raw_dollar": 1.00, "raw_paren": 1.00, "se_container": 1.00,
    "wikipedia": 1.00, "wp_latex": 1.00,
}  # fmt: skip
"""Ways in which pages write formulas, with the best tool's f.del."""

CODE_MARKUPS = {
    "br_nbsp": (0.71, 0.97), "figure_hexo": (1.00, 1.00), "github_blob": (0.67, 0.67),
    "hljs_spans": (1.00, 1.00), "line_divs": (0.25, 0.26), "plain_pre": (1.00, 1.00),
    "pre_br": (1.00, 1.00), "pre_code_class": (1.00, 1.00), "prism_linenumbers": (1.00, 1.00),
    "pygments": (1.00, 1.00), "pygments_linenos_table": (1.00, 1.00), "rouge_table": (1.00, 1.00),
    "shiki_lines": (1.00, 1.00), "syntaxhighlighter_divs": (0.92, 0.99),
}  # fmt: skip
"""Ways in which pages write code, with the best tool's c.blk and c.ind."""

GOALS: Figures = {
    "math/*": {"f.del": 0.98, "sh.F": 0.97},
    **{f"math/{markup}": {"f.del": 0.93} for markup in MATH_MARKUPS},
    "realmath": {"f.del": 0.99},
    "code/*": {"c.blk": 0.98, "c.ind": 0.98},
    **{f"code/{markup}": {"c.blk": 0.95, "c.ind": 0.95} for markup in CODE_MARKUPS},
    "realcode": {"c.blk": 0.98, "c.ind": 0.98},
    "docs/*": {
        "sh.F": 0.98, "f.del": 0.98, "c.blk": 0.98, "c.ind": 0.98, "t.row": 0.93, "head": 0.95,
    },
    "article/scrapinghub": {"sh.F": 0.970},
    "article/multilang": {"sh.F": 0.92},
    "forum/multilang": {"sh.F": 0.80},
    "web/*": {"sh.F": 0.80, "t.row": 0.93, "head": 0.85, "must": 0.85, "boil": 0.06},
    "web/article": {"sh.F": 0.92},
    "web/forum": {"sh.F": 0.82},
    "web/documentation": {"sh.F": 0.92, "c.blk": 0.98, "c.ind": 0.98},
    "web/product": {"sh.F": 0.604},
    "web/listing": {"sh.F": 0.603},
    "web/collection": {"sh.F": 0.514},
    "web/service": {"sh.F": 0.791},
}  # fmt: skip
"""What the extractor is to reach: at least, and at most for LOWER_IS_BETTER."""

BEST_TOOL: Figures = {
    "math/*": {"f.del": 0.895, "sh.F": 0.938},
    **{f"math/{markup}": {"f.del": best} for markup, best in MATH_MARKUPS.items()},
    "realmath": {"f.del": 0.999},
    "code/*": {"c.blk": 0.830, "c.ind": 0.854},
    **{f"code/{markup}": {"c.blk": b, "c.ind": i} for markup, (b, i) in CODE_MARKUPS.items()},
    "realcode": {"c.blk": 1.000, "c.ind": 1.000},
    "docs/*": {
        "sh.F": 0.978, "f.del": 0.839, "c.blk": 0.978, "c.ind": 0.993, "t.row": 0.819,
        "head": 0.999,
    },
    "article/scrapinghub": {"sh.F": 0.967},
    "article/multilang": {"sh.F": 0.915},
    "forum/multilang": {"sh.F": 0.722},
    "web/*": {"sh.F": 0.717, "t.row": 0.608, "head": 0.760, "must": 0.821, "boil": 0.045},
    "web/article": {"sh.F": 0.925},
    "web/forum": {"sh.F": 0.764},
    "web/documentation": {"sh.F": 0.891, "c.blk": 0.969, "c.ind": 0.900},
    "web/product": {"sh.F": 0.627},
    "web/listing": {"sh.F": 0.603},
    "web/collection": {"sh.F": 0.514},
    "web/service": {"sh.F": 0.791},
}  # fmt: skip
"""The best figure of any one of trafilatura 2.3.1, Resiliparse 2.0.1, openwebmath-text-extract
0.1.3, magic-html, defuddle 0.19.4, readability 0.6, jusText 3.0.2 and boilerpy3 1.0.7: of each
line another tool's. Measured by the same scorer on at most 25 pages of a kind."""

LOWER_IS_BETTER = frozenset({"boil"})

FLOOR_MARGIN = 0.003
"""A floor stands this far from what was seen: room for a changed tie, not for a lost page."""


def main() -> int:
    """Print a table and, last, one line of JSON; 0 when every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--floors", action="store_true", help="print raised floors and no more")
    known = parser.parse_args()
    seen = measure(known.dataset)
    if known.floors:
        print(raised_floors(seen))
        return 0
    print(f"{'kind':<28}{'figure':<8}{'goal':>6}{'floor':>7}{'seen':>7}  best tool")
    missed = []
    for kind, column, goal in lines_of(GOALS):
        value = seen[kind][column]
        is_met = is_within(column, value, goal)
        print(
            f"{kind:<28}{column:<8}{goal:6.3f}{FLOORS[kind][column]:7.3f}{value:7.3f}"
            f"  ({BEST_TOOL[kind][column]:.3f}){'' if is_met else '  missed'}"
        )
        if not is_met:
            missed.append(f"{kind} {column}")
    num_goals = sum(map(len, GOALS.values()))
    print(f"{num_goals - len(missed)} of {num_goals} goals met")
    found = {f"{kind} {column}": seen[kind][column] for kind, column, _ in lines_of(GOALS)}
    print(json.dumps({"seen": found, "missed": missed, "is_met": not missed}))
    return 1 if missed else 0


def measure(dataset: Path) -> dict[str, dict[str, float]]:
    """The scorer's table for our extractor: every kind, and every group of kinds as ``web/*``."""
    scorer = load_scorer(dataset / "score_html.py")
    table: dict[str, dict[str, float]] = scorer.table(
        scorer.run(str(dataset), extract_text, rouge=False)
    )
    return table


def lines_of(figures: Figures) -> list[tuple[str, str, float]]:
    """(kind, column, value) of each figure, in order."""
    return [(kind, column, value) for kind, row in figures.items() for column, value in row.items()]


def is_within(column: str, seen: float, bound: float) -> bool:
    """Whether what was seen keeps to a goal or floor."""
    return seen <= bound if column in LOWER_IS_BETTER else seen >= bound


def raised_floors(seen: Figures) -> str:
    """Python source of FLOORS for what was seen; no floor that there is becomes easier."""
    lines = ["FLOORS = {"]
    for kind, goals in GOALS.items():
        row = {column: _floor(kind, column, seen[kind][column]) for column in goals}
        cells = ", ".join(f'"{column}": {value:.3f}' for column, value in row.items())
        lines.append(f'    "{kind}": {{{cells}}},')
    return "\n".join([*lines, "}"])


def _floor(kind: str, column: str, seen: float) -> float:
    present = FLOORS.get(kind, {}).get(column)
    if column in LOWER_IS_BETTER:
        floor = math.ceil((seen + FLOOR_MARGIN) * 1000) / 1000
        return floor if present is None else min(present, floor)
    floor = math.floor((seen - FLOOR_MARGIN) * 1000) / 1000
    return floor if present is None else max(present, floor)


if __name__ == "__main__":
    sys.exit(main())
