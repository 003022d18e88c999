"""One corpus deduplicated on several runners and in several layouts: are the tables the same?

    python -m benchmarks.dedup.runners [--documents 4000] [--prism PATH]

Everything is compared with Beam's in-process runner on one thread: the bytes of every table of
both stages and their manifests, on four threads, on Prism, on Flink, with other sizes of
partitions, and with the input files listed in another order. Where the documents lie in other
shards, the marks of every document are compared instead. Exits 1 on a difference.

Prism is looked for on the PATH (`go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0`);
Flink needs Java and Maven, as `make demo-flink` does. What is missing is said, and fails.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from benchmarks.dedup.related_corpus import NUM_FILES, write_corpus
from deploy.flink.demo import fetch_jars, flink_options
from pipeline.config import Recipe, parse_recipe
from pipeline.run import LOCAL_RUNNER, read_run, run, scoped_rules
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms import corpus as corpus_module
from pipeline.transforms import deduplicate, exchange
from pipeline.transforms.dedup_index import compare_with
from pipeline.transforms.deduplicate import deduplicate_stage
from pipeline.transforms.duplicate_pairs import pairs_stage
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.stage import Finished, Stage, run_stage

WORK = Path("runs/benchmarks/dedup_runners")
RECIPE = Path("recipes/demo.yaml")
SPLIT_BYTES = 200_000
OTHER_SPLIT_BYTES = 70_000
STAGES = ("duplicate-pairs", "deduplicate")
LAST_STAGE = STAGES[-1]

IN_PROCESS = f"--runner={LOCAL_RUNNER}"


@dataclass(frozen=True)
class Variant:
    """A way to run the recipe; ``keeps_layout`` where every document lies where it did."""

    options: tuple[str, ...] = (IN_PROCESS,)
    split_bytes: int = SPLIT_BYTES
    is_shuffled: bool = False
    has_small_parts: bool = False

    @property
    def keeps_layout(self) -> bool:
        """Whether every document lies in the shard and row it has in the reference."""
        return self.split_bytes == SPLIT_BYTES


REFERENCE = "in process, 1 thread"

VARIANTS = {
    REFERENCE: Variant(),
    "in process, 4 threads": Variant(
        (IN_PROCESS, "--direct_running_mode=multi_threading", "--direct_num_workers=4")
    ),
    "small partitions": Variant(has_small_parts=True),
    "files in other order": Variant(is_shuffled=True),
    "other shards": Variant(split_bytes=OTHER_SPLIT_BYTES),
    "Prism": Variant(("--runner=PrismRunner",)),
    "Flink": Variant(("--runner=PortableRunner",)),
}


def main() -> int:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=4000)
    parser.add_argument("--prism", default=shutil.which("prism"), help="Prism's program")
    parser.add_argument("--one", choices=VARIANTS, help=argparse.SUPPRESS)
    known, options_of_one = parser.parse_known_args()
    if known.one is not None:
        print(json.dumps(_run_one(known.one, options_of_one)))
        return 0
    parser.parse_args()  # refuses what is unknown
    shutil.rmtree(WORK, ignore_errors=True)
    write_corpus(WORK / "corpus", num_documents=known.documents)
    found: dict[str, dict[str, Any]] = {}
    print(f"{'':<24}{'pairs s':>9}{'clusters s':>12}{'CPU s':>8}{'files':>7}  same?")
    for name, variant in VARIANTS.items():
        with _runner_options(name, variant, known.prism) as options:
            one = {"is_same": False, "difference": "not installed"}
            if options is not None:
                one = _measure(name, options)
                one |= _compare(name)
        found[name] = one
        if options is not None:
            print(
                f"{name:<24}{one['seconds'][STAGES[0]]:9.1f}{one['seconds'][STAGES[1]]:12.1f}"
                f"{one['cpu_seconds']:8.1f}{one['files']:7}",
                end="",
            )
        else:
            print(f"{name:<60}", end="")
        print(f"  {'yes' if one['is_same'] else one['difference']}", flush=True)
    is_met = all(one["is_same"] for one in found.values())
    print(json.dumps({"documents": known.documents, "runs": found, "is_met": is_met}))
    return 0 if is_met else 1


@contextmanager
def _runner_options(
    name: str, variant: Variant, prism: str | None
) -> Iterator[tuple[str, ...] | None]:
    """Options of the variant's runner while that is up; None where it is not installed."""
    if name == "Prism":
        yield None if prism is None else (*variant.options, f"--prism_location={prism}")
    elif name == "Flink":
        if fetch_jars():
            with flink_options() as options:
                yield tuple(options)
        else:
            yield None
    else:
        yield variant.options


