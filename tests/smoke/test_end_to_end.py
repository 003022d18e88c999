"""The whole pipeline on a part of the demo corpus: same bytes on every path, no row lost."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from mixtures.ledger import unnest
from mixtures.reader import StageWindows
from pipeline.cli import EXIT_FAILED, EXIT_REFUSED, main
from pipeline.config import parse_recipe
from pipeline.errors import InvariantError
from pipeline.run import LOCAL_RUNNER, read_run, run
from pipeline.verification import verify_run
from tests.smoke.mini_corpus import ROOT, make_recipe
from tests.synth.chat_server import MODEL, ChatServer

ONE_WORKER = [f"--runner={LOCAL_RUNNER}"]
FOUR_WORKERS = [*ONE_WORKER, "--direct_running_mode=multi_threading", "--direct_num_workers=4"]
TWO_PROCESSES = [*ONE_WORKER, "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    recipe = make_recipe(tmp_path_factory.mktemp("mini"))
    recipe["mixture"]["exports"] = ["megatron", "mds"]  # one of documents, one of windows
    return recipe


@pytest.fixture(scope="module")
def finished(recipe: dict[str, Any]) -> Path:
    """The run of reference, by one worker."""
    run(parse_recipe(recipe, name="mini"), beam_options=ONE_WORKER)
    return Path(recipe["output"])


def digests(output: Path) -> dict[str, str]:
    """SHA-256 of every file that a run's manifests name, and of the manifests."""
    _, stages = read_run(str(output))
    found = {}
    for stage in stages:
        folder = Path(stage.folder.path)
        names = [entry.name for entries in stage.manifest.outputs.values() for entry in entries]
        for name in ["manifest.json", *filter(None, names)]:
            path = folder / name
            found[str(path.relative_to(output))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_every_stage_keeps_rejects_and_fails_what_it_should(finished: Path) -> None:
    _, stages = read_run(str(finished))
    by_name = {stage.manifest.stage: stage.manifest for stage in stages}
    assert by_name["ingest"].counts.kept > 20
    assert by_name["ingest"].counts.failed > 0, "the broken files must show as failures"
    assert by_name["decide"].counts.rejected > 0
    assert by_name["windows-general"].rows("windows") > 0
    assert by_name["windows-long"].rows("windows") > 0


def test_verify_recounts_the_run_and_finds_a_changed_byte(finished: Path, tmp_path: Path) -> None:
    lines = list(verify_run(str(finished)))
    _, stages = read_run(str(finished))
    assert len(lines) == len(stages)
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(finished), str(copy)], check=True)
    victim = next((copy / "windows-general").glob("*/windows/*.tokens.npy"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    with pytest.raises(InvariantError, match="the manifest says"):
        list(verify_run(str(copy)))


@pytest.mark.parametrize("options", [FOUR_WORKERS, TWO_PROCESSES], ids=["threads", "processes"])
def test_more_workers_write_the_same_bytes(
    recipe: dict[str, Any], finished: Path, tmp_path: Path, options: list[str]
) -> None:
    other = recipe | {"output": str(tmp_path / "run")}
    run(parse_recipe(other, name="mini"), beam_options=options)
    assert digests(tmp_path / "run") == digests(finished)


def test_a_run_killed_halfway_and_resumed_writes_the_same_bytes(
    recipe: dict[str, Any], finished: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe | {"output": str(output)}))
    command = [sys.executable, "-m", "pipeline.cli", "run", str(path), "--quiet", *ONE_WORKER]
    total = len(digests(finished))
    kills = 0
    for goal in (total // 8, total // 2, total - total // 8):
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        while process.poll() is None and len(list(output.glob("*/*/receipts/*"))) < goal:
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills, "the run ended before it could be killed"
    subprocess.run(command, cwd=ROOT, check=True)
    assert digests(output) == digests(finished)


def test_a_second_run_does_nothing_and_a_new_threshold_redoes_only_what_depends_on_it(
    recipe: dict[str, Any], finished: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.parquet")}
    run(parse_recipe(recipe, name="mini"), beam_options=ONE_WORKER)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*.parquet")} == before
    _, stages = read_run(str(finished))
    identities = {stage.manifest.stage: stage.identity for stage in stages}
    changed = json.loads(json.dumps(recipe))
    changed["decide"]["rules"].append({"column": "content.chars", "min": 300})
    again = run(parse_recipe(changed, name="mini"), beam_options=ONE_WORKER)
    moved = {s.manifest.stage for s in again if identities[s.manifest.stage] != s.identity}
    assert moved >= {"decide", "tokenize", "solve", "windows-general"}
    assert not moved & {"ingest", "annotate"}
    run(parse_recipe(recipe, name="mini"), beam_options=ONE_WORKER)


def test_another_export_redoes_nothing_that_it_reads(
    recipe: dict[str, Any], finished: Path
) -> None:
    _, stages = read_run(str(finished))
    identities = {stage.manifest.stage: stage.identity for stage in stages}
    changed = recipe | {"mixture": recipe["mixture"] | {"exports": ["mds"]}}
    again = run(parse_recipe(changed, name="mini"), beam_options=ONE_WORKER)
    found = {stage.manifest.stage: stage.identity for stage in again}
    assert found == {name: identities[name] for name in found}
    left_out = set(identities) - set(found)
    assert {name.rpartition("-")[0] for name in left_out} == {"export-megatron"}
    run(parse_recipe(recipe, name="mini"), beam_options=ONE_WORKER)


def test_verify_finds_an_export_of_other_windows(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(finished), str(copy)], check=True)
    _, stages = read_run(str(copy))
    (stage,) = [one for one in stages if one.manifest.stage == "export-megatron-general"]
    entry = stage.manifest.shards("bin")[0]
    path = Path(stage.folder.locate(entry.name))
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    manifest = Path(stage.folder.locate("manifest.json"))
    sha256 = hashlib.sha256(data).hexdigest()
    manifest.write_text(manifest.read_text().replace(entry.sha256, sha256))
    with pytest.raises(InvariantError, match="are not those of document"):
        list(verify_run(str(copy)))


def test_every_verb_shows_the_run(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: str) -> str:
        assert main([*arguments]) == 0
        return capsys.readouterr().out

    folder = str(finished)
    assert "windows-long" in said("status", folder)
    assert "synthesize was skipped" in said("status", folder)
    assert "Mixture" in said("stats", folder)
    page = (finished / "report.html").read_text()
    assert "What came in, what came out" in page
    assert "src=" not in page, "the page stands alone"
    assert all(line.startswith(("ok", "none", "ready")) for line in said("doctor").splitlines())
    assert "== ingest" in said("inspect", folder, "--failed", "--limit", "1")
    rejected = said("inspect", folder, "--rejected", "dedup.rank.too_high", "--limit", "1")
    assert '"reason": "dedup.rank.too_high"' in rejected
    identity = json.loads(rejected[rejected.index("{") : rejected.index("\n}") + 2])["id"]
    shown = said("inspect", folder, "--id", identity)
    assert "== annotate" in shown
    assert "== deduplicate" in shown
    token = said("inspect", folder, "--token", "windows-general/part-00000-of-00001:0:5")
    assert ">>>" in token
    assert '"archive"' in token
    assert main(["inspect", folder, "--rejected", "no.such.reason"]) == 2


def test_plan_solves_a_changed_mixture_and_writes_nothing(
    recipe: dict[str, Any], finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    before = sorted(finished.rglob("*"))
    assert main(["plan", str(path), "--set", "mixture.stages.1.limits.0.min_percent=60.0"]) == 0
    assert "solved for the tokens of the newest run" in capsys.readouterr().out
    changes = {"0.budget_percent": "null", "0.budget_tokens": "1_000_000_000"}
    changes |= {"1.budget_percent": "60", "2.budget_percent": "40"}
    settings = [f"mixture.stages.{field}={value}" for field, value in changes.items()]
    arguments = ["plan", str(path)]
    for setting in settings:
        arguments += ["--set", setting]
    assert main(arguments) == EXIT_REFUSED
    said = capsys.readouterr().err
    assert "stage 'general': component" in said
    assert "tokens short; lower budget_tokens to" in said
    assert sorted(finished.rglob("*")) == before


def test_the_reader_reads_every_window_of_every_stage(finished: Path) -> None:
    _, stages = read_run(str(finished))
    for stage in stages:
        if not stage.manifest.stage.startswith("windows-"):
            continue
        windows = list(StageWindows.open(stage.folder.path))
        assert len(windows) == stage.manifest.rows("windows")
        live = sum(int(window.loss_mask[0].sum()) for window in windows)
        packing = stage.manifest.statistics["windows"]["packing"]
        assert live == packing["live_targets"]["0"]


def test_checked_solutions_of_a_model_make_a_tenth_of_the_long_stage(
    recipe: dict[str, Any], finished: Path, tmp_path: Path
) -> None:
    problems = [
        {"id": f"sum-{n}", "problem": f"What is {n} + {n + 7}?", "answer": str(2 * n + 7)}
        for n in range(60)
    ]
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(problem) + "\n" for problem in problems))
    with ChatServer() as server:
        synthesize = {
            "endpoint": {"url": server.url, "model": MODEL},
            "problems": {"sums": {"paths": [str(path)]}},
            "strategies": {"mathematics": {"problems": ["sums"], "samples": 4}},
        }
        changed = recipe | {"output": str(finished), "synthesize": synthesize}
        run(parse_recipe(changed, name="mini"), beam_options=ONE_WORKER)
    _, stages = read_run(str(finished))
    by_name = {stage.manifest.stage: stage.manifest for stage in stages}
    assert by_name["synthesize"].counts.rows_in == 240
    judged = by_name["decide-synthetic"].counts
    assert 0 < judged.kept < judged.rows_in, "the server is sometimes wrong, so some are rejected"
    nested = by_name["windows-long"].statistics["window-documents"]["ledger"]
    entries = unnest(nested).items()
    tokens = {name: sum(n.tokens for e, n in entries if e[0] == name) for name in nested}
    share = tokens["synthetic"] / sum(tokens.values())
    assert share == pytest.approx(0.1, abs=0.0025)
    assert "synthetic" not in by_name["windows-general"].statistics["window-documents"]["ledger"]
    run(parse_recipe(recipe, name="mini"), beam_options=ONE_WORKER)


@pytest.mark.parametrize("options", [ONE_WORKER, FOUR_WORKERS], ids=["one", "threads"])
def test_what_stops_a_worker_reaches_the_user_as_it_was(
    recipe: dict[str, Any], tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = json.loads(json.dumps(recipe)) | {"output": str(tmp_path / "run")}
    rule = {"column": "prose.words", "min": 20, "sources": ["code"]}
    broken["decide"]["rules"].append(rule)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(broken))
    assert main(["run", str(path), "--quiet", *options]) == EXIT_FAILED
    said = capsys.readouterr().err
    assert "reasonmill: SchemaError: stage 'deduplicate': prose.words is null for" in said
    assert "when_null" in said
