"""Quantiles and solution as stages: the same from any partition of the documents."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixtures.spec import MixtureConfig
from pipeline.errors import ConfigError
from pipeline.records.document import document_id
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.run import local_options
from pipeline.storage.filesystem import read_text
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.solve import (
    SOLUTION_NAME,
    quantiles_stage,
    read_solution,
    solve_shards,
    solve_stage,
)
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.tokenize import TOKENS

COUNT = 1_200


def mixture(within: str) -> MixtureConfig:
    curve = {
        "column": "score",
        "within": within,
        "bands": [{"factor": 0}, {"min": 40, "factor": 1}, {"min": 90, "factor": 3}],
    }
    component = {"name": "all", "epochs": 1, "upsample": [curve]}
    stage = {"name": "one", "sequence_tokens": 64, "components": [component]}
    fields = {"seed": 3, "repetition": [{"max_epochs": 3}], "stages": [stage]}
    return MixtureConfig.model_validate(fields)


def tokenized(run: Path, num_shards: int) -> Finished:
    """The same documents, in so many shards, as the tokenize stage leaves them."""
    rng = np.random.default_rng(1)
    table = pa.table(
        {
            "id": [document_id("web", str(number)) for number in range(COUNT)],
            "source": ["web"] * COUNT,
            "topic": rng.choice(["a", "b", None], COUNT).tolist(),
            "score": pa.array(rng.normal(size=COUNT), pa.float32(), mask=rng.random(COUNT) < 0.1),
            "num_tokens": pa.array(rng.integers(1, 90, COUNT), pa.int32()),
            TOKENS: pa.array([[1, 2]] * COUNT, pa.list_(pa.int32())),
        }
    )
    folder = StageFolder.of(str(run), "tokenize", "0" * 12)
    bounds = np.linspace(0, COUNT, num_shards + 1).astype(int).tolist()
    entries = []
    for shard, first in enumerate(bounds[:-1]):
        rows = table.slice(first, bounds[shard + 1] - first)
        path = Path(folder.table(TOKENS, shard, num_shards))
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        name = folder.shard_file(TOKENS, shard, num_shards)
        size = path.stat().st_size
        entries.append(ShardEntry(TOKENS, shard, name, rows.num_rows, size, digest))
    counts = Counts(COUNT, COUNT, 0, 0)
    outputs = {TOKENS: tuple(entries)}
    return Finished(folder, Manifest("tokenize", 1, "0" * 12, {}, {}, counts, outputs))


def solve(run: Path, tokens: Finished, within: str = "topic") -> Finished:
    def finish(stage):
        return run_stage(stage, str(run), local_options(), max_failed_ratio=0)

    quantiles = finish(quantiles_stage([tokens], mixture(within)))
    return finish(solve_stage([tokens], mixture(within), quantiles))


def test_percentiles_within_a_column_are_the_same_from_any_shards(tmp_path: Path) -> None:
    solved = []
    for num_shards in (1, 3):
        run = tmp_path / str(num_shards)
        tokens = tokenized(run, num_shards)
        solved.append(solve(run, tokens))
        assert solve_shards([tokens], mixture("topic")) == read_solution(solved[-1])
    texts = [read_text(one.folder.locate(SOLUTION_NAME)) for one in solved]
    assert texts[0] == texts[1]
    [cuts] = read_solution(solved[0]).cuts.values()
    assert set(cuts) == {"a", "b", None}


def test_a_free_text_column_stops_the_run_by_name(tmp_path: Path) -> None:
    tokens = tokenized(tmp_path, 1)
    with pytest.raises(ConfigError, match=r"'quantiles': .*within 'id' has more than 1,000 values"):
        solve(tmp_path, tokens, within="id")