def _measure(name: str, options: tuple[str, ...]) -> dict[str, Any]:
    """Run a variant in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.dedup.runners", "--one", name, *options]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{name} failed:\n{ended.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return measured


def _folder(name: str) -> Path:
    return WORK / name.replace(",", "").replace(" ", "-").lower()


def _recipe(name: str) -> Recipe:
    variant = VARIANTS[name]
    value = yaml.safe_load(RECIPE.read_text())
    del value["deduplicate"]["max_duplicate_ratio_of"]  # of sources that are not read here
    files = [str(WORK / "corpus" / f"part-{number:02d}.parquet") for number in range(NUM_FILES)]
    if variant.is_shuffled:
        random.Random(1).shuffle(files)  # noqa: S311 - variety, not secrecy
    value["sources"] = {"web": {"format": "parquet", "paths": files}}
    value["output"] = str(_folder(name))
    value["split_bytes"] = variant.split_bytes
    value["deduplicate"]["large_clusters"] = {"max_documents": 100}
    return parse_recipe(value, name=str(RECIPE))


def _run_one(name: str, options: list[str]) -> dict[str, Any]:
    """Run the recipe in this process, and say what both stages took."""
    seconds: dict[str, float] = {}
    cpu_seconds: dict[str, float] = {}

    @contextmanager
    def watch(stage: Stage, folder: StageFolder) -> Iterator[None]:
        del folder
        started, cpu_started = time.monotonic(), _cpu_seconds()
        yield
        seconds[stage.name] = time.monotonic() - started
        cpu_seconds[stage.name] = _cpu_seconds() - cpu_started

    recipe = _recipe(name)
    if VARIANTS[name].has_small_parts:
        _run_in_small_parts(recipe, options, watch)
    else:
        run(recipe, beam_options=options, watch=watch, until=LAST_STAGE)
    return {"seconds": seconds, "cpu_seconds": sum(cpu_seconds[stage] for stage in STAGES)}


def _run_in_small_parts(recipe: Recipe, options: list[str], watch: Any) -> None:
    """The same with every size that must not matter much smaller, and all shards in one task."""
    documents, measures = run(recipe, beam_options=options, until="annotate")
    exchange.BLOCK_BYTES, exchange.READ_BYTES, exchange.MIN_READ_ROWS = 1 << 16, 1 << 16, 1
    corpus_module.MIN_GROUPS = 1
    deduplicate.ROUNDS = 1
    config = recipe.deduplicate
    compared = compare_with([], documents, measures, config)

    def do(stage: Stage) -> Finished:
        with watch(stage, stage.folder(recipe.output)):
            return run_stage(stage, recipe.output, options, max_failed_ratio=0)

    pairs = do(pairs_stage(compared, config, partition_entries=5000))
    do(deduplicate_stage(compared.corpus, pairs, config, scoped_rules(recipe), partition_nodes=100))


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _compare(name: str) -> dict[str, Any]:
    """What of a variant differs from the reference, the first of it if anything does."""
    expected, found = (_stages(one) for one in (REFERENCE, name))
    if not VARIANTS[name].keeps_layout:
        is_same = _marks(found) == _marks(expected)
        return {"is_same": is_same, "files": 0, "difference": "" if is_same else "marks differ"}
    files = {stage: _digests(finished) for stage, finished in found.items()}
    different = [
        f"{stage}/{file}"
        for stage, finished in expected.items()
        for file, digest in _digests(finished).items()
        if files[stage].get(file) != digest
    ]
    return {
        "is_same": not different,
        "files": sum(map(len, files.values())),
        "difference": f"{len(different)} files differ: {different[0]}" if different else "",
    }


def _stages(name: str) -> dict[str, Finished]:
    folder = _folder(name)
    if VARIANTS[name].has_small_parts:  # the record ends where `run` was left
        manifests = [*folder.glob("d*/*/manifest.json")]
        folders = [StageFolder(str(path.parent)) for path in manifests]
        finished = [Finished(one, one.require_manifest()) for one in folders]
    else:
        _, finished = read_run(str(folder))
    return {one.manifest.stage: one for one in finished if one.manifest.stage in STAGES}


def _digests(finished: Finished) -> dict[str, str]:
    """SHA-256 of every file that the manifest names, and of what it says itself.

    Identities are left out: that of the first stage covers the recipe's list of files.
    """
    folder, manifest = finished.folder, finished.manifest
    names = [entry.name for entries in manifest.outputs.values() for entry in entries]
    digests = {name: sha256(Path(folder.locate(name)).read_bytes()).hexdigest() for name in names}
    said = replace(manifest, identity="", inputs={})
    return digests | {"manifest.json": said.digest()}


def _marks(stages: dict[str, Finished]) -> dict[str, dict[str, Any]]:
    finished = stages[LAST_STAGE]
    return {
        row["id"]: row
        for entry in finished.manifest.shards(MARKS)
        for row in pq.read_table(finished.folder.locate(entry.name)).to_pylist()
    }


if __name__ == "__main__":
    sys.exit(main())
