import json
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from pipeline.errors import InvariantError
from pipeline.transforms.tasks import RunSteps, Step, Tally, merge_tallies, run_task
from tests.support.beam import FOUR_THREADS, OPTIONS, collections, pipeline

Work = Callable[[int, Tally], Tally | None]


def run_steps(folder: Path, *works: tuple[int, Work], options=OPTIONS) -> None:
    """Run steps named ``0``, ``1``..., each of so many tasks."""
    steps = [
        Step(str(number), num_tasks, work, str(folder / "receipts"))
        for number, (num_tasks, work) in enumerate(works)
    ]
    with pipeline(options) as graph:
        _ = graph | RunSteps(steps)


def note(folder: Path, step: int, task: int, before: Tally) -> Tally:
    """Count one, and leave a file with what had been counted before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step}-{task}-{uuid.uuid4().hex}.json"
    path.write_text(json.dumps(before))
    return {f"step {step}": 1}


def notes(folder: Path, step: int, task: int) -> list[Tally]:
    return [json.loads(path.read_text()) for path in folder.glob(f"{step}-{task}-*.json")]


@pytest.mark.parametrize("options", [OPTIONS, FOUR_THREADS])
def test_every_task_knows_what_all_steps_before_have_counted(tmp_path: Path, options):
    sizes = (3, 1, 5, 2)
    works = [(size, partial(note, tmp_path / "notes", step)) for step, size in enumerate(sizes)]
    run_steps(tmp_path, *works, options=options)
    for step, size in enumerate(sizes):
        expected = {f"step {earlier}": sizes[earlier] for earlier in range(step)}
        for task in range(size):
            assert notes(tmp_path / "notes", step, task) == [expected]
    assert len(list((tmp_path / "notes").iterdir())) == sum(sizes)


def test_a_task_refuses_to_work_when_a_count_before_it_was_lost(tmp_path: Path):
    step = Step("1", 4, partial(note, tmp_path / "notes", 1), str(tmp_path / "receipts"))
    first = Step("0", 3, partial(note, tmp_path / "notes", 0), str(tmp_path / "receipts"))
    handed_on = [tally for task in range(3) for tally in run_task(task, first)]
    assert len(list(run_task(2, step, 3, handed_on))) == 1
    with pytest.raises(InvariantError, match="step '1': 2 of the 3 tasks before it"):
        list(run_task(3, step, 3, handed_on[1:]))


def leave_slowly(folder: Path, step: int, task: int, before: Tally) -> Tally:
    """Fail unless all files of the step before are there, and leave one, late ones last."""
    del before
    missing = [n for n in range(8) if step and not (folder / f"{step - 1}-{n}").exists()]
    if missing:
        raise AssertionError(f"step {step} began before tasks {missing} of the step before")
    folder.mkdir(parents=True, exist_ok=True)
    time.sleep(0.01 * (task % 4) * (1 + step % 2))
    (folder / f"{step}-{task}").touch()
    return {}


@pytest.mark.parametrize("options", [OPTIONS, FOUR_THREADS])
def test_a_step_begins_when_all_tasks_of_the_one_before_are_done(tmp_path: Path, options):
    works = [(8, partial(leave_slowly, tmp_path / "left", step)) for step in range(5)]
    run_steps(tmp_path, *works, options=options)
    assert len(list((tmp_path / "left").iterdir())) == 40


class Meet:
    """Tasks that wait until two of them have begun."""

    begun: ClassVar[list[int]] = []
    met = threading.Event()

    def __call__(self, task: int, before: Tally) -> Tally:
        del before
        self.begun.append(task)
        if len(self.begun) > 1:
            self.met.set()
        return {"met": int(self.met.wait(timeout=20))}


def test_tasks_of_a_step_run_at_the_same_time(tmp_path: Path):
    run_steps(tmp_path, (8, Meet()), options=FOUR_THREADS)
    receipts = [json.loads(path.read_text()) for path in (tmp_path / "receipts").iterdir()]
    assert receipts == [{"met": 1}] * 8


def fail_once(folder: Path, step: int, task: int, before: Tally) -> Tally:
    counted = note(folder, step, task, before)
    if task == 1 and not (folder / "failed").exists():
        (folder / "failed").touch()
        raise ValueError("killed")
    return counted


def test_a_run_that_was_killed_goes_on_from_its_receipts(tmp_path: Path):
    folder = tmp_path / "notes"
    works = [(3, partial(note, folder, 0)), (4, partial(fail_once, folder, 1))]
    works.append((1, partial(note, folder, 2)))
    with pytest.raises(Exception, match="killed"):
        run_steps(tmp_path, *works)
    receipts = {path.name for path in (tmp_path / "receipts").iterdir()}
    assert {f"0-part-0000{task}-of-00003.json" for task in range(3)} <= receipts
    run_steps(tmp_path, *works)
    assert [len(notes(folder, 0, task)) for task in range(3)] == [1, 1, 1]
    assert len(notes(folder, 1, 1)) == 2
    for task in (0, 2, 3):
        is_finished = f"1-part-0000{task}-of-00004.json" in receipts
        assert len(notes(folder, 1, task)) == 1 or not is_finished
    assert notes(folder, 2, 0) == [{"step 0": 3, "step 1": 4}]


def wait_for_two(folder: Path, task: int, before: Tally) -> Tally | None:
    note(folder, 9, task, before)
    return {"worked": 1} if before.get("step 1") == 2 else None


def test_a_task_before_its_time_leaves_no_receipt_and_is_run_by_the_next_graph(tmp_path: Path):
    folder = tmp_path / "notes"
    early = [(2, partial(note, folder, 0)), (2, partial(wait_for_two, folder))]
    run_steps(tmp_path, *early)
    assert not list((tmp_path / "receipts").glob("1-*"))
    late = [early[0], (2, partial(note, folder, 1)), (2, partial(wait_for_two, folder))]
    run_steps(tmp_path, *late)
    assert len(list((tmp_path / "receipts").glob("2-*"))) == 2


def test_a_step_is_one_transform_of_the_graph(tmp_path: Path):
    def size(num_steps: int) -> int:
        with pipeline() as graph:
            steps = [Step(str(n), 1, _nothing, str(tmp_path)) for n in range(num_steps)]
            _ = graph | RunSteps(steps)
            return len(collections(graph))

    # A shuffle or a sum for every step would cost a runner like Flink seconds each.
    assert size(7) - size(4) == 3


def _nothing(task: int, before: Tally) -> Tally:
    del task, before
    return {}


def test_tallies_add_up_by_name():
    assert merge_tallies([{"a": 1}, {}, {"b": 2, "a": 3}]) == {"a": 4, "b": 2}
