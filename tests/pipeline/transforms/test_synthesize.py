"""The synthesize stage as a run does it: real Beam, a real server on the loopback, real checks."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ConfigError, InvariantError
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.transforms.coders import RecordBatchCoder
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import FAILED, REJECTED
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.synthesize import CACHE_NAME, problems_per_batch, synthesize_stage
from synth.config import SynthConfig
from synth.engines import openai
from tests.support.beam import FOUR_THREADS, OPTIONS, coder_of, collections
from tests.synth.chat_server import MODEL, ChatServer, Fault, is_right, problem_of

PROBLEMS, SAMPLES = 24, 3


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_DELAY_SECONDS", 0.01)


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    folder = tmp_path / "problems"
    folder.mkdir()
    rows = [
        {"id": f"sum-{n}", "problem": f"What is {n} + 100?", "answer": str(n + 100)}
        for n in range(PROBLEMS)
    ]
    lines = [json.dumps(row) for row in rows[:15]]
    lines.insert(5, "{this is no JSON")
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n")
    pq.write_table(pa.Table.from_pylist(rows[15:]), folder / "b.parquet", row_group_size=4)
    return folder


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as up:
        yield up


def config(server: ChatServer, problems: Path, **settings: Any) -> SynthConfig:
    endpoint = {"url": server.url, "model": MODEL, "max_in_flight": 4, "max_attempts": 3}
    mathematics = {"problems": [f"{problems}/*"], "samples": SAMPLES, "split_bytes": 500}
    return SynthConfig.model_validate(
        {
            "endpoint": endpoint | settings.pop("endpoint", {}),
            "mathematics": mathematics | settings.pop("mathematics", {}),
            **settings,
        }
    )


def run(config: SynthConfig, output: Path, options: tuple[str, ...] = OPTIONS) -> Finished:
    return run_stage(synthesize_stage(config), str(output), options, max_failed_ratio=0.5)


def table(finished: Finished, output: str) -> pa.Table:
    shards = finished.manifest.shards(output)
    return pa.concat_tables(pq.read_table(finished.folder.locate(shard.name)) for shard in shards)


def digests(finished: Finished) -> list[tuple[str, str]]:
    shards = (
        shard for name in (DOCUMENTS, REJECTED, FAILED) for shard in finished.manifest.shards(name)
    )
    return [(shard.name, shard.sha256) for shard in shards]


def test_right_solutions_become_documents_and_every_sample_is_counted(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    finished = run(config(server, problems), tmp_path / "run")
    right = {
        (f"sum-{n}", seed)
        for n in range(PROBLEMS)
        for seed in range(SAMPLES)
        if is_right(f"What is {n} + 100?", seed)
    }
    counts = finished.manifest.counts
    assert counts.rows_in == PROBLEMS * SAMPLES + 1
    assert (counts.kept, counts.failed) == (len(right), 1)
    assert finished.num_shards(DOCUMENTS) > 3
    documents = table(finished, DOCUMENTS)
    assert documents.schema.names == DOCUMENT_SCHEMA.names
    rows = documents.to_pylist()
    seeds = [
        (row["lineage"]["seed_ids"][0], json.loads(row["lineage"]["sampling"])["seed"])
        for row in rows
    ]
    assert set(seeds) == right
    assert [int(seed_id.removeprefix("sum-")) for seed_id, _ in seeds] == sorted(
        int(seed_id.removeprefix("sum-")) for seed_id, _ in seeds
    )
    for row, (seed_id, seed) in zip(rows, seeds, strict=True):
        number = int(seed_id.removeprefix("sum-"))
        assert row["text"] == (
            f"Problem\n\nWhat is {number} + 100?\n\nSolution\n\n"
            f"I add them, sample {seed}.\n\nThe sum is $\\boxed{{{number + 100}}}$."
        )
        rate = sum((seed_id, other) in right for other in range(SAMPLES)) / SAMPLES
        assert row["lineage"]["pass_rate"] == pytest.approx(rate)
    assert set(table(finished, REJECTED).column("reason").to_pylist()) == {"synth.incorrect"}
    (failure,) = table(finished, FAILED).to_pylist()
    assert (failure["stage"], failure["archive"]) == ("read", "a.jsonl")


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    first = run(config(server, problems), tmp_path / "run")
    assert len(server.asked) == PROBLEMS * SAMPLES
    shutil.rmtree(first.folder.path)
    again = run(config(server, problems), tmp_path / "run")
    kept_all = run(config(server, problems, mathematics={"keep": "all"}), tmp_path / "run")
    assert len(server.asked) == PROBLEMS * SAMPLES
    assert digests(again) == digests(first)
    assert kept_all.manifest.counts.kept == PROBLEMS * SAMPLES
    assert kept_all.identity != first.identity


def test_the_bytes_depend_neither_on_threads_nor_on_the_window_nor_on_faults_that_pass(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    one = run(config(server, problems), tmp_path / "one")

    def troubled(body: Mapping[str, Any], attempt: int) -> Fault | None:
        number = int(problem_of(body).split()[2])
        faults = [
            Fault(status=429, retry_after_seconds=0.01),
            Fault(is_dropped=True),
            Fault(status=500),
        ]
        return faults[number % 3] if attempt == 1 else Fault(delay_seconds=0.01 * (number % 4))

    with ChatServer(troubled) as other:
        settings = {"endpoint": {"max_in_flight": 32}}
        four = run(config(other, problems, **settings), tmp_path / "four", FOUR_THREADS)
        assert len(other.asked) == 2 * PROBLEMS * SAMPLES
    assert four.identity == one.identity
    assert digests(four) == digests(one)


def test_requests_that_fail_are_failed_rows_and_are_asked_again_later(
    problems: Path, tmp_path: Path
) -> None:
    is_healed = False

    def broken(body: Mapping[str, Any], _attempt: int) -> Fault | None:
        return None if is_healed or body["seed"] != 1 else Fault(status=400)

    with ChatServer(broken) as server:
        finished = run(config(server, problems), tmp_path / "run")
        failures = table(finished, FAILED).to_pylist()
        assert [row["error_type"] for row in failures].count("HTTP 400") == PROBLEMS
        shutil.rmtree(finished.folder.path)
        is_healed = True
        del server.asked[:]
        healed = run(config(server, problems), tmp_path / "run")
        assert {body["seed"] for body in server.asked} == {1}
        assert len(server.asked) == PROBLEMS
    assert healed.manifest.counts.failed == 1


def test_a_run_that_stopped_in_the_middle_goes_on_without_asking_twice(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    undisturbed = run(config(server, problems), tmp_path / "undisturbed")

    def refuses_the_late(body: Mapping[str, Any], _attempt: int) -> Fault | None:
        return Fault(status=400) if int(problem_of(body).split()[2]) >= 12 else None

    with ChatServer(refuses_the_late) as failing:
        stage = synthesize_stage(config(failing, problems))
        with pytest.raises(InvariantError, match="max_failed_ratio"):
            run_stage(stage, str(tmp_path / "run"), OPTIONS, max_failed_ratio=0.1)
        folder = stage.folder(str(tmp_path / "run"))
        assert folder.read_manifest() is None
        shutil.rmtree(folder.path)
    del server.asked[:]
    resumed = run(config(server, problems), tmp_path / "run")
    assert len(server.asked) == (PROBLEMS - 12) * SAMPLES
    assert digests(resumed) == digests(undisturbed)


def test_no_file_of_the_run_holds_the_key(
    problems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_KEY", "sk-very-secret")
    with ChatServer(api_key="sk-very-secret") as server:
        run(config(server, problems, endpoint={"api_key_env": "SERVER_KEY"}), tmp_path / "run")
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len([path for path in files if CACHE_NAME in path.parts]) == PROBLEMS * SAMPLES
    assert not [path for path in files if b"sk-very-secret" in path.read_bytes()]


def test_the_cache_may_lie_elsewhere_and_serve_several_runs(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    shared = str(tmp_path / "answers")
    for name in ("one", "two"):
        run(config(server, problems, cache=shared), tmp_path / name)
        assert not (tmp_path / name / CACHE_NAME).exists()
    assert len(server.asked) == PROBLEMS * SAMPLES


def test_a_stage_with_nothing_to_do_or_nothing_to_read_is_refused_before_it_starts(
    server: ChatServer, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"synthesize\.endpoint"):
        synthesize_stage(SynthConfig())
    with pytest.raises(ConfigError, match="matches no file"):
        synthesize_stage(config(server, tmp_path / "nowhere"))
    assert server.asked == []


def test_every_batch_between_steps_has_the_arrow_coder(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    stage = synthesize_stage(config(server, problems))
    graph = beam.Pipeline()
    stage.build(graph, stage.folder(str(tmp_path)))
    steps = ("Read problems/", "Solve problems/Ask/", "Solve problems/Judge/")
    batches = {k: v for k, v in collections(graph).items() if k.startswith(steps)}
    assert len(batches) == 5
    assert {type(coder_of(batch)) for batch in batches.values()} == {RecordBatchCoder}


@pytest.mark.parametrize(("in_flight", "samples", "size"), [(64, 4, 128), (1, 16, 1), (4, 3, 10)])
def test_a_batch_fills_the_window_several_times(
    server: ChatServer, problems: Path, in_flight: int, samples: int, size: int
) -> None:
    made = config(
        server, problems, endpoint={"max_in_flight": in_flight}, mathematics={"samples": samples}
    )
    assert made.mathematics is not None
    assert made.endpoint is not None
    assert problems_per_batch(made.mathematics, made.endpoint) == size
