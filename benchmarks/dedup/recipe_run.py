"""Deduplication as a user has it: a recipe over Parquet files, run, and its tables read back."""

import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks.dedup.corpus import ROWS_PER_FILE
from benchmarks.dedup.ragged import Numbers
from pipeline.config import Recipe, parse_recipe
from pipeline.run import run
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.transforms.stage import Finished, Stage

DEDUPLICATION_STAGES = ("duplicate-pairs", "deduplicate")
MARKS, EDGES, DOCUMENTS = "dedup", "edges", "documents"

_SHARD_BITS = np.uint64(32)
_ROW_MASK = np.uint64(0xFFFFFFFF)


class Cost(NamedTuple):
    """Seconds; CPU is that of this process and of the children that have ended."""

    cpu: float
    wall: float


class Stopwatch:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._begin = _now()

    def read(self) -> Cost:
        """What has been spent since."""
        now = _now()
        return Cost(now.cpu - self._begin.cpu, now.wall - self._begin.wall)


@dataclass(frozen=True)
class RecipeRun:
    """The finished stages by name, in order, what each took, and what the whole call took."""

    stages: Mapping[str, Finished]
    costs: Mapping[str, Cost]
    total: Cost

    def cost(self, names: Sequence[str]) -> Cost:
        """What the named stages took together; one that is not there took nothing."""
        found = [self.costs[name] for name in names if name in self.costs]
        return Cost(sum(one.cpu for one in found), sum(one.wall for one in found))


def make_recipe(corpus: Path, output: Path, *, near: Mapping[str, Any] | None = None) -> Recipe:
    """Read ``corpus/part-*.parquet``, mark duplicates of all kinds; ``near`` as in a recipe.

    Nothing but the sketches is measured.
    """
    value = {
        "name": "deduplication",
        "output": str(output),
        "sources": {"made": {"format": "parquet", "paths": [f"{corpus}/part-*.parquet"]}},
        "split_bytes": 16 << 20,
        "annotate": dict.fromkeys(("language", "prose", "content", "tagger")),
        "deduplicate": {"near": dict(near or {}), "max_duplicate_ratio": 1.0},
        "mixture": {
            "seed": 0,
            "stages": [
                {
                    "name": "all",
                    "sequence_tokens": 8192,
                    "components": [{"name": "all", "epochs": 1}],
                }
            ],
        },
    }
    return parse_recipe(value, name=__name__)


def run_recipe(recipe: Recipe, *, beam_options: Sequence[str] = ()) -> RecipeRun:
    """Run up to the marks; stages that are there already are not run again."""
    costs: dict[str, Cost] = {}

    @contextmanager
    def watch(stage: Stage, folder: StageFolder) -> Iterator[None]:
        del folder
        inner = Stopwatch()
        yield
        costs[stage.name] = inner.read()

    whole = Stopwatch()
    finished = run(recipe, beam_options=beam_options, watch=watch, until=DEDUPLICATION_STAGES[-1])
    return RecipeRun({one.manifest.stage: one for one in finished}, costs, whole.read())


def read_marks(found: RecipeRun) -> pa.Table:
    """The ``dedup`` table in the order of the corpus."""
    numbers = np.concatenate([*_numbers_by_shard(found).values()])
    stage = found.stages[DEDUPLICATION_STAGES[-1]]
    return read_output(stage, MARKS).take(pa.array(np.argsort(numbers)))


def read_edges(found: RecipeRun) -> pa.Table:
    """Pairs of the ``edges`` table as ``left``, ``right`` (document numbers), ``kind``."""
    numbers = _numbers_by_shard(found)
    sizes = [len(numbers[shard]) for shard in sorted(numbers)]
    first_of = np.cumsum([0, *sizes])
    all_numbers = np.concatenate([numbers[shard] for shard in sorted(numbers)])
    table = read_output(found.stages[DEDUPLICATION_STAGES[0]], EDGES)
    ends = []
    for name in ("first", "second"):
        references = table.column(name).to_numpy()
        rows = first_of[(references >> _SHARD_BITS).astype(np.int64)]
        ends.append(all_numbers[rows + (references & _ROW_MASK).astype(np.int64)])
    pairs = np.sort(np.column_stack(ends), axis=1)
    return pa.table({"left": pairs[:, 0], "right": pairs[:, 1], "kind": table.column("kind")})


def read_output(stage: Finished, output: str, columns: Sequence[str] | None = None) -> pa.Table:
    """All shards of an output, in order."""
    count = stage.num_shards(output)
    paths = [stage.folder.table(output, shard, count) for shard in range(count)]
    tables = [[*read_table(path, columns=columns)] for path in paths]
    return pa.concat_tables([pa.Table.from_batches(batches) for batches in tables if batches])


def are_merged(marks: pa.Table, pairs: Numbers) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether the two documents of each pair are in one cluster."""
    clusters = marks.column("dedup.cluster_id").combine_chunks().dictionary_encode()
    # A null index becomes a number of its own, which is equal to no other.
    codes = clusters.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    left, right = codes[pairs[:, 0]], codes[pairs[:, 1]]
    return np.asarray((left == right) & (left >= 0))


def _numbers_by_shard(found: RecipeRun) -> dict[int, Numbers]:
    """The corpus' numbers of the documents of each shard, by where they were read."""
    stage = found.stages["ingest"]
    count = stage.num_shards(DOCUMENTS)
    numbers = {}
    for shard in range(count):
        path = stage.folder.table(DOCUMENTS, shard, count)
        batches = [batch.column(0) for batch in read_table(path, columns=["provenance"])]
        places = pa.chunked_array(batches).combine_chunks()
        files = [int(name[-13:-8]) for name in places.field("archive").to_pylist()]
        rows = places.field("offset").to_numpy(zero_copy_only=False)
        numbers[shard] = np.array(files, np.int64) * ROWS_PER_FILE + rows
    return numbers


def _now() -> Cost:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Cost(sum(one.ru_utime + one.ru_stime for one in usages), time.monotonic())
