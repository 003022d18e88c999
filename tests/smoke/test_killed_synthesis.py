"""Kill a run ten times while it asks a model: the output is that of a run nobody disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.run import LOCAL_RUNNER
from tests.smoke.mini_corpus import ROOT
from tests.smoke.test_end_to_end import digests
from tests.support.tiny_run import text_of
from tests.synth.chat_server import MODEL, ChatServer, Fault

PROBLEMS, SAMPLES, WINDOW, KILLS = 80, 4, 8, 10
WORKERS = ("--direct_running_mode=multi_threading", "--direct_num_workers=2")


def slowly(body: Mapping[str, Any], _attempt: int) -> Fault:
    """Answers of unequal length."""
    return Fault(delay_seconds=0.02 + 0.01 * (hash(json.dumps(body, sort_keys=True)) % 20))


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(slowly) as up:
        yield up


def write_inputs(folder: Path) -> None:
    lines = [json.dumps({"text": text_of(number)}) for number in range(1, 9)]
    (folder / "web.jsonl").write_text("\n".join(lines) + "\n")
    sums = [
        {"id": f"s{n}", "problem": f"What is {n} + {n + 7}?", "answer": str(2 * n + 7)}
        for n in range(PROBLEMS)
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(one) + "\n" for one in sums))


def write_recipe(folder: Path, url: str, output: Path) -> Path:
    recipe = {
        "name": "killed",
        "output": str(output),
        "sources": {"web": {"format": "jsonl", "paths": [str(folder / "web.jsonl")]}},
        "annotate": {"language": None, "tagger": None, "content": {}, "prose": None},
        "decide": {"rules": [{"column": "dedup.rank", "max": 0}]},
        "synthesize": {
            "endpoint": {"url": url, "model": MODEL, "max_in_flight": WINDOW},
            "problems": {"sums": {"paths": [str(folder / "sums.jsonl")]}},
            "strategies": {"mathematics": {"problems": ["sums"], "samples": SAMPLES}},
            "split_bytes": 2000,
        },
        "mixture": {
            "seed": 0,
            "tokenizer": "qwen2.5",
            "stages": [
                {
                    "name": "all",
                    "sequence_tokens": 64,
                    "components": [{"name": "text", "weight": 100}],
                }
            ],
        },
    }
    path = folder / f"{output.name}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def command(recipe: Path) -> list[str]:
    call = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--quiet"]
    return [*call, "--until", "decide-synthetic", f"--runner={LOCAL_RUNNER}", *WORKERS]


def test_ten_kills_change_no_byte_and_ask_nothing_twice_that_was_answered(
    tmp_path: Path, server: ChatServer
) -> None:
    write_inputs(tmp_path)
    undisturbed = write_recipe(tmp_path, server.url, tmp_path / "undisturbed")
    subprocess.run(command(undisturbed), cwd=ROOT, check=True)
    in_all = len(server.asked)
    del server.asked[:]

    recipe = write_recipe(tmp_path, server.url, tmp_path / "killed")
    chance = random.Random(20_261_127)
    kills = 0
    for number in range(KILLS):
        process = subprocess.Popen(command(recipe), cwd=ROOT, start_new_session=True)
        goal = len(server.asked) + chance.randint(1, max(2, in_all // (KILLS + 2)))
        while process.poll() is None and len(server.asked) < goal:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.1)
        assert process.poll() is None, f"the run ended before kill {number}"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kills += 1
    subprocess.run(command(recipe), cwd=ROOT, check=True)

    assert kills == KILLS
    assert digests(tmp_path / "killed") == digests(tmp_path / "undisturbed")
    times = Counter(json.dumps(body, sort_keys=True) for body in server.asked)
    again = sum(count - 1 for count in times.values())
    assert again <= KILLS * WINDOW, "only what was in flight at a kill may be asked again"
    print(
        f"{KILLS} kills: {in_all} requests undisturbed, {len(server.asked)} in all, {again} again"
    )
