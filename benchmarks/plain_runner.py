"""Runs a Beam graph with nothing but Python calls: the work without Beam's own cost.

It hands elements from DoFn to DoFn, groups in dictionaries, and encodes nothing. One thread, one
bundle, no retries: a yardstick for `benchmarks.beam_overhead`, not a runner for users.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform
from apache_beam.pvalue import AsIter, AsList, AsSingleton, TaggedOutput
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.transforms.core import Create, Flatten, GroupByKey, ParDo
from apache_beam.transforms.util import Reshuffle

_PRIMITIVES = (Create, Flatten, GroupByKey, ParDo, Reshuffle)


class PlainRunner(PipelineRunner):  # type: ignore[misc]
    """Executes a graph in this thread as it is applied."""

    def run_pipeline(self, pipeline: beam.Pipeline, options: Any) -> PipelineResult:
        """Run to the end; raises what a DoFn raises, and TypeError on an unknown transform."""
        del options
        _Execution(list(_leaves(pipeline._root_transform()))).run()  # noqa: SLF001
        return PipelineResult(PipelineState.DONE)


def _leaves(applied: AppliedPTransform) -> Iterator[AppliedPTransform]:
    """Primitive transforms in the order in which they were applied, which is topological."""
    if isinstance(applied.transform, _PRIMITIVES):
        yield applied
        return
    for part in applied.parts:
        yield from _leaves(part)
    if not applied.parts and applied.outputs and applied.transform is not None:
        raise TypeError(f"the plain runner does not know {applied.full_label}")


class _Execution:
    def __init__(self, leaves: list[AppliedPTransform]) -> None:
        self._leaves = leaves
        self._consumers: dict[Any, list[AppliedPTransform]] = {}
        self._buffers: dict[AppliedPTransform, list[Any]] = {}
        self._side_values: dict[Any, list[Any]] = {}
        for leaf in leaves:
            for value in leaf.inputs:
                self._consumers.setdefault(value, []).append(leaf)
            for side in leaf.side_inputs:
                self._side_values.setdefault(side.pvalue, [])

    def run(self) -> None:
        for leaf in self._leaves:
            if isinstance(leaf.transform, ParDo):
                leaf.transform.fn.setup()
                leaf.transform.fn.start_bundle()
        for leaf in self._leaves:
            self._run_leaf(leaf)
        for leaf in self._leaves:
            if isinstance(leaf.transform, ParDo):
                leaf.transform.fn.teardown()

    def _run_leaf(self, leaf: AppliedPTransform) -> None:
        if isinstance(leaf.transform, Create):
            for element in leaf.transform.values:
                self._emit(leaf, element)
        elif leaf in self._buffers:
            self._flush(leaf)
        if isinstance(leaf.transform, ParDo):
            for element in leaf.transform.fn.finish_bundle() or ():
                self._emit(leaf, element.value)

    def _flush(self, leaf: AppliedPTransform) -> None:
        """Everything upstream is done: run what had to wait for it."""
        waiting = self._buffers.pop(leaf)
        if isinstance(leaf.transform, GroupByKey):
            groups: dict[Any, list[Any]] = {}
            for key, value in waiting:
                groups.setdefault(key, []).append(value)
            for group in groups.items():
                self._emit(leaf, group)
        elif isinstance(leaf.transform, Reshuffle):
            for element in waiting:
                self._emit(leaf, element)
        else:
            for element in waiting:
                self._process(leaf, element)

    def _give(self, leaf: AppliedPTransform, element: Any) -> None:
        if isinstance(leaf.transform, Flatten):
            self._emit(leaf, element)
        elif isinstance(leaf.transform, GroupByKey | Reshuffle) or leaf.side_inputs:
            self._buffers.setdefault(leaf, []).append(element)
        else:
            self._process(leaf, element)

    def _process(self, leaf: AppliedPTransform, element: Any) -> None:
        transform = leaf.transform
        sides = iter(transform.side_inputs)
        arguments = [
            self._side(next(sides)) if type(a).__name__ == "ArgumentPlaceholder" else a
            for a in transform.args
        ]
        results: Iterable[Any] = transform.fn.process(element, *arguments, **transform.kwargs) or ()
        for result in results:
            self._emit(leaf, result)

    def _side(self, side: Any) -> Any:
        values = self._side_values[side.pvalue]
        if isinstance(side, AsIter | AsList):
            return values
        if isinstance(side, AsSingleton):
            return values[0] if values else side.default_value
        raise TypeError(f"the plain runner does not know the side input {side}")

    def _emit(self, leaf: AppliedPTransform, element: Any) -> None:
        tag = None
        if isinstance(element, TaggedOutput):
            tag, element = element.tag, element.value
        value = leaf.outputs.get(tag) if tag in leaf.outputs else leaf.outputs.get("None")
        if value is None:
            value = next(iter(leaf.outputs.values()))
        if value in self._side_values:
            self._side_values[value].append(element)
        for consumer in self._consumers.get(value, ()):
            self._give(consumer, element)
