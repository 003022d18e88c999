"""The sandbox: one item's crash, hang or hunger fails that item and no other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractors.sandbox import Failed, Ok, Rejected, Sandbox
from pipeline.errors import ConfigError
from tests.extractors.sandboxed_functions import (
    behave,
    busy_once,
    fail_to_prepare,
    hash_of,
    process_id,
)

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def sandbox() -> Iterator[Sandbox[str, str]]:
    with Sandbox(behave, time_limit_seconds=0.5, memory_limit_bytes=1 << 28) as opened:
        yield opened


def test_values_come_back_in_the_order_of_the_items(sandbox: Sandbox[str, str]) -> None:
    items = [f"item {number}" for number in range(300)]
    assert sandbox.map(items) == [Ok(item.upper()) for item in items]


def test_no_items_start_no_child(sandbox: Sandbox[str, str]) -> None:
    assert sandbox.map([]) == []


def test_a_child_serves_many_batches() -> None:
    with Sandbox(process_id, time_limit_seconds=1, memory_limit_bytes=1 << 28) as sandbox:
        pids = sandbox.map([1, 2]) + sandbox.map([3])
        assert len(set(pids)) == 1


def test_a_closed_sandbox_opens_again(sandbox: Sandbox[str, str]) -> None:
    sandbox.map(["a"])
    sandbox.close()
    assert sandbox.map(["b"]) == [Ok("B")]


@pytest.mark.parametrize(
    ("order", "error_type", "message"),
    [
        ("segfault", "Crashed", "SIGSEGV"),
        ("exit", "Crashed", "status 3"),
        ("burn cpu", "CpuTimeLimit", "0.5 s of CPU time"),
        ("eat memory", "MemoryError", ""),
        ("raise", "ValueError", "no such thing"),
        ("raise recursion", "RecursionError", "recursion"),
        ("unpicklable", "AttributeError", "pickle"),
    ],
)
def test_only_the_item_at_fault_fails(
    sandbox: Sandbox[str, str], order: str, error_type: str, message: str
) -> None:
    before, fault, after = sandbox.map(["before", order, "after"])
    assert (before, after) == (Ok("BEFORE"), Ok("AFTER"))
    assert isinstance(fault, Failed)
    assert fault.error_type == error_type
    assert message in fault.message


def test_an_item_that_waits_without_computing_is_ended() -> None:
    with Sandbox(behave, time_limit_seconds=0.05, memory_limit_bytes=1 << 28) as sandbox:
        waiting, after = sandbox.map(["sleep", "after"])
    assert isinstance(waiting, Failed)
    assert waiting.error_type == "WallTimeLimit"
    assert after == Ok("AFTER")


def test_a_judgement_is_not_a_failure(sandbox: Sandbox[str, str]) -> None:
    assert sandbox.map(["reject"]) == [Rejected("text.empty", "0")]


def test_an_exception_brings_its_traceback(sandbox: Sandbox[str, str]) -> None:
    (failed,) = sandbox.map(["raise"])
    assert isinstance(failed, Failed)
    assert failed.traceback is not None
    assert "sandboxed_functions.behave" in failed.traceback


def test_a_crash_brings_its_last_words_without_addresses_and_folders(
    sandbox: Sandbox[str, str],
) -> None:
    (failed,) = sandbox.map(["segfault"])
    assert isinstance(failed, Failed)
    assert "about to read address 0" in failed.message
    assert "in behave" in failed.message
    assert "0x0" not in failed.message
    assert str(REPOSITORY) not in failed.message
    assert failed.traceback is None


def test_a_crash_that_earlier_items_caused_is_not_blamed_on_this_one(
    sandbox: Sandbox[str, str],
) -> None:
    assert sandbox.map(["a", "segfault unless fresh"])[1] == Ok("SEGFAULT UNLESS FRESH")


def test_what_an_item_prints_is_not_taken_for_an_answer(sandbox: Sandbox[str, str]) -> None:
    assert sandbox.map(["print", "a"]) == [Ok("PRINT"), Ok("A")]


def test_an_item_larger_than_a_pipe_and_a_frame_passes(sandbox: Sandbox[str, str]) -> None:
    large = "x" * 3_000_000
    assert sandbox.map(["a", large, "b"]) == [Ok("A"), Ok(large.upper()), Ok("B")]


def test_children_hash_alike() -> None:
    hashes = []
    for _ in range(2):
        with Sandbox(hash_of, time_limit_seconds=1, memory_limit_bytes=1 << 28) as sandbox:
            hashes += sandbox.map(["the same text"])
    assert hashes[0] == hashes[1]


def test_a_function_that_the_child_cannot_import_is_refused() -> None:
    sandbox: Sandbox[str, str] = Sandbox(_renamed, time_limit_seconds=1, memory_limit_bytes=1 << 28)
    _renamed.__qualname__ = _renamed.__name__ = "_renamed"
    sandbox._setup = sandbox._setup.replace(b"_renamed", b"_missing")
    with pytest.raises(ConfigError, match="could not load"):
        sandbox.map(["a"])


def _renamed(text: str) -> str:
    return text


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_ends_with_its_parent() -> None:
    program = (
        "import time\n"
        "from extractors.sandbox import Sandbox\n"
        "from tests.extractors.sandboxed_functions import process_id\n"
        "sandbox = Sandbox(process_id, time_limit_seconds=1, memory_limit_bytes=1 << 28)\n"
        "print(sandbox.map([0])[0].value, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_running(child)


def _is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_preparing_is_not_charged_to_the_item() -> None:
    with Sandbox(
        behave, time_limit_seconds=0.5, memory_limit_bytes=1 << 28, prepare=busy_once
    ) as sandbox:
        outcomes = sandbox.map(["return", "return"])
    assert all(isinstance(outcome, Ok) for outcome in outcomes)


def test_what_preparing_raises_is_passed_over() -> None:
    with Sandbox(
        behave, time_limit_seconds=1, memory_limit_bytes=1 << 28, prepare=fail_to_prepare
    ) as sandbox:
        assert isinstance(sandbox.map(["return"])[0], Ok)
