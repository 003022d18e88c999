"""Run one materialised stage: a Beam graph, then a manifest over what its workers wrote.

A stage is skipped when its folder holds a manifest: the folder's name is the stage's identity,
which changes with its version, its configuration and everything it reads.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from pipeline import errors
from pipeline.errors import InvariantError
from pipeline.fingerprint import IDENTITY_CHARS, canonical_json, fingerprint
from pipeline.records.manifest import Counts, Manifest, ShardEntry, Statistics, merge_statistics
from pipeline.storage.filesystem import open_input
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms import coders  # noqa: F401 - registers the coder of pa.RecordBatch
from pipeline.transforms.outcome import FAILED, REJECTED

Entries = Mapping[str, Sequence[ShardEntry]]


def _nothing_to_prepare(folder: StageFolder) -> None:
    del folder


def _is_complete(folder: StageFolder) -> bool:
    del folder
    return True


def _nothing_to_finish(folder: StageFolder, entries: Entries) -> Sequence[ShardEntry]:
    del folder, entries
    return ()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a stage is made of.

    ``inputs`` maps names to identities of what the stage reads. ``outputs`` maps each output to
    its number of shards; ``build`` adds the graph that writes them, and their receipts, to a
    pipeline. ``count`` says from the receipts what became of the rows. ``prepare`` runs before
    the graph; ``finish`` runs after it and returns files that the driver itself made of all
    shards. As long as ``is_complete`` says no after a graph, ``build`` makes another, which goes on
    from the files of the last.
    """

    name: str
    version: int
    config: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, int]
    build: Callable[[beam.Pipeline, StageFolder], Any]
    count: Callable[[Entries], Counts]
    prepare: Callable[[StageFolder], None] = field(default=_nothing_to_prepare)
    is_complete: Callable[[StageFolder], bool] = field(default=_is_complete)
    finish: Callable[[StageFolder, Entries], Sequence[ShardEntry]] = field(
        default=_nothing_to_finish
    )

    @property
    def identity(self) -> str:
        """Hex digest of name, version, configuration and inputs; the stage's folder name."""
        return fingerprint(
            {
                "stage": self.name,
                "version": self.version,
                "config": self.config,
                "inputs": self.inputs,
            }
        )[:IDENTITY_CHARS]

    def folder(self, run: str) -> StageFolder:
        """Where the stage writes in the folder of a run."""
        return StageFolder.of(run, self.name, self.identity)


@dataclass(frozen=True)
class Finished:
    """A stage's committed output."""

    folder: StageFolder
    manifest: Manifest

    @property
    def identity(self) -> str:
        """Identity of the stage that made it."""
        return self.manifest.identity

    def num_shards(self, output: str) -> int:
        """Shards of ``output``."""
        return len(self.manifest.shards(output))

    def schema(self, output: str) -> pa.Schema:
        """Columns of ``output``, read from the footer of its first shard."""
        with open_input(self.folder.locate(self.manifest.shards(output)[0].name)) as file:
            return pq.read_schema(file).remove_metadata()


def run_stage(
    stage: Stage, run: str, options: Sequence[str], *, max_failed_ratio: float
) -> Finished:
    """Run the stage's graph unless its manifest is there, and commit what it wrote.

    Raises InvariantError when a receipt is missing, the counts do not add up, or more than
    ``max_failed_ratio`` of the rows failed; no manifest is written then, finished shards stay,
    and a later run goes on from them.
    """
    folder = stage.folder(run)
    done = folder.read_manifest()
    if done is not None:
        return Finished(folder, done)
    stage.prepare(folder)
    _run_graph(stage, folder, options)
    while not stage.is_complete(folder):
        _run_graph(stage, folder, options)
    entries = {
        output: [_receipt(folder, stage.name, output, shard) for shard in range(num_shards)]
        for output, num_shards in stage.outputs.items()
    }
    counts = stage.count(entries).check(stage=stage.name)
    _check_failures(stage.name, counts, folder, max_failed_ratio)
    for entry in stage.finish(folder, entries):
        entries.setdefault(entry.output, []).append(entry)
    manifest = Manifest(
        stage=stage.name,
        version=stage.version,
        identity=stage.identity,
        config=json.loads(canonical_json(stage.config)),
        inputs=dict(stage.inputs),
        counts=counts,
        outputs={output: tuple(found) for output, found in entries.items()},
        statistics=_statistics(entries),
    )
    folder.sweep()
    folder.write_manifest(manifest)
    return Finished(folder, manifest)


