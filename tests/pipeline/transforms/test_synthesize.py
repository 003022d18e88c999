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
from pipeline.transforms.problems import ITEMS, problems_stage
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.synthesize import (
    CACHE_NAME,
    COUNTS,
    PROBLEM_SET,
    VERIFICATION,
    Sources,
    pass_rate_bin,
    synthesize_stage,
)
from synth.config import SynthConfig
from synth.engines import openai
from synth.judgement import VERIFICATION_SCHEMA
from tests.support.beam import FOUR_THREADS, OPTIONS, coder_of, collections
from tests.support.kept import keep_all
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
    mathematics = {"problems": ["sums"], "samples": SAMPLES}
    return SynthConfig.model_validate(
        {
            "endpoint": endpoint | settings.pop("endpoint", {}),
            "problems": {"sums": {"paths": [f"{problems}/*"]}},
            "strategies": {"mathematics": mathematics | settings.pop("mathematics", {})},
            "split_bytes": 500,
            **settings,
        }
    )


def read(config: SynthConfig, output: Path, options: tuple[str, ...] = OPTIONS) -> Sources:
    """The problems, all of them kept."""
    stage = problems_stage(config.problems, None, split_bytes=config.split_bytes)
    problems = run_stage(stage, str(output), options, max_failed_ratio=0.5)
    return Sources(problems, keep_all(problems, str(output)), None)


def run(
    config: SynthConfig,
    output: Path,
    options: tuple[str, ...] = OPTIONS,
    *,
    max_failed_ratio: float = 0.5,
) -> Finished:
    stage = synthesize_stage(config, read(config, output, options))
    return run_stage(stage, str(output), options, max_failed_ratio=max_failed_ratio)


def table(finished: Finished, output: str) -> pa.Table:
    shards = finished.manifest.shards(output)
    return pa.concat_tables(pq.read_table(finished.folder.locate(shard.name)) for shard in shards)


def digests(finished: Finished) -> list[tuple[str, str]]:
    names = (DOCUMENTS, VERIFICATION, COUNTS, PROBLEM_SET, REJECTED, FAILED)
    shards = (shard for name in names for shard in finished.manifest.shards(name))
    return [(shard.name, shard.sha256) for shard in shards]


def right_samples(samples: int = SAMPLES) -> set[tuple[str, int]]:
    return {
        (f"sum-{n}", seed)
        for n in range(PROBLEMS)
        for seed in range(samples)
        if is_right(f"What is {n} + 100?", seed)
    }


def seed_of(document: Mapping[str, Any]) -> tuple[str, int]:
    lineage = document["lineage"]
    return lineage["seed_ids"][0], json.loads(lineage["sampling"])["seed"]


