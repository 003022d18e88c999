"""Packing: tokens a second of `pack()`, what best-fit saves, and the path from tokens to windows.

    python -m benchmarks.packing_speed [--passes 5] [--sizes 16000000 64000000]

The first table packs made-up lengths, a pass of each method in turn; a figure is the median pass in
process CPU time after a warm-up. `cut` are documents that no window holds whole.

The second is the write path on token shards made up in a temporary folder: sample and write runs,
read partitions, pack, write windows, one thread, receipts and digests included. Megabytes are of
text, at 4 bytes a token. Each size runs in a process of its own, after a small warm-up run; flat
peak memory shows that it does not depend on the corpus. Target: 20 million tokens/s for packing, 60
MB/s for the path.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mixtures.packing import Method, PackingCounts, pack
from mixtures.solver import solve
from mixtures.spec import MixtureConfig
from mixtures.supply import Supply
from mixtures.tokenization import TOKENIZED_SCHEMA
from mixtures.windows import WindowLayout
from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms import windows
from pipeline.transforms.runs import write_run
from pipeline.transforms.solve import measure_supply_of
from pipeline.transforms.tokenize import TOKENS
from pipeline.transforms.windows import SHARD_TOKENS, StagePlan, draw_copies

METHODS: tuple[Method, ...] = ("best-fit", "concatenate")
SHARD_DOCUMENT_TOKENS = 8_000_000
"""Tokens of one token shard: about 32 MB of text."""
BYTES_PER_TOKEN = 4
MEASURES = 24
"""Columns of annotators in a token shard."""
EOD, VOCABULARY = 151_643, 151_000

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lengths:
    """A distribution of document lengths, in tokens."""

    name: str
    median: float
    sigma: float
    max_tokens: int

    def draw(self, rng: np.random.Generator, tokens: int) -> Int64Array:
        """About ``tokens`` in documents; lognormal, and no shorter than 2."""
        mean = self.median * np.exp(self.sigma**2 / 2)
        drawn = rng.lognormal(np.log(self.median), self.sigma, max(1, int(tokens / mean)))
        return np.clip(drawn, 2, self.max_tokens).astype(np.int64)


WEB = Lengths("web, median 500, heavy tail", 500, 1.2, 400_000)
DISTRIBUTIONS = (
    WEB,
    Lengths("short, about 60 each", 60, 0.3, 400),
    Lengths("long papers, median 9000", 9000, 0.8, 400_000),
)


def main() -> int:
    arguments = _parse()
    if arguments.child is not None:
        print(json.dumps(write_path(*arguments.child)))
        return 0
    _report_packing(arguments.passes)
    print(f"\n{'write path':<34}{'M tokens/s':>12}{'MB/s':>8}{'peak MB':>9}{'above start':>12}")
    for number, lengths in enumerate(DISTRIBUTIONS[:2]):
        for tokens in arguments.sizes:
            found = _in_child(number, tokens)
            rate = found["tokens"] / found["seconds"] / 1e6
            print(
                f"{lengths.name:<28}{found['tokens'] / 1e6:>4.0f}M{rate:>13.1f}"
                f"{rate * BYTES_PER_TOKEN:>8.0f}{found['peak_mb']:>9.0f}{found['grown_mb']:>12.0f}"
                f"   runs {found['runs_seconds']:.2f} s, windows {found['windows_seconds']:.2f} s"
            )
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32_000_000, 96_000_000])
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _report_packing(passes: int) -> None:
    print(f"{'lengths':<28}{'window':>7} {'method':<12}{'M tokens/s':>11}{'padding':>10}{'cut':>9}")
    for lengths in DISTRIBUTIONS:
        drawn = lengths.draw(np.random.default_rng(7), SHARD_TOKENS)
        for size in (8192, 32_768):
            seconds: dict[Method, list[float]] = {method: [] for method in METHODS}
            counts: dict[Method, PackingCounts] = {}
            for number in range(passes + 1):
                for method in METHODS:
                    begin = time.process_time()
                    segments = pack(
                        drawn, sequence_tokens=size, mtp_depth=1, shuffle_seed=1, method=method
                    )
                    if number:  # the first is the warm-up
                        seconds[method].append(time.process_time() - begin)
                    counts[method] = PackingCounts.of(segments, sequence_tokens=size)
            for method in METHODS:
                rate = drawn.sum() / statistics.median(seconds[method]) / 1e6
                print(
                    f"{lengths.name:<28}{size:>7} {method:<12}{rate:>11,.0f}"
                    f"{counts[method].padding_ratio:>10.4%}{counts[method].truncation_ratio:>9.2%}"
                )


def _in_child(distribution: int, tokens: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.packing_speed", "--child"]
    done = subprocess.run(
        [*command, str(distribution), str(tokens)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_path(distribution: int, tokens: int) -> dict[str, Any]:
    """CPU seconds and peak memory of the path from token shards to windows."""
    lengths = DISTRIBUTIONS[distribution]
    with tempfile.TemporaryDirectory() as folder:
        _run_path(Path(folder) / "warm", lengths, 200_000)
        shards, plan = _prepare(Path(folder) / "measured", lengths, tokens)
        start = _peak_mb()
        stage = StageFolder(str(Path(folder) / "measured" / "stage"))
        runs_seconds, windows_seconds = _time_path(shards, plan, stage)
    return {
        "tokens": plan.stage.expected_tokens,
        "seconds": runs_seconds + windows_seconds,
        "runs_seconds": runs_seconds,
        "windows_seconds": windows_seconds,
        "peak_mb": _peak_mb(),
        "grown_mb": _peak_mb() - start,
    }


def _run_path(folder: Path, lengths: Lengths, tokens: int) -> None:
    shards, plan = _prepare(folder, lengths, tokens)
    _time_path(shards, plan, StageFolder(str(folder / "stage")))


def _prepare(folder: Path, lengths: Lengths, tokens: int) -> tuple[list[str], StagePlan]:
    folder.mkdir()
    shards = []
    supplies = []
    mixture = MixtureConfig.model_validate(
        {
            "seed": 3,
            "stages": [
                {
                    "name": "general",
                    "sequence_tokens": 8192,
                    "components": [{"name": "all", "epochs": 1}],
                }
            ],
        }
    )
    for number, first in enumerate(range(0, tokens, SHARD_DOCUMENT_TOKENS)):
        path = str(folder / f"tokens-{number:05d}.parquet")
        size = min(SHARD_DOCUMENT_TOKENS, tokens - first)
        _write_token_shard(path, lengths.draw(np.random.default_rng(number), size), number)
        shards.append(path)
        supplies.append(measure_supply_of(path, mixture, {})[0])
    solution = solve(mixture, Supply.merge(supplies), {})
    layout = WindowLayout(sequence_tokens=8192, mtp_depth=1, eod_id=EOD, pad_id=EOD + 19)
    plan = StagePlan(
        mixture=mixture,
        solution=solution,
        stage_name="general",
        layout=layout,
        num_partitions=max(1, -(-solution.stage("general").expected_tokens // SHARD_TOKENS)),
        separators=(-1,),
    )
    return shards, plan


def _time_path(shards: list[str], plan: StagePlan, folder: StageFolder) -> tuple[float, float]:
    begin = time.process_time()
    for number, path in enumerate(shards):
        write_run(
            path,
            folder,
            number,
            len(shards),
            num_partitions=plan.num_partitions,
            draw=lambda columns: draw_copies(columns, plan),
        )
    middle = time.process_time()
    for partition in range(plan.num_partitions):
        windows._write_windows(partition, len(shards), folder, plan)  # noqa: SLF001
    return middle - begin, time.process_time() - middle


def _write_token_shard(path: str, lengths: Int64Array, number: int) -> None:
    """A shard as the tokenize stage writes it, with as many columns; tokens follow Zipf's law."""
    rng = np.random.default_rng(number)
    described = [field.with_nullable(True) for field in DOCUMENT_SCHEMA if field.name != "text"]
    measured = [pa.field(f"prose.measure_{n}", pa.float32()) for n in range(MEASURES)]
    fields = {field.name: field for field in (*TOKENIZED_SCHEMA, *described, *measured)}
    del fields["row"]
    schema = pa.schema(list(fields.values()))
    writer = TableWriter(path, schema)
    for first in range(0, len(lengths), 512):
        part = lengths[first : first + 512]
        rows = len(part)
        names = [f"{number}/{first + row}" for row in range(rows)]
        tokens = rng.zipf(1.2, int(part.sum())).astype(np.uint64) % VOCABULARY
        values: dict[str, Any] = {
            "id": [document_id("web", name) for name in names],
            TOKENS: pa.LargeListArray.from_arrays(
                pa.array(np.concatenate([[0], np.cumsum(part)])),
                pa.array(_with_ends(tokens.astype(np.int32), part)),
            ),
            "num_tokens": part.astype(np.int32),
            "text_bytes": part * BYTES_PER_TOKEN,
            "source": ["web"] * rows,
            "url": [f"https://example.org/{name}/a-page-of-some-site" for name in names],
            "media_type": ["text/html"] * rows,
            "provenance": [
                {"archive": "crawl.warc.gz", "offset": row, "length": 9000} for row in range(rows)
            ],
        } | {field.name: rng.random(rows, np.float32) for field in measured}
        columns = [
            pa.array(values[field.name], field.type)
            if field.name in values
            else pa.nulls(rows, field.type)
            for field in schema
        ]
        writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
    writer.close()


def _with_ends(tokens: npt.NDArray[np.int32], lengths: Int64Array) -> npt.NDArray[np.int32]:
    tokens[np.cumsum(lengths) - 1] = EOD
    return tokens


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
