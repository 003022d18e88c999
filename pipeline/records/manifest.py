"""The manifest: the commit record of a stage's output, written after everything it names.

A folder without a manifest holds no output. The manifest states what was made, from what, by
which version of which stage, and the counts, which add up. It holds no time, host or path of
the machine, so that two runs of the same recipe on the same input write the same bytes.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import InvariantError

MANIFEST_NAME = "manifest.json"

Statistics = dict[str, Any]
"""Nested dictionaries whose leaves are numbers, so that two can be added leaf by leaf."""


@dataclass(frozen=True)
class ShardEntry:
    """One file of an output. ``name`` is relative to the stage's folder."""

    output: str
    shard: int
    name: str
    rows: int
    bytes: int
    sha256: str
    statistics: Statistics = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """What became of the rows that entered a stage. Made rows are not taken from any input row."""

    rows_in: int
    kept: int
    rejected: int
    failed: int

    def check(self, *, stage: str) -> "Counts":
        """Return self if no row is missing or counted twice; raise InvariantError otherwise."""
        if self.rows_in != self.kept + self.rejected + self.failed:
            raise InvariantError(
                f"stage {stage!r}: {self.rows_in} rows in, but {self.kept} kept + "
                f"{self.rejected} rejected + {self.failed} failed = "
                f"{self.kept + self.rejected + self.failed}"
            )
        return self


@dataclass(frozen=True)
class Manifest:
    """Everything a reader needs to trust and to find a stage's output.

    ``inputs`` maps each input's name to the identity of the stage that made it, or to the digest
    of the listing of raw files. ``statistics`` is what the report shows; it is merged from the
    shards, in shard order, and from nothing else.
    """

    stage: str
    version: int
    identity: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    counts: Counts
    outputs: Mapping[str, tuple[ShardEntry, ...]]
    statistics: Statistics = field(default_factory=dict)

    def shards(self, output: str) -> tuple[ShardEntry, ...]:
        """The files of ``output`` in shard order; InvariantError when the stage has no such."""
        if output not in self.outputs:
            raise InvariantError(
                f"stage {self.stage!r} has no output {output!r}; it has {sorted(self.outputs)}"
            )
        return self.outputs[output]

    def rows(self, output: str) -> int:
        """Rows of ``output`` over all its shards."""
        return sum(entry.rows for entry in self.shards(output))

    def to_json(self) -> str:
        """Readable JSON with sorted keys; equal manifests give equal text."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read :meth:`to_json`. Raises InvariantError when a field is missing or unknown."""
        try:
            raw = json.loads(text)
            raw["counts"] = Counts(**raw["counts"])
            raw["outputs"] = {
                name: tuple(ShardEntry(**entry) for entry in entries)
                for name, entries in raw["outputs"].items()
            }
            return cls(**raw)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvariantError(f"not a manifest of this version: {error}") from error

    def digest(self) -> str:
        """SHA-256 of the manifest's text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def merge_statistics(parts: Iterable[Statistics]) -> Statistics:
    """Add dictionaries leaf by leaf, in the order given; a missing leaf counts as zero."""
    merged: Statistics = {}
    for part in parts:
        _add_into(merged, part)
    return merged


def _add_into(total: Statistics, part: Statistics) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            _add_into(total.setdefault(key, {}), value)
        else:
            total[key] = total.get(key, 0) + value