def test_every_sample_is_a_document_with_what_was_found_out_about_it(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    finished = run(config(server, problems), tmp_path / "run")
    counts = finished.manifest.counts
    assert (counts.rows_in, counts.kept) == (PROBLEMS * SAMPLES, PROBLEMS * SAMPLES)
    assert finished.num_shards(DOCUMENTS) > 3
    documents, verification = table(finished, DOCUMENTS), table(finished, VERIFICATION)
    assert documents.schema.names == DOCUMENT_SCHEMA.names
    assert verification.schema.equals(VERIFICATION_SCHEMA)
    assert verification["id"].equals(documents["id"])
    right = right_samples()
    for row, found in zip(documents.to_pylist(), verification.to_pylist(), strict=True):
        seed_id, seed = seed_of(row)
        number = int(seed_id.removeprefix("sum-"))
        total = number + 100 + (0 if (seed_id, seed) in right else 10)
        assert row["text"] == (
            f"Problem\n\nWhat is {number} + 100?\n\nSolution\n\n"
            f"I add them, sample {seed}.\n\nThe sum is $\\boxed{{{total}}}$."
        )
        rate = sum((seed_id, other) in right for other in range(SAMPLES)) / SAMPLES
        assert row["lineage"]["pass_rate"] == pytest.approx(rate)
        assert found["verification.verified"] == ((seed_id, seed) in right)
        assert row["lineage"]["verdict"] == found["verification.verdict"]
        assert found["verification.label"] == "gold"
        assert found["verification.completion_tokens"] == 20


def test_problems_that_are_solved_become_a_set_with_their_pass_rates(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    finished = run(config(server, problems), tmp_path / "run")
    right = right_samples()
    solved = {seed_id for seed_id, _ in right}
    rows = table(finished, PROBLEM_SET).to_pylist()
    assert {row["seed_id"] for row in rows} == solved
    for row in rows:
        times = sum(seed_id == row["seed_id"] for seed_id, _ in right)
        assert (row["num_correct"], row["num_judged"]) == (times, SAMPLES)
        assert row["answer"] == str(int(row["seed_id"].removeprefix("sum-")) + 100)
    statistics = finished.manifest.statistics["items"]["mathematics"]
    assert (statistics["items"], statistics["num_samples"]) == (PROBLEMS, PROBLEMS * SAMPLES)
    assert statistics["num_correct"] == len(right)
    assert sum(statistics["pass_rates"].values()) == PROBLEMS
    assert statistics["pass_rates"]["never"] == PROBLEMS - len(solved)


def test_an_item_that_has_what_is_wanted_is_not_asked_again_and_all_samples_are_counted(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    finished = run(
        config(server, problems, mathematics={"samples": 6, "wanted": 1}), tmp_path / "r"
    )
    counts = finished.manifest.counts
    needed = [
        next((k + 1 for k in range(6) if is_right(f"What is {n} + 100?", k)), 6)
        for n in range(PROBLEMS)
    ]
    assert counts.rows_in == PROBLEMS * 6
    assert (counts.kept, counts.rejected) == (sum(needed), PROBLEMS * 6 - sum(needed))
    assert set(table(finished, REJECTED)["reason"].to_pylist()) == {"synth.not_needed"}
    assert sum(needed) <= len(server.asked) < PROBLEMS * 6


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    first = run(config(server, problems), tmp_path / "run")
    assert len(server.asked) == PROBLEMS * SAMPLES
    shutil.rmtree(first.folder.path)
    again = run(config(server, problems), tmp_path / "run")
    other = run(config(server, problems, mathematics={"max_answers": 1}), tmp_path / "run")
    assert len(server.asked) == PROBLEMS * SAMPLES
    assert digests(again) == digests(first)
    assert other.identity != first.identity


@pytest.mark.parametrize("wanted", [None, 1])
def test_the_bytes_depend_neither_on_threads_nor_on_the_window_nor_on_faults_that_pass(
    server: ChatServer, problems: Path, tmp_path: Path, wanted: int | None
) -> None:
    settings: dict[str, Any] = {"mathematics": {"wanted": wanted}}
    one = run(config(server, problems, **settings), tmp_path / "one")

    def troubled(body: Mapping[str, Any], attempt: int) -> Fault | None:
        number = int(problem_of(body).split()[2])
        faults = [
            Fault(status=429, retry_after_seconds=0.01),
            Fault(is_dropped=True),
            Fault(status=500),
        ]
        return faults[number % 3] if attempt == 1 else Fault(delay_seconds=0.01 * (number % 4))

    with ChatServer(troubled) as other:
        settings = {"endpoint": {"max_in_flight": 32}, "mathematics": {"wanted": wanted}}
        four = run(config(other, problems, **settings), tmp_path / "four", FOUR_THREADS)
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
        assert [row["error_type"] for row in failures] == ["HTTP 400"] * PROBLEMS
        shutil.rmtree(finished.folder.path)
        is_healed = True
        del server.asked[:]
        healed = run(config(server, problems), tmp_path / "run")
        assert {body["seed"] for body in server.asked} == {1}
        assert len(server.asked) == PROBLEMS
    assert healed.manifest.counts.failed == 0


def test_a_run_that_stopped_in_the_middle_goes_on_without_asking_twice(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    undisturbed = run(config(server, problems), tmp_path / "undisturbed")

    def refuses_the_late(body: Mapping[str, Any], _attempt: int) -> Fault | None:
        return Fault(status=400) if int(problem_of(body).split()[2]) >= 12 else None

    with ChatServer(refuses_the_late) as failing:
        made = config(failing, problems)
        stage = synthesize_stage(made, read(made, tmp_path / "run"))
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
        synthesize_stage(SynthConfig(), Sources(None, None, None))
    with pytest.raises(ConfigError, match="matches no file"):
        run(config(server, tmp_path / "nowhere"), tmp_path / "run")
    assert server.asked == []


def test_only_kept_problems_are_asked_about(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    made = config(server, problems)
    sources = read(made, tmp_path / "run")
    assert sources.problems is not None
    few = keep_all(sources.problems, str(tmp_path / "run"), step=3)
    stage = synthesize_stage(made, Sources(sources.problems, few, None))
    finished = run_stage(stage, str(tmp_path / "run"), OPTIONS, max_failed_ratio=0.0)
    kept = few.manifest.counts.kept
    assert 0 < kept < PROBLEMS
    assert finished.manifest.counts.rows_in == kept * SAMPLES
    assert len({problem_of(body) for body in server.asked}) == kept


def test_every_batch_between_steps_has_the_arrow_coder(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    made = config(server, problems)
    stage = synthesize_stage(made, read(made, tmp_path))
    graph = beam.Pipeline()
    stage.build(graph, stage.folder(str(tmp_path)))
    steps = ("Read items/", "Roll out/")
    batches = {k: v for k, v in collections(graph).items() if k.startswith(steps)}
    assert len(batches) >= 8
    assert {type(coder_of(batch)) for batch in batches.values()} == {RecordBatchCoder}


def test_what_is_known_of_a_problem_stands_beside_it(
    server: ChatServer, problems: Path, tmp_path: Path
) -> None:
    sources = read(config(server, problems), tmp_path / "run")
    assert sources.problems is not None
    counts = sources.problems.manifest.counts
    assert (counts.rows_in, counts.kept, counts.failed) == (PROBLEMS + 1, PROBLEMS, 1)
    documents, items = table(sources.problems, DOCUMENTS), table(sources.problems, ITEMS)
    assert items["id"].equals(documents["id"])
    assert items["problem"].equals(documents["text"])
    assert set(documents["source"].to_pylist()) == {"problems.sums"}
    (failure,) = table(sources.problems, FAILED).to_pylist()
    assert (failure["stage"], failure["archive"]) == ("read", "a.jsonl")


@pytest.mark.parametrize(
    ("rate", "name"), [(0.0, "never"), (0.05, "0.0"), (0.1, "0.1"), (0.99, "0.9"), (1.0, "always")]
)
def test_pass_rates_fall_into_tenths_with_their_ends_apart(rate: float, name: str) -> None:
    assert pass_rate_bin(rate) == name
