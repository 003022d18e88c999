"""Write a stage's windows again in the format of another trainer: a stage of its own.

Each file set is written by one worker, forward, from the window shards it holds; the driver adds
what describes all sets. So an export is parallel, goes on after a kill, and is the same bytes on
every runner, like any other stage.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import apache_beam as beam
import numpy as np
import pyarrow.parquet as pq

from mixtures.formats.catalog import FORMATS
from mixtures.formats.export import (
    DOCUMENTS_SUFFIX,
    ExportContext,
    ExportFormat,
    FileSet,
    NativeShard,
    SetCounts,
    WrittenSet,
)
from mixtures.ledger import unnest
from mixtures.stage_files import WINDOWS, WINDOWS_PREFIX
from mixtures.windows import DOCUMENTS_SUFFIX as NATIVE_DOCUMENTS_SUFFIX
from mixtures.windows import (
    LAYOUT_SUFFIX,
    SEGMENTS_SUFFIX,
    TOKENS_SUFFIX,
    WindowLayout,
    WindowShard,
    first_segments,
)
from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.storage.filesystem import atomic_output, open_input, read_text
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import HashingFile
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Entries, Finished, Stage
from pipeline.transforms.windows import DOCUMENTS

PREFIX = "export-"
SUMMARY = "summary"
"""The output of the driver: indexes, blends and a README."""

_STATISTICS = "export"


@dataclass(frozen=True)
class ExportPlan:
    """What a worker needs to write one file set."""

    format_name: str
    context: ExportContext
    sets: tuple[FileSet, ...]
    windows: StageFolder
    shards: tuple[str, ...]

    @property
    def format(self) -> ExportFormat:
        """The format's functions."""
        return FORMATS[self.format_name]

    def read(self, files: FileSet) -> Iterator[NativeShard]:
        """The window shards of a set, one after the other."""
        for shard in files.shards:
            yield read_shard(self.windows.locate(self.shards[shard]))


def export_stage(windows: Finished, tokenizer: str, format_name: str) -> Stage:
    """Write the windows of a finished stage in ``format_name``, a key of ``FORMATS``.

    ``tokenizer`` is named in the files of formats that say so. InvariantError when the sets hold
    other documents or tokens than the windows.
    """
    plan = plan_export(windows.manifest, windows.folder, tokenizer, format_name)
    outputs = {_output(suffix): len(plan.sets) for suffix in plan.format.suffixes}

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        _ = (
            graph
            | PendingShards(folder, len(plan.sets), tuple(outputs))
            | "Write file sets" >> beam.Map(_write_set, folder, plan).with_output_types(int)
        )

    def finish(folder: StageFolder, entries: Entries) -> Sequence[ShardEntry]:
        texts = plan.format.summarize(_written(plan, entries), plan.context)
        return [
            _write_summary(folder, number, f"{format_name}/{name}", text)
            for number, (name, text) in enumerate(texts.items())
        ]

    return Stage(
        name=f"{PREFIX}{format_name}-{plan.context.stage}",
        version=1,
        config={"format": format_name, "context": plan.context, "sets": plan.sets},
        inputs={windows.manifest.stage: windows.identity},
        outputs=outputs,
        build=build,
        count=lambda entries: count_copies(
            windows.manifest, [one.counts for one in _written(plan, entries)]
        ),
        finish=finish,
    )


def plan_export(
    windows: Manifest, folder: StageFolder, tokenizer: str, format_name: str
) -> ExportPlan:
    """The file sets of an export, from the manifest of the windows alone."""
    ledgers = [unnest(entry.statistics["ledger"]) for entry in windows.shards(DOCUMENTS)]
    shard_tokens: list[Mapping[str, int]] = []
    for ledger in ledgers:
        tokens: dict[str, int] = {}
        for (component, *_), realised in ledger.items():
            tokens[component] = tokens.get(component, 0) + realised.tokens
        shard_tokens.append(tokens)
    context = ExportContext(
        stage=windows.stage.removeprefix(WINDOWS_PREFIX),
        tokenizer=tokenizer,
        layout=WindowLayout(**windows.config["layout"]),
    )
    return ExportPlan(
        format_name,
        context,
        FORMATS[format_name].plan(shard_tokens),
        folder,
        tuple(entry.name.removesuffix(TOKENS_SUFFIX) for entry in windows.shards(WINDOWS)),
    )


def read_shard(name: str) -> NativeShard:
    """Read a window shard and its documents whole, from any file system; ``name`` has no suffix."""
    with open_input(name + TOKENS_SUFFIX) as file:
        tokens = np.lib.format.read_array(file, allow_pickle=False)
    with open_input(name + SEGMENTS_SUFFIX) as file:
        segments = np.lib.format.read_array(file, allow_pickle=False)
    with open_input(name + NATIVE_DOCUMENTS_SUFFIX) as file:
        documents = pq.read_table(file)
    layout = WindowLayout.from_json(read_text(name + LAYOUT_SUFFIX))
    windows = WindowShard(tokens, segments, first_segments(segments, len(tokens)), layout)
    return NativeShard(windows, documents)


def count_copies(windows: Manifest, sets: Sequence[SetCounts]) -> Counts:
    """Copies in the windows are rows in, copies in the files are kept.

    InvariantError when the tokens differ.
    """
    total = sum(sets, SetCounts(0, 0, 0))
    tokens = windows.statistics[WINDOWS]["packing"]["tokens"]
    if total.tokens != tokens:
        raise InvariantError(
            f"{total.tokens} tokens exported of stage {windows.stage!r}, its windows hold {tokens}"
        )
    return Counts(rows_in=windows.rows(DOCUMENTS), kept=total.copies, rejected=0, failed=0)


def _output(suffix: str) -> str:
    return suffix.removeprefix(".")


def _write_set(number: int, folder: StageFolder, plan: ExportPlan) -> int:
    """Write the files of set ``number``, then a receipt for each."""
    files = plan.sets[number]
    with ExitStack() as stack:
        streams = {
            suffix: HashingFile(
                stack.enter_context(atomic_output(folder.locate(files.name + suffix)))
            )
            for suffix in plan.format.suffixes
        }
        counts = plan.format.write(
            cast("Mapping[str, BinaryIO]", streams),
            plan.read(files),
            files=files,
            context=plan.context,
        )
    for suffix, file in streams.items():
        is_table = suffix == DOCUMENTS_SUFFIX
        is_first = suffix == plan.format.suffixes[0]
        statistics: dict[str, Any] = {
            "sequences": counts.sequences,
            "copies": counts.copies,
            "tokens": counts.tokens,
        }
        folder.write_receipt(
            ShardEntry(
                _output(suffix),
                number,
                files.name + suffix,
                counts.copies if is_table else counts.sequences,
                file.tell(),
                file.sha256,
                {_STATISTICS: statistics} if is_first else {},
            )
        )
    return number


def _written(plan: ExportPlan, entries: Entries) -> list[WrittenSet]:
    first = entries[_output(plan.format.suffixes[0])]
    return [
        WrittenSet(files, SetCounts(**entry.statistics[_STATISTICS]), entry.bytes, entry.sha256)
        for files, entry in zip(plan.sets, first, strict=True)
    ]


def _write_summary(folder: StageFolder, number: int, name: str, text: str) -> ShardEntry:
    with atomic_output(folder.locate(name)) as raw:
        file = HashingFile(raw)
        file.write(text.encode())
    return ShardEntry(SUMMARY, number, name, 1, file.tell(), file.sha256)
