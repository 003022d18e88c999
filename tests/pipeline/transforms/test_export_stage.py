"""Exports as stages: written where the run lies, once, and to the token."""

import dataclasses
import io
from pathlib import Path

import pytest

from mixtures.formats.catalog import FORMATS
from mixtures.ledger import Realised
from mixtures.provenance import write_documents
from mixtures.windows import DOCUMENTS_SUFFIX, SUFFIXES
from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.run import local_options
from pipeline.storage.filesystem import atomic_output, exists, read_bytes, remove, walk
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.export import SUMMARY, export_stage
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.windows import DOCUMENTS, WINDOWS
from tests.mixtures.formats.exported_stage import Stage, export, make_stage


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, Path]:
    folder = tmp_path_factory.mktemp("native")
    return make_stage(folder), folder


def windows(native: tuple[Stage, Path], run: str, *, tokens: int | None = None) -> Finished:
    """The made-up shards as a finished stage of ``run``, on whatever file system that is."""
    stage, source = native
    folder = StageFolder.of(run, "windows-one", "0" * 12)
    entries: dict[str, list[ShardEntry]] = {WINDOWS: [], DOCUMENTS: []}
    for number, (shard, by_component) in enumerate(
        zip(stage.shards, stage.shard_tokens(), strict=True)
    ):
        table = io.BytesIO()
        write_documents(table, shard.documents)
        (source / f"part-{number}{DOCUMENTS_SUFFIX}").write_bytes(table.getvalue())
        base = f"windows/part-{number}"
        for suffix in SUFFIXES:
            with atomic_output(folder.locate(base + suffix)) as file:
                file.write((source / f"part-{number}{suffix}").read_bytes())
        held = sum(by_component.values()) if tokens is None else tokens
        ledger = {
            name: {
                "web": {
                    "none": {"none": {"none": dataclasses.asdict(Realised(1, held, held, held))}}
                }
            }
            for name, held in by_component.items()
        }
        for output, suffix, rows, statistics in (
            (WINDOWS, SUFFIXES[0], shard.windows.num_windows, {"packing": {"tokens": held}}),
            (
                DOCUMENTS,
                DOCUMENTS_SUFFIX,
                shard.documents.num_rows,
                {"ledger": ledger},
            ),
        ):
            entries[output].append(
                ShardEntry(output, number, base + suffix, rows, 0, "", statistics)
            )
    copies = sum(entry.rows for entry in entries[DOCUMENTS])
    packing = {"tokens": sum(e.statistics["packing"]["tokens"] for e in entries[WINDOWS])}
    manifest = Manifest(
        stage="windows-one",
        version=1,
        identity="0" * 12,
        config={"layout": dataclasses.asdict(stage.context.layout)},
        inputs={},
        counts=Counts(copies, copies, 0, 0),
        outputs={name: tuple(found) for name, found in entries.items()},
        statistics={WINDOWS: {"packing": packing}},
    )
    return Finished(folder, manifest)


def run_export(finished: Finished, run: str, format_name: str) -> Finished:
    stage = export_stage(finished, "qwen2.5", format_name)
    return run_stage(stage, run, local_options(), max_failed_ratio=0)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_stage_writes_what_the_format_writes(native, folder, tmp_path, format_name) -> None:
    done = run_export(windows(native, folder), folder, format_name)
    copies = sum(shard.documents.num_rows for shard in native[0].shards)
    assert done.manifest.counts == Counts(copies, copies, 0, 0)
    assert done.manifest.stage == f"export-{format_name}-one"
    export(native[0], format_name, tmp_path / "expected")
    written = {
        found.name: read_bytes(found.path)
        for found in walk(done.folder.path)
        if found.name.startswith(f"{format_name}/")
    }
    expected = {
        path.relative_to(tmp_path / "expected").as_posix(): path.read_bytes()
        for path in (tmp_path / "expected").rglob("*")
        if path.is_file()
    }
    assert written == expected
    named = {entry.name for entries in done.manifest.outputs.values() for entry in entries}
    assert named == set(written)
    assert done.manifest.rows(SUMMARY) == len(done.manifest.shards(SUMMARY))


def test_a_killed_export_goes_on_with_the_sets_that_are_missing(native, folder) -> None:
    finished = windows(native, folder)
    done = run_export(finished, folder, "megatron")
    before = done.manifest.to_json()
    first, *others = done.manifest.shards("bin")
    remove(done.folder.locate("manifest.json"))
    remove(done.folder.locate(f"receipts/idx-{first.shard:05d}.json"))
    remove(done.folder.locate(first.name))
    for entry in others:  # it would be noticed if these were written again
        remove(done.folder.locate(entry.name))
    assert run_export(finished, folder, "megatron").manifest.to_json() == before
    assert exists(done.folder.locate(first.name))
    assert not any(exists(done.folder.locate(entry.name)) for entry in others)


def test_an_export_of_other_tokens_than_the_windows_hold_is_refused(native, folder) -> None:
    finished = windows(native, folder, tokens=100)
    with pytest.raises(InvariantError, match="tokens exported of stage 'windows-one', its windows"):
        run_export(finished, folder, "olmo")
