"""`reasonmill tag annotate`: a real server on the loopback, real Beam, real files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from filters.taggers.labels import read_labels, text_sha256
from pipeline.cli import EXIT_FAILED, EXIT_REFUSED, main
from pipeline.run import local_options
from pipeline.storage.stage_folder import StageFolder
from pipeline.tagging import FAILED_SUFFIX, WORK_SUFFIX
from pipeline.tagging_progress import AnnotationProgress, Prices
from pipeline.transforms.tag_annotate import SHARD_DOCUMENTS
from synth.engines import openai
from tests.support.rubric_server import (
    COMPLETION_TOKENS,
    PROMPT_TOKENS,
    RUBRIC,
    excerpt_in,
    judge,
)
from tests.support.tagger import made_up_labels
from tests.synth.chat_server import MODEL, ChatServer, Fault

ROOT = Path(__file__).parents[2]
DOCUMENTS = 2 * SHARD_DOCUMENTS + 20


@pytest.fixture(autouse=True)
def _short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_DELAY_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(answer_of=judge) as up:
        yield up


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return write_sample(tmp_path / "sample.jsonl", [f"Text {n}." for n in range(DOCUMENTS)])


def write_sample(path: Path, texts: list[str]) -> Path:
    rows = [{"id": f"d{number}", "text": text} for number, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def annotate(server: ChatServer | str, sample: Path, *options: str) -> int:
    url = server if isinstance(server, str) else server.url
    out = sample.parent / "labels.jsonl"
    command = ["tag", "annotate", str(sample), "--out", str(out), "--endpoint", url]
    return main([*command, "--model", MODEL, *options])


def labels_of(sample: Path) -> dict[str, dict[str, Any]]:
    rows = read_labels(str(sample.parent / "labels.jsonl"), RUBRIC)
    return {row.id: dict(row.labels) for row in rows}


def failures_of(sample: Path) -> dict[str, tuple[str, str]]:
    path = sample.parent / f"labels.jsonl{FAILED_SUFFIX}"
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["id"]: (row["error_type"], row["message"]) for row in rows}


def test_every_document_gets_the_labels_of_its_excerpt(
    server: ChatServer, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(server, sample, "--price-in", "2", "--price-out", "10") == 0
    expected = {f"d{n}": made_up_labels(RUBRIC, f"Text {n}.") for n in range(DOCUMENTS)}
    assert labels_of(sample) == expected
    (row, *_) = read_labels(str(sample.parent / "labels.jsonl"), RUBRIC)
    assert (row.id, row.annotator, row.sha256) == ("d0", MODEL, text_sha256("Text 0."))
    assert len(server.asked) == DOCUMENTS
    assert all(body["response_format"]["type"] == "json_schema" for body in server.asked)
    said = capsys.readouterr().out
    assert f"{DOCUMENTS} documents = {DOCUMENTS} labelled + 0 failed" in said
    cost = DOCUMENTS * (PROMPT_TOKENS * 2 + COMPLETION_TOKENS * 10) / 1e6
    assert f"cost {cost:.2f}" in said
    assert failures_of(sample) == {}


def test_a_second_command_needs_no_server_and_writes_the_same_bytes(sample: Path) -> None:
    with ChatServer(answer_of=judge) as server:
        url = server.url
        annotate(url, sample)
    first = (sample.parent / "labels.jsonl").read_bytes()
    assert annotate(url, sample) == 0
    assert (sample.parent / "labels.jsonl").read_bytes() == first


def test_a_larger_limit_asks_only_for_what_is_new(server: ChatServer, sample: Path) -> None:
    assert annotate(server, sample, "--limit", "10") == 0
    assert len(labels_of(sample)) == 10
    server.asked.clear()
    assert annotate(server, sample, "--limit", "30") == 0
    assert len(server.asked) == 20
    assert len(labels_of(sample)) == 30


def test_malformed_answers_are_mended_once_or_fail_with_their_reason(
    server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["Plain.", "MUMBLES", "STUBBORN", "OFFSCALE", "It THINKS.", "MUMBLES and THINKS"]
    sample = write_sample(tmp_path / "sample.jsonl", texts)
    assert annotate(server, sample) == 0
    expected = {
        f"d{number}": made_up_labels(RUBRIC, text)
        for number, text in enumerate(texts)
        if text != "STUBBORN"
    }
    assert labels_of(sample) == expected
    assert failures_of(sample) == {
        "d2": ("FaultyAnswer", "there is no JSON object in the answer (finish_reason stop)")
    }
    assert "6 documents = 5 labelled + 1 failed" in capsys.readouterr().out
    mended = [body for body in server.asked if len(body["messages"]) > 2]
    assert sorted(map(excerpt_in, mended)) == sorted(
        ["MUMBLES", "STUBBORN", "OFFSCALE", "MUMBLES and THINKS"]
    )
    (off_scale,) = [body for body in mended if excerpt_in(body) == "OFFSCALE"]
    assert "'cleanliness' is 9, allowed is one of" in off_scale["messages"][-1]["content"]
    assert "</think>" not in json.dumps([body["messages"] for body in mended])


def test_any_text_can_be_asked_about(server: ChatServer, tmp_path: Path) -> None:
    texts = ["", "\ud800 \udfff", "x" * 100_000, "\x00\x1b[0m", ">>>\n<<<", "\u6570\u5b66" * 5000]
    sample = write_sample(tmp_path / "sample.jsonl", texts)
    assert annotate(server, sample) == 0
    rows = read_labels(str(sample.parent / "labels.jsonl"), RUBRIC)
    assert [row.sha256 for row in rows] == [text_sha256(text) for text in texts]


def test_what_failed_is_asked_again_by_the_same_command(tmp_path: Path) -> None:
    broken = True

    def fault_of(body: Mapping[str, Any], _attempt: int) -> Fault | None:
        return Fault(status=418) if broken and excerpt_in(body) == "Text 70." else None

    sample = write_sample(tmp_path / "sample.jsonl", [f"Text {n}." for n in range(100)])
    with ChatServer(fault_of, judge) as server:
        assert annotate(server, sample) == 0
        (reason,) = failures_of(sample).values()
        assert reason[0] == "HTTP 418"
        assert len(labels_of(sample)) == 99
        broken = False
        server.asked.clear()
        assert annotate(server, sample) == 0
        assert [excerpt_in(body) for body in server.asked] == ["Text 70."]
        assert failures_of(sample) == {}
        assert list(labels_of(sample)) == [f"d{number}" for number in range(100)]


def test_busy_servers_are_asked_again(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample.jsonl", [f"Text {n}." for n in range(30)])

    def fault_of(_body: Mapping[str, Any], attempt: int) -> Fault | None:
        return Fault(status=429, retry_after_seconds=0.01) if attempt == 1 else None

    with ChatServer(fault_of, judge) as server:
        assert annotate(server, sample) == 0
        assert len(server.asked) == 60
    assert len(labels_of(sample)) == 30


def test_a_server_without_structured_output_is_asked_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = write_sample(tmp_path / "sample.jsonl", ["One.", "Two. MUMBLES", "Three."])

    def fault_of(body: Mapping[str, Any], _attempt: int) -> Fault | None:
        return Fault(status=400) if "response_format" in body else None

    with ChatServer(fault_of, judge) as server:
        assert annotate(server, sample) == 0
        assert sum("response_format" in body for body in server.asked) == 1
        assert "takes no schema" in capsys.readouterr().out
        server.asked.clear()
        assert annotate(server, sample) == 0
        assert server.asked == []
    assert len(labels_of(sample)) == 3


def test_no_label_at_all_is_a_failure(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample.jsonl", ["STUBBORN"])
    with ChatServer(answer_of=judge) as server:
        assert annotate(server, sample) == EXIT_FAILED
    assert list(failures_of(sample)) == ["d0"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "other"], "serves no 'other'"),
        (["--endpoint", "localhost"], "--endpoint 'localhost'"),
        (["--api-key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY is not set"),
        (["--api-key-env", "no key"], "--api-key-env 'no key'"),
        (["--limit", "0"], "--limit 0"),
        (["--rubric", "none.yaml"], "cannot read the rubric 'none.yaml'"),
    ],
)
def test_what_cannot_work_is_refused_before_a_document_is_judged(
    server: ChatServer,
    sample: Path,
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert annotate(server, sample, *options) == EXIT_REFUSED
    assert said in capsys.readouterr().err
    assert server.asked == []


def test_a_missing_file_is_named(server: ChatServer, tmp_path: Path) -> None:
    assert annotate(server, tmp_path / "none.jsonl") == EXIT_REFUSED


@pytest.mark.slow
def test_a_job_killed_halfway_goes_on_without_asking_twice(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "sample.jsonl", [f"Text {n}." for n in range(200)])
    out = tmp_path / "labels.jsonl"
    slow = True

    def fault_of(_body: Mapping[str, Any], _attempt: int) -> Fault:
        return Fault(delay_seconds=0.2 if slow else 0.0)

    with ChatServer(fault_of, judge) as server:
        command = ["tag", "annotate", str(sample), "--out", str(out), "--endpoint", server.url]
        command += ["--model", MODEL]
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *command], cwd=ROOT, start_new_session=True
        )
        cache = tmp_path / f"labels.jsonl{WORK_SUFFIX}"
        deadline = time.monotonic() + 120
        while len(list(cache.rglob("request-cache/*/*.json"))) < 70:
            assert time.monotonic() < deadline, "the job does not come to answers"
            assert process.poll() is None, "the job ended before it could be killed"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        stored = len(list(cache.rglob("request-cache/*/*.json")))
        assert not out.exists()
        slow = False
        server.asked.clear()
        assert main(command) == 0
        assert len(server.asked) == 200 - stored
    assert len(labels_of(sample)) == 200


def test_progress_states_rate_tokens_cost_and_time_left(server: ChatServer, sample: Path) -> None:
    progress = AnnotationProgress(DOCUMENTS, Prices(2.0, 10.0))
    annotate(server, sample)
    (folder,) = (sample.parent / f"labels.jsonl{WORK_SUFFIX}" / "tag-annotate").iterdir()
    receipts = folder / "receipts"
    aside = receipts.rename(folder / "aside")
    begun = progress.describe(StageFolder(str(folder)), 0.0)
    assert begun.startswith(f"0 of {DOCUMENTS} documents")
    receipts.mkdir()
    for name in ("labels", "rejected", "failed"):
        (aside / f"{name}-00000.json").rename(receipts / f"{name}-00000.json")
    left = DOCUMENTS - SHARD_DOCUMENTS
    assert progress.describe(StageFolder(str(folder)), 32.0) == (
        f"{SHARD_DOCUMENTS} of {DOCUMENTS} documents, {SHARD_DOCUMENTS / 32:.1f} a second, "
        f"about {left / (SHARD_DOCUMENTS / 32):.0f} s left, "
        f"192 k tokens in, 16.0 k out, cost {0.384 + 0.16:.2f}"
    )


def test_prices_that_are_not_known_give_no_cost() -> None:
    assert Prices().cost(1000, 1000) is None
    assert Prices(1.0, None).cost(1000, 1000) is None
    assert Prices(1.0, 2.0).cost(1_000_000, 500_000) == 2.0


def test_local_workers_that_wait_are_more_than_the_cores() -> None:
    assert "--direct_num_workers=99" in local_options(min_workers=99)
