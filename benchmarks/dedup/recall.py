"""Recall and precision of deduplication against every pair's exact similarity.

    python -m benchmarks.dedup.recall [--error 0.007] [--seed 1]

Documents are made up, with copies edited towards Jaccard similarities from 0.5 to 0.95, and run
through a recipe. The similarity of every pair of 0.45 or more is computed apart, exactly, over
distinct shingles of five words. Three runs over one corpus:

    exact      threshold 0.8, candidates decided by their shingles (the default)
    signature  threshold 0.8, candidates decided by their signatures' estimate
    curve      threshold 0.4 with the bands and rows of the default: the whole S-curve

A line for each bin of similarity says how many planted pairs it has, the share that merged, the
share that theory expects of just these similarities, and the difference, which shall be at most
0.02. So many pairs are planted that its standard error is at most --error. Precision: pairs of a
similarity below the threshold less 0.05 that became an edge, of all documents, planted or not;
there shall be none with ``verify: exact``.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.dedup.corpus import Corpus, Kind, Plan, plant, write
from benchmarks.dedup.ragged import Numbers
from benchmarks.dedup.recipe_run import (
    RecipeRun,
    are_merged,
    make_recipe,
    read_edges,
    read_marks,
    run_recipe,
)
from benchmarks.dedup.s_curve import Probabilities, expected_exact, expected_signature
from benchmarks.dedup.true_similarity import ShingleIndex, Similarities, index_shingles
from filters.dedup.config import NearDuplicateConfig

WORK = Path("runs/benchmarks/dedup_recall")
THRESHOLD = 0.8
MARGIN = 0.05
"""Below the threshold less this an edge is a false one."""

MAX_DIFFERENCE = 0.02
MIN_JACCARD = 0.45
BINS = np.linspace(0.45, 1.0, 12)
TARGETS = tuple(round(target, 3) for target in np.arange(0.475, 0.99, 0.05))
MIN_PAIRS = 1_500

RUNS: Mapping[str, Mapping[str, Any]] = {
    "exact": {"threshold": THRESHOLD, "verify": "exact"},
    "signature": {"threshold": THRESHOLD, "verify": "signature"},
    "curve": {"threshold": 0.4, "verify": "exact"},
}


@dataclass(frozen=True)
class Bin:
    """Planted pairs of a range of similarities."""

    low: float
    high: float
    pairs: int
    merged: float
    expected: float
    error: float
    """Standard error of ``merged`` if theory holds."""

    @property
    def difference(self) -> float:
        """Share merged less share expected."""
        return self.merged - self.expected


@dataclass(frozen=True, eq=False)
class Truth:
    """What a run is judged by; ``near`` is the default configuration."""

    near: NearDuplicateConfig
    corpus: Corpus
    index: ShingleIndex
    pairs: Numbers
    similarities: Similarities
    """Of all ``pairs`` that are similar, planted or not."""


def main() -> None:
    """Print the tables and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--error", type=float, default=0.007, help="largest standard error wanted")
    parser.add_argument("--seed", type=int, default=1)
    known = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    default = NearDuplicateConfig(threshold=THRESHOLD)
    plan = make_plan(known.error, default)
    corpus = plant(plan, seed=known.seed)
    write(corpus, WORK / "corpus")
    index = index_shingles(corpus.texts())
    pairs, similarities = index.similar_pairs(MIN_JACCARD)
    print(f"{len(corpus):,} documents, {len(pairs):,} pairs of {MIN_JACCARD} or more")
    found = {
        name: judge(name, near, Truth(default, corpus, index, pairs, similarities))
        for name, near in RUNS.items()
    }
    shutil.rmtree(WORK)
    print(json.dumps(found))


def make_plan(error: float, near: NearDuplicateConfig) -> Plan:
    """As many copies of each similarity as bring the standard error down to ``error``.

    A tenth more than the middle of a bin needs, because copies fall into bins beside theirs.
    """
    shape = near.band_shape()
    counts = {}
    for target in TARGETS:
        steepest = np.array([target - 0.025, target, target + 0.025])
        chance = expected_exact(steepest, bands=shape.bands, rows=shape.rows, threshold=0)
        needed = 1.1 * (chance * (1 - chance)).max() / error**2
        counts[target] = max(MIN_PAIRS, int(needed))
    copies = sum(counts.values()) + 1_000
    return Plan(
        drawn=copies + 1_000, near=counts, exact=500, url=500, pages=(50, 20), words=(100, 800)
    )