def _run_graph(stage: Stage, folder: StageFolder, options: Sequence[str]) -> None:
    """Build and run; what a worker raised on purpose is raised here as what it was.

    Runners hand a worker's exception on as the text of its traceback inside one of their own.
    """
    hold_worker_output()
    try:
        with beam.Pipeline(options=PipelineOptions(list(options))) as graph:
            stage.build(graph, folder)
    except errors.ReasonmillError as error:
        message = str(error).partition(" [while running")[0]
        raise type(error)(f"stage {stage.name!r}: {message}") from error
    except Exception as error:
        raised = _RAISED.findall(str(error))
        if not raised:
            error.add_note(f"in stage {stage.name!r}; finished shards stay in {folder.path}")
            raise
        name, message = raised[-1]
        kind: type[errors.ReasonmillError] = getattr(errors, name)
        raise kind(f"stage {stage.name!r}: {message.strip()}") from error


def hold_worker_output() -> None:
    """Keep Beam's local workers from losing what they emit.

    Every second, a second thread of a local worker sends off what a step has emitted so far, and
    takes no lock against the thread that emits more: elements in between are dropped, or cut so
    that the run fails or hangs. (Beam 2.77, ``TimeBasedBufferingClosableOutputStream.flush`` in
    ``apache_beam/runners/worker/data_plane.py``; seen with two workers of ``multi_threading``, our
    local default: of 24,000 elements of 20 kB, 39 to 236 were lost in each of four runs.)
    Without the timer it is sent when it fills a buffer, or its bundle ends.
    """
    worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = _NEVER_MS


_NEVER_MS = 1 << 31
"""25 days; 0 would mean the default."""


_RAISED = re.compile(
    rf"{re.escape(errors.__name__)}\.(\w+): (.+?)(?=\s*\[while running|\n\n|\Z)", re.DOTALL
)


def rows(entries: Entries, output: str) -> int:
    """Rows of an output over all its shards."""
    return sum(entry.rows for entry in entries[output])


def outcome_counts(entries: Entries, *, rows_in: int, kept: str) -> Counts:
    """What became of ``rows_in`` rows in a stage that writes ``kept``, rejected and failed."""
    return Counts(
        rows_in=rows_in,
        kept=rows(entries, kept),
        rejected=rows(entries, REJECTED),
        failed=rows(entries, FAILED),
    )


def _receipt(folder: StageFolder, stage: str, output: str, shard: int) -> ShardEntry:
    entry = folder.read_receipt(output, shard)
    if entry is None:
        raise InvariantError(
            f"stage {stage!r}: shard {shard} of {output!r} has no receipt in {folder.path}; "
            "the runner reported success without having run it"
        )
    return entry


def _check_failures(
    stage: str, counts: Counts, folder: StageFolder, max_failed_ratio: float
) -> None:
    if counts.failed > max_failed_ratio * counts.rows_in:
        raise InvariantError(
            f"stage {stage!r}: {counts.failed} of {counts.rows_in} rows failed, more than "
            f"max_failed_ratio {max_failed_ratio:g} allows; see {folder.locate('failed')}"
        )


def _statistics(entries: Entries) -> Statistics:
    return {
        output: merged
        for output, found in entries.items()
        if (merged := merge_statistics(entry.statistics for entry in found))
    }
