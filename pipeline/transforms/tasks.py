r"""Steps of numbered tasks that hand each other files, and through Beam only what they counted.

    task numbers --step 1--> tallies
        \---------step 2--> tallies    after step 1: its tallies are a side input
         \--------step 3--> tallies    after step 2

A step begins when every task of the step before is done: their tallies are its side input, which
holds it back on every runner. A task that has finished leaves a receipt with its counts, so a run
that was killed goes on where it was.

All steps take their numbers from one collection, and no step adds anything up between its tasks: a
shuffle for every step, and a global sum, made a graph of 30 transforms a step out of one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipeline.errors import InvariantError
from pipeline.records.address import shard_name
from pipeline.storage.filesystem import exists, join, read_text, remove, write_text
from pipeline.storage.stage_folder import StageFolder

WORK = "work"
"""In the folder of a stage, what its steps hand each other, and their receipts."""

Tally = dict[str, int]
"""Counts by name; those of several tasks are added up."""

Work = Callable[[int, Tally], Tally | None]
"""(Number of the task, everything counted so far) -> what it counts itself, or None: this is not
its time, and no receipt is left."""


@dataclass(frozen=True)
class Step:
    """``num_tasks`` tasks that may run at the same time; their receipts lie in ``folder``."""

    name: str
    num_tasks: int
    work: Work
    folder: str

    def run(self, task: int, before: Tally) -> Tally:
        """Work, or read what the task counted when it worked."""
        receipt = join(self.folder, f"{self.name}-{shard_name(task, self.num_tasks)}.json")
        if exists(receipt):
            done: Tally = json.loads(read_text(receipt))
            return done
        counted = self.work(task, before)
        if counted is None:
            return {}
        write_text(receipt, json.dumps(counted, sort_keys=True))
        return counted


@dataclass(eq=False)
class RunSteps(beam.PTransform):  # type: ignore[misc]
    """A pipeline -> the tallies of the last of some steps, which run one after the other."""

    steps: Sequence[Step]

    def __post_init__(self) -> None:
        super().__init__(label="Run steps")

    def expand(self, graph: beam.pvalue.PBegin) -> beam.PCollection:
        """Spread the numbers of tasks, and hang every step below them and behind the last one."""
        most = max(step.num_tasks for step in self.steps)
        tasks = (
            graph
            | "Number of tasks" >> beam.Create([most], reshuffle=False)
            | "List tasks" >> beam.FlatMap(_numbers).with_output_types(int)
            | "Spread tasks" >> beam.Reshuffle()
        )
        before: tuple[Any, ...] = ()
        for step in self.steps:
            made = tasks | step.name >> beam.FlatMap(run_task, step, *before).with_output_types(
                Tally
            )
            before = (step.num_tasks, beam.pvalue.AsIter(made))
        return made


def run_task(task: int, step: Step, due: int = 0, before: Iterable[Tally] = ()) -> Iterator[Tally]:
    """The tally of a task; that of task 0 holds all that came before, to carry it on.

    Raises InvariantError unless ``due`` tasks of the step before handed theirs on: counts decide
    what a step does, so a lost one would change the result.
    """
    if task < step.num_tasks:
        so_far = merge_tallies(before)
        done = so_far.pop(_TASKS, 0)
        if done != due:
            raise InvariantError(
                f"step {step.name!r}: {done} of the {due} tasks before it handed on what they "
                "counted; the runner lost the others, run again"
            )
        counted = step.run(task, so_far)
        yield merge_tallies([{_TASKS: 1}, counted, {} if task else so_far])


_TASKS = "tasks"
"""How many tasks a tally is of."""


def remove_work(folder: StageFolder, entries: object) -> tuple[()]:
    """Delete what the steps of a finished stage handed each other; its ``Stage.finish``."""
    del entries
    remove(folder.locate(WORK))
    return ()


def merge_tallies(tallies: Iterable[Tally]) -> Tally:
    """The sum of several tallies, name by name."""
    merged: Tally = {}
    for tally in tallies:
        for name, number in tally.items():
            merged[name] = merged.get(name, 0) + number
    return merged


def _numbers(count: int) -> Iterator[int]:
    yield from range(count)
