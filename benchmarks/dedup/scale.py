"""Does ten times the documents take ten times as long, and how much memory does it take?

    python -m benchmarks.dedup.scale [--documents 20000] [--rows 100000,1000000] [--rounds 3]

First short documents through a recipe, at a size and at ten times that: CPU and wall time of the
stages that find duplicates, ingest and annotate left out, medians of the rounds. The goal is a
ratio of at most 11; what the stages take on two documents is shown, and the ratio without it.

Then these stages alone on tables of made-up signatures (30% duplicates in small clusters, a giant
cluster, a chain, and one band that a hundredth of all rows shares): wall and CPU seconds, the peak
memory of the process, and the duplicates found of those planted. Candidates are decided by their
signatures there, for want of texts. A row takes 0.5 kB of disk.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from benchmarks.dedup.corpus import Plan, plant, write
from benchmarks.dedup.measures_tables import plan_families, write_measures
from benchmarks.dedup.recipe_run import (
    DEDUPLICATION_STAGES,
    MARKS,
    Stopwatch,
    make_recipe,
    read_output,
    run_recipe,
)
from filters.dedup.config import DeduplicateConfig, NearDuplicateConfig
from pipeline.run import local_options
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.dedup_index import compare_with
from pipeline.transforms.deduplicate import deduplicate_stage
from pipeline.transforms.duplicate_pairs import pairs_stage
from pipeline.transforms.stage import Finished, run_stage

WORK = Path("runs/benchmarks/dedup_scale")
WORDS = (60, 120)
FACTOR = 10
MAX_RATIO = 11
CONFIG = DeduplicateConfig(near=NearDuplicateConfig(verify="signature"), max_duplicate_ratio=1.0)


def main() -> None:
    """Print two tables and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=20_000, metavar="N")
    parser.add_argument("--rows", default="100000,1000000", help="sizes of the tables")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    known = parser.parse_args()
    if known.one is not None:
        what, folder = known.one
        print(json.dumps(ONE[what](Path(folder))))
        return
    shutil.rmtree(WORK, ignore_errors=True)
    found: dict[str, Any] = {"documents": _compare_documents(known.documents, known.rounds)}
    print(
        f"{'rows':<12}{'wall s':>9}{'CPU s':>9}{'us a row':>10}{'start MB':>10}{'peak MB':>9}"
        f"{'found of planted':>20}"
    )
    found["rows"] = [_measure_rows(int(rows)) for rows in known.rows.split(",")]
    shutil.rmtree(WORK)
    print(json.dumps(found))


def run_stages(measures: Finished, run: str) -> list[Finished]:
    """The stages that find duplicates, on a finished table of measures."""
    compared = compare_with((), measures, measures, CONFIG)  # no text is asked for
    found = [run_stage(pairs_stage(compared, CONFIG), run, local_options(), max_failed_ratio=0)]
    marks = deduplicate_stage(compared.corpus, found[0], CONFIG, ())
    return [*found, run_stage(marks, run, local_options(), max_failed_ratio=0)]


def _compare_documents(documents: int, rounds: int) -> dict[str, Any]:
    sizes = (2, documents, documents * FACTOR)
    for size in sizes:
        near = size // 10
        plan = Plan(drawn=size - 2 * near, near={0.9: near}, exact=near, words=WORDS)
        write(plant(plan, seed=size), WORK / f"documents-{size}" / "corpus")
    seen: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    for _ in range(rounds):
        for size in sizes:
            seen[size].append(_child("documents", WORK / f"documents-{size}"))
    print(f"{'documents':<12}{'CPU s':>9}{'wall s':>9}{'us a document':>15}")
    medians = {}
    for size in sizes:
        medians[size] = {
            clock: statistics.median(one[clock] for one in seen[size]) for clock in ("cpu", "wall")
        }
        cpu, wall = medians[size]["cpu"], medians[size]["wall"]
        print(f"{size:<12,}{cpu:9.2f}{wall:9.2f}{cpu / size * 1e6:15.1f}")
    start, small, large = (medians[size] for size in sizes)
    ratios = {clock: large[clock] / small[clock] for clock in small}
    apart = {
        clock: (large[clock] - start[clock]) / (small[clock] - start[clock]) for clock in small
    }
    print(
        f"{FACTOR} times the documents: CPU {ratios['cpu']:.2f}x, wall {ratios['wall']:.2f}x "
        f"(goal: at most {MAX_RATIO}); without start {apart['cpu']:.2f}x, {apart['wall']:.2f}x\n"
    )
    return {"seconds": medians, "ratio": ratios, "ratio_without_start": apart}


def _measure_rows(rows: int) -> dict[str, Any]:
    folder = WORK / f"rows-{rows}"
    families = plan_families(rows)
    write_measures(str(folder), families, CONFIG)
    planted = families.duplicates
    del families
    found = _child("rows", folder)
    shutil.rmtree(folder)
    found |= {"rows": rows, "planted": planted}
    share = f"{found['duplicates']:,.0f} / {planted:,}"
    print(
        f"{rows:<12,}{found['wall']:9.1f}{found['cpu']:9.1f}{found['cpu'] / rows * 1e6:10.1f}"
        f"{found['start_bytes'] / 1e6:10.0f}{found['peak_bytes'] / 1e6:9.0f}{share:>20}",
        flush=True,
    )
    return found


def _child(what: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.dedup.scale", "--one", what, str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{what} in {folder} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _run_documents(folder: Path) -> dict[str, float]:
    """Find duplicates anew; what ingest and annotate have written stays."""
    for name in DEDUPLICATION_STAGES:
        shutil.rmtree(folder / "run" / name, ignore_errors=True)
    found = run_recipe(make_recipe(folder / "corpus", folder / "run"))
    return found.cost(DEDUPLICATION_STAGES)._asdict()


def _run_rows(folder: Path) -> dict[str, float]:
    given = StageFolder.of(str(folder), "annotate", "made")
    measures = Finished(given, given.require_manifest())
    start_bytes = _status_bytes("VmRSS")
    watch = Stopwatch()
    stages = run_stages(measures, str(folder))
    cost = watch.read()
    peak_bytes = _status_bytes("VmHWM")
    ranks = read_output(stages[-1], MARKS, ["dedup.rank"]).column(0)
    return {
        **cost._asdict(),
        "start_bytes": start_bytes,
        "peak_bytes": peak_bytes,
        "duplicates": pc.sum(pc.greater(ranks, 0)).as_py() or 0,
    }


ONE = {"documents": _run_documents, "rows": _run_rows}


def _status_bytes(field: str) -> int:
    """A size of this process as Linux states it: ``VmRSS`` now, ``VmHWM`` at its largest."""
    lines: Sequence[str] = Path("/proc/self/status").read_text().splitlines()
    values = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(values[0]) * 1024


if __name__ == "__main__":
    main()
