"""The folder of one stage's output: shards, their receipts, and the manifest that commits them.

    RUN/ingest/3fa9c1e2b7d0/             stage name and identity
        documents/part-00000-of-00004.parquet
        rejected/..., failed/...
        receipts/documents-00000.json    one for each finished shard, so that a killed run resumes
        manifest.json                    written last; without it there is no output

The identity is in the path, so outputs of two configurations can never mix.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import InvariantError
from pipeline.records.address import shard_name
from pipeline.records.manifest import MANIFEST_NAME, Manifest, ShardEntry
from pipeline.storage.filesystem import exists, find, join, read_text, remove, walk, write_text
from pipeline.storage.tables import SUFFIX


@dataclass(frozen=True)
class StageFolder:
    """Names and reads what lies in the folder ``path``."""

    path: str

    @classmethod
    def of(cls, run: str, stage: str, identity: str) -> "StageFolder":
        """The folder of ``stage`` with ``identity`` in the run's folder."""
        return cls(join(run, stage, identity))

    def shard_file(self, output: str, shard: int, num_shards: int, suffix: str = SUFFIX) -> str:
        """Name of a shard's file, relative to the folder."""
        return f"{output}/{shard_name(shard, num_shards)}{suffix}"

    def locate(self, name: str) -> str:
        """Full path of a name relative to the folder."""
        return join(self.path, name)

    def table(self, output: str, shard: int, num_shards: int) -> str:
        """Full path of the Parquet file of ``shard`` of ``output``."""
        return self.locate(self.shard_file(output, shard, num_shards))

    def write_receipt(self, entry: ShardEntry) -> None:
        """Record that a shard is complete and under its final name."""
        write_text(self._receipt(entry.output, entry.shard), json.dumps(dataclasses.asdict(entry)))

    def read_receipt(self, output: str, shard: int) -> ShardEntry | None:
        """The receipt of a finished shard, or None."""
        path = self._receipt(output, shard)
        return ShardEntry(**json.loads(read_text(path))) if exists(path) else None

    def remove_receipt(self, output: str, shard: int) -> None:
        """Have a shard made again; call it when none is writing, and without a manifest."""
        remove(self._receipt(output, shard))

    def receipts(self, outputs: Iterable[str], shard: int) -> list[ShardEntry] | None:
        """Receipts of ``shard`` for every output, or None unless all are there."""
        entries = [self.read_receipt(output, shard) for output in outputs]
        return None if None in entries else [entry for entry in entries if entry is not None]

    def count_receipts(self, output: str) -> int:
        """Finished shards of ``output``."""
        return len(find(self.locate(f"receipts/{output}-*.json")))

    def sweep(self) -> None:
        """Delete temporary files that killed workers left; call it when none is writing."""
        for found in walk(self.path):
            if found.name.rpartition("/")[2].startswith(".") and found.name.endswith(".tmp"):
                remove(found.path)

    def write_manifest(self, manifest: Manifest) -> None:
        """Commit the output: call it when every shard is in place."""
        write_text(self.locate(MANIFEST_NAME), manifest.to_json())

    def read_manifest(self) -> Manifest | None:
        """The manifest, or None while the stage has not finished."""
        path = self.locate(MANIFEST_NAME)
        return Manifest.from_json(read_text(path)) if exists(path) else None

    def require_manifest(self) -> Manifest:
        """The manifest; InvariantError when the stage has not finished."""
        manifest = self.read_manifest()
        if manifest is None:
            raise InvariantError(f"{self.path} holds no {MANIFEST_NAME}: the stage did not finish")
        return manifest

    def _receipt(self, output: str, shard: int) -> str:
        return self.locate(f"receipts/{output}-{shard:05d}.json")