def judge(name: str, near: Mapping[str, Any], truth: Truth) -> dict[str, Any]:
    """One run: print its table, return its figures."""
    corpus, index = truth.corpus, truth.index
    shape = truth.near.band_shape()
    given = {**near, "bands": shape.bands, "rows": shape.rows}
    found = run_recipe(make_recipe(WORK / "corpus", WORK / "run", near=given))
    expect = partial(
        expected_exact, bands=shape.bands, rows=shape.rows, threshold=near["threshold"]
    )
    if near["verify"] == "signature":
        expect = partial(
            expected_signature, **expect.keywords, permutations=truth.near.permutations
        )
    marks, edges = read_marks(found), near_edges(found)
    planted = corpus.pairs(Kind.NEAR)
    is_edge = contains(edges, planted, len(corpus))
    bins = tabulate(index.jaccard(planted), is_edge, expect)
    print(f"\n{name}: {json.dumps(given)}")
    print(
        f"{'similarity':<12}{'pairs':>8}{'merged':>9}{'expected':>10}{'difference':>12}{'error':>8}"
    )
    for one in bins:
        print(
            f"{one.low:.2f}-{one.high:.2f}   {one.pairs:8,}{one.merged:9.4f}{one.expected:10.4f}"
            f"{one.difference:+12.4f}{one.error:8.4f}"
        )
    worst = max(abs(one.difference) for one in bins)
    false = index.jaccard(edges) < near["threshold"] - MARGIN
    below = index.jaccard(edges) < near["threshold"]
    every = truth.pairs[truth.similarities >= near["threshold"]]
    recall = float(contains(edges, every, len(corpus)).mean())
    others = {kind.name.lower(): are_merged(marks, corpus.pairs(kind)).mean() for kind in OTHERS}
    print(f"largest difference: {worst:.4f} (goal: at most {MAX_DIFFERENCE})")
    print(
        f"edges: {len(edges):,}, of them {below.sum():,} below the threshold, {false.sum():,} "
        f"below it by more than {MARGIN} (goal: none with verify: exact)"
    )
    print(f"all {len(every):,} pairs at or above the threshold, templates included: {recall:.4f}")
    print(", ".join(f"{kind} copies merged: {share:.4f}" for kind, share in others.items()))
    return {
        "bins": [(one.low, one.pairs, one.merged, one.expected) for one in bins],
        "max_difference": worst,
        "edges": len(edges),
        "edges_below_threshold": int(below.sum()),
        "false_edges": int(false.sum()),
        "recall_of_all_pairs": recall,
        **{f"{kind}_merged": float(share) for kind, share in others.items()},
    }


OTHERS = (Kind.EXACT, Kind.URL)


def near_edges(found: RecipeRun) -> Numbers:
    """Pairs that became edges because their texts are similar, the lesser number first."""
    table = read_edges(found)
    table = table.filter(pc.equal(table.column("kind"), pa.scalar("near")))
    return np.column_stack([table.column("left"), table.column("right")])


def contains(edges: Numbers, pairs: Numbers, documents: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each of ``pairs``, in whichever order, is one of ``edges``."""
    pairs = np.sort(pairs, axis=1)
    return np.isin(pairs @ [documents, 1], edges @ [documents, 1])


def tabulate(
    jaccard: Similarities, is_merged: np.ndarray[Any, np.dtype[np.bool_]], expect: Any
) -> list[Bin]:
    """Planted pairs by bin; ``expect`` gives the chance of each from its own similarity."""
    chances: Probabilities = expect(jaccard)
    numbers = np.digitize(jaccard, BINS) - 1
    bins = []
    for number in range(len(BINS) - 1):
        inside = numbers == number
        count = int(inside.sum())
        if not count:
            continue
        chance = chances[inside]
        error = float(np.sqrt((chance * (1 - chance)).sum()) / count)
        low, high = BINS[number], BINS[number + 1]
        bins.append(
            Bin(
                float(low),
                float(high),
                count,
                float(is_merged[inside].mean()),
                float(chance.mean()),
                error,
            )
        )
    return bins


if __name__ == "__main__":
    main()
