"""Count a run again from its files alone: every digest, row, window and token.

Nothing is taken from the manifests but what they claim; each claim is checked against the files.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow.parquet as pq

from mixtures.provenance import read_documents
from mixtures.spec import MixtureConfig
from mixtures.stage_files import WINDOWS
from mixtures.verification import Members, verify_shard
from mixtures.windows import open_shard
from pipeline.errors import InvariantError
from pipeline.records.manifest import ShardEntry
from pipeline.run import read_run
from pipeline.storage.filesystem import open_input
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import SUFFIX
from pipeline.transforms.export import PREFIX as EXPORT_PREFIX
from pipeline.transforms.export import plan_export
from pipeline.transforms.runs import RUNS, count_run
from pipeline.transforms.solve import read_mixture
from pipeline.transforms.stage import Finished
from pipeline.transforms.windows import DOCUMENTS, stage_separators

_BLOCK_BYTES = 1 << 20


def verify_run(output: str) -> Iterator[str]:
    """Check every stage of the newest run in ``output``; yields one line for each.

    Raises InvariantError at the first file whose bytes, rows or windows are not as claimed, or
    stage whose counts do not add up.
    """
    _, stages = read_run(output)
    for finished in stages:
        manifest = finished.manifest
        counts = manifest.counts.check(stage=manifest.stage)
        files, num_rows, num_bytes = 0, 0, 0
        for entries in manifest.outputs.values():
            for entry in entries:
                if not entry.name:  # a count of what was read, without a file
                    continue
                num_rows += _verify_file(finished.folder, entry)
                num_bytes += entry.bytes
                files += 1
        _verify_counts(finished)
        line = (
            f"{manifest.stage:<26} {counts.rows_in:,} rows in = {counts.kept:,} kept + "
            f"{counts.rejected:,} rejected + {counts.failed:,} failed; {files} files, "
            f"{num_rows:,} rows, {num_bytes:,} bytes"
        )
        if WINDOWS in manifest.outputs:
            line += _verify_windows(finished, read_mixture(stages))
        if manifest.stage.startswith(EXPORT_PREFIX):
            line += _verify_export(finished, stages)
        yield line


def _verify_file(folder: StageFolder, entry: ShardEntry) -> int:
    digest = hashlib.sha256()
    num_bytes = 0
    path = folder.locate(entry.name)
    try:
        with open_input(path) as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                num_bytes += len(block)
    except FileNotFoundError as error:
        raise InvariantError(f"{path} is in the manifest and not in the folder") from error
    if (num_bytes, digest.hexdigest()) != (entry.bytes, entry.sha256):
        raise InvariantError(
            f"{path}: {num_bytes} bytes of sha256 {digest.hexdigest()}, the manifest says "
            f"{entry.bytes} of {entry.sha256}"
        )
    if not entry.name.endswith(SUFFIX):
        return 0
    with open_input(path) as file, pq.ParquetFile(file) as parquet:
        # Row groups are counted by reading a column, not by trusting the footer.
        num_rows = sum(batch.num_rows for batch in parquet.iter_batches(columns=[_first(parquet)]))
    if num_rows != entry.rows:
        raise InvariantError(f"{path}: {num_rows} rows, the manifest says {entry.rows}")
    return int(num_rows)


def _first(parquet: pq.ParquetFile) -> str:
    return str(parquet.schema_arrow.names[0])


def _verify_counts(finished: Finished) -> None:
    """Rejected and failed rows of the counts are those of the tables."""
    manifest = finished.manifest
    for output, claimed in (
        ("rejected", manifest.counts.rejected),
        ("failed", manifest.counts.failed),
    ):
        if output in manifest.outputs and manifest.rows(output) != claimed:
            raise InvariantError(
                f"stage {manifest.stage!r}: {manifest.rows(output)} rows in {output!r}, "
                f"the counts say {claimed}"
            )


def _verify_windows(finished: Finished, mixture: MixtureConfig) -> str:
    """Every law of every window; copies and tokens against the runs they were packed from."""
    folder, manifest = finished.folder, finished.manifest
    stage = mixture.stage(manifest.config["stage"])
    names = [component.name for component in stage.components]
    separators = dict(zip(names, stage_separators(mixture, stage.name), strict=True))
    windows = tokens = padding = 0
    for entry in manifest.shards(WINDOWS):
        path = folder.locate(entry.name)
        documents = read_documents(path, columns=["component", "num_tokens", "unit"])
        members = Members(
            num_tokens=documents.column("num_tokens").to_numpy().astype(np.int64),
            unit=documents.column("unit").to_numpy(),
            separators=np.array(
                [separators[name] for name in documents.column("component").to_pylist()], np.int32
            ),
        )
        found = verify_shard(open_shard(path), members)
        if found.windows != entry.rows:
            raise InvariantError(f"{path}: {found.windows} windows, the manifest says {entry.rows}")
        windows += found.windows
        tokens += found.tokens
        padding += found.padding_tokens
    drawn = 0
    for entry in manifest.shards(RUNS):
        path = folder.locate(entry.name)
        num_rows, num_tokens = count_run(path)
        if num_rows != entry.rows:
            raise InvariantError(f"{path}: {num_rows} rows, the manifest says {entry.rows}")
        drawn += num_tokens
    if drawn != tokens or manifest.rows(RUNS) != manifest.rows(DOCUMENTS):
        raise InvariantError(
            f"stage {manifest.stage!r}: {drawn} tokens of {manifest.rows(RUNS)} copies drawn, "
            f"{tokens} of {manifest.rows(DOCUMENTS)} in windows"
        )
    return f"; {windows:,} windows, {tokens:,} tokens, {padding:,} padding"


def _verify_export(finished: Finished, stages: Sequence[Finished]) -> str:
    """Every token of the export against the windows it was made of, read by another way."""
    config = finished.manifest.config
    (windows,) = [one for one in stages if one.manifest.stage in finished.manifest.inputs]
    plan = plan_export(
        windows.manifest, windows.folder, config["context"]["tokenizer"], config["format"]
    )
    tokens = 0
    for files in plan.sets:
        base = finished.folder.locate(files.name)
        tokens += plan.format.verify(base, plan.read(files), component=files.component)
    held = windows.manifest.statistics[WINDOWS]["packing"]["tokens"]
    if tokens != held:
        raise InvariantError(
            f"stage {finished.manifest.stage!r}: {tokens} tokens, the windows hold {held}"
        )
    return f"; {len(plan.sets)} file sets, {tokens:,} tokens as in {windows.manifest.stage}"
