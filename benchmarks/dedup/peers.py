"""Whole deduplications side by side: documents a second and core, and what they find.

    python -m benchmarks.dedup.peers --peers-python PATH [--documents 20000] [--rounds 3]

PATH is an interpreter that has the tools of ``requirements/peers.in``; those it lacks are left out.
Documents of about 5 kB from Parquet, three in ten a copy of another (a third of these of the same
words, the rest edited to a Jaccard similarity of 0.85, 0.9 or 0.95). Each tool is a process of its
own and runs twice, on a tenth of its documents and on all; the rate is what the rest cost in CPU of
the process and its children, so that loading and compiling are left out; "with start" has them.
Slow tools get fewer documents, to their advantage. Ours is a recipe from foreign Parquet to the
table of marks. Like is compared with like without ingest, which makes documents with ids,
provenance and licences of the input: the others take texts as they lie. Both rates are shown.

What the tools do is not all alike. datatrove also writes the kept documents; rensa and datasketch
are libraries in one process, whose candidates and texts stay in memory. Ours and rensa verify
candidates, datatrove and datasketch take them as they are.

Goals: 100 times datatrove's rate and five times duplodocus', of which 1,089 documents a second and
core were measured on this kind of machine and documents earlier (``minhash-memory --tokenizer
uniseg``, JSONL in and out, 23,160 documents); it is in no registry, and is not run here.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.dedup.corpus import Corpus, Kind, Plan, plant, write
from benchmarks.dedup.recipe_run import DEDUPLICATION_STAGES, make_recipe, read_marks, run_recipe

WORK = Path("runs/benchmarks/dedup_peers")
WORDS = (500, 1500)
OURS = "reasonmill"
SHARES = {
    OURS: 1.0,
    "rensa-rminhash": 1.0,
    "rensa-cminhash": 1.0,
    "datasketch": 0.2,
    "datatrove": 0.03,
}
"""Tool -> share of the documents that it gets."""

PACKAGES = ("rensa", "datasketch", "datatrove")
DUPLODOCUS_RATE = 1_089.0
MIN_OVER_DATATROVE = 100
MIN_OVER_DUPLODOCUS = 5
STAGE_GROUPS = {
    "ingest": ("ingest",),
    "annotate": ("annotate",),
    "deduplication": DEDUPLICATION_STAGES,
}


@dataclass(frozen=True)
class Seen:
    """A tool on a corpus: CPU seconds, and shares of the planted copies that it found."""

    cpu: float
    near: float
    exact: float
    wrong: int
    """Documents lost whose text nobody else has: the last of a pair, or one that has no copy."""

    stages: dict[str, float]


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers-python", metavar="PATH", help="interpreter that has the tools")
    parser.add_argument("--documents", type=int, default=20_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--ours", nargs=2, type=Path, help=argparse.SUPPRESS)
    known = parser.parse_args()
    if known.ours is not None:
        _run_ours(*known.ours)
        return
    shutil.rmtree(WORK, ignore_errors=True)
    tools = [OURS, *_installed(known.peers_python)]
    rounds = defaultdict(list)
    for number in range(known.rounds):
        for tool in tools:
            documents = round(known.documents * SHARES[tool])
            sizes = (documents // 10, documents)
            rounds[tool].append(
                [_measure(tool, size, known.peers_python, seed=number) for size in sizes]
            )
    print(
        f"{'tool':<16}{'documents':>10}{'CPU s':>9}{'docs/s/core':>13}{'with start':>12}"
        f"{'near found':>12}{'exact found':>13}{'wrong':>7}"
    )
    found: dict[str, Any] = {}
    for tool in tools:
        documents = round(known.documents * SHARES[tool])
        found[tool] = figures = _summarize(documents, rounds[tool])
        print(
            f"{tool:<16}{documents:10,}{figures['cpu_seconds']:9.2f}{figures['rate']:13,.0f}"
            f"{figures['rate_with_start']:12,.0f}{figures['near_found']:12.4f}"
            f"{figures['exact_found']:13.4f}{figures['wrong']:7,}"
        )
    _compare(found)
    shutil.rmtree(WORK)
    print(json.dumps(found))


def _compare(found: dict[str, Any]) -> None:
    ours = found[OURS]
    for name, microseconds in ours["stage_microseconds"].items():
        print(f"of ours, {name:<14}{microseconds:8.1f} us a document")
    spent = ours["stage_microseconds"]
    ours["rate_from_documents"] = 1e6 / (spent["annotate"] + spent["deduplication"])
    for name, rate in (("", ours["rate_from_documents"]), (", with ingest", ours["rate"])):
        print(f"ours{name}: {rate:,.0f} documents/s a core", end="")
        if "datatrove" in found:
            over = rate / found["datatrove"]["rate"]
            print(f", {over:.0f}x datatrove (goal: {MIN_OVER_DATATROVE})", end="")
        print(
            f", {rate / DUPLODOCUS_RATE:.1f}x the {DUPLODOCUS_RATE:,.0f} of duplodocus "
            f"(goal: {MIN_OVER_DUPLODOCUS})"
        )


def _summarize(documents: int, rounds: list[list[Seen]]) -> dict[str, Any]:
    extra = documents - documents // 10
    median = statistics.median
    # A round may come out at zero by chance; the clock has no such resolution.
    costs = [max(large.cpu - small.cpu, 1e-3) for small, large in rounds]
    return {
        "documents": documents,
        "cpu_seconds": median(large.cpu for _, large in rounds),
        "rate": median(extra / cost for cost in costs),
        "rates": [extra / cost for cost in costs],
        "rate_with_start": median(documents / large.cpu for _, large in rounds),
        "near_found": median(large.near for _, large in rounds),
        "exact_found": median(large.exact for _, large in rounds),
        "wrong": max(large.wrong for _, large in rounds),
        "stage_microseconds": {
            name: median(
                (large.stages[name] - small.stages[name]) / extra * 1e6 for small, large in rounds
            )
            for name in rounds[0][0].stages
        },
    }


def _measure(tool: str, documents: int, python: str, *, seed: int) -> Seen:
    folder = WORK / f"{documents}-{seed}"
    near = round(documents * 0.2 / 3)
    copies = 3 * near + documents // 10
    plan = Plan(
        drawn=documents - copies,
        near={0.85: near, 0.9: near, 0.95: near},
        exact=documents // 10,
        words=WORDS,
    )
    corpus = plant(plan, seed=seed)
    if not folder.exists():
        write(corpus, folder)
    work = WORK / f"{tool}-{documents}-{seed}"
    if tool == OURS:
        command = [sys.executable, "-m", "benchmarks.dedup.peers", "--ours"]
    else:
        command = [python, "-m", "benchmarks.dedup.peer_drivers", tool]
    before = _children_seconds()
    done = subprocess.run(
        [*command, str(folder), str(work)], check=False, capture_output=True, text=True
    )
    cpu = _children_seconds() - before
    if done.returncode:
        raise SystemExit(f"{tool} on {documents} documents failed:\n{done.stderr[-2000:]}")
    kept = np.zeros(len(corpus), bool)
    kept[np.load(work / "kept.npy")] = True
    stages = json.loads(done.stdout.splitlines()[-1]) if tool == OURS else {}
    shutil.rmtree(work)
    return judge(corpus, kept, cpu=cpu, stages=stages)


def judge(
    corpus: Corpus,
    kept: np.ndarray[Any, np.dtype[np.bool_]],
    *,
    cpu: float,
    stages: dict[str, float],
) -> Seen:
    """Compare the documents kept with what was planted: each original has one copy at most."""
    pairs = {kind: kept[corpus.pairs(kind)] for kind in (Kind.NEAR, Kind.EXACT)}
    found = {kind: float((~both.all(axis=1)).mean()) for kind, both in pairs.items()}
    has_twin = np.zeros(len(corpus), bool)
    has_twin[corpus.pairs(*pairs)] = True
    lost_pairs = sum(int((~both).all(axis=1).sum()) for both in pairs.values())
    wrong = lost_pairs + int((~kept & ~has_twin).sum())
    return Seen(cpu, found[Kind.NEAR], found[Kind.EXACT], wrong, stages)


def _run_ours(corpus: Path, work: Path) -> None:
    """Run the recipe in this process; print CPU seconds by group of stages."""
    found = run_recipe(make_recipe(corpus, work / "run"))
    ranks = read_marks(found).column("dedup.rank").to_numpy()
    np.save(work / "kept.npy", np.flatnonzero(ranks == 0))
    print(json.dumps({name: found.cost(names).cpu for name, names in STAGE_GROUPS.items()}))


def _installed(python: str | None) -> list[str]:
    """The other tools that the interpreter can import; says which it can't."""
    tools = []
    for package in PACKAGES:
        is_found = (
            python is not None
            and not subprocess.run(
                [python, "-c", f"import {package}"], check=False, capture_output=True
            ).returncode
        )
        if not is_found:
            print(f"{package}: not installed")
            continue
        tools += [tool for tool in SHARES if tool.partition("-")[0] == package]
    return tools


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
