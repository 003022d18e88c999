"""A few rejected and failed rows for each cause, read from the run's own tables.

The manifest says which shards hold a cause, so only those are read, and only until there are
enough. The rows are the first in shard order: the same run gives the same examples.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.records.manifest import Manifest, ShardEntry
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table

CAUSE_COLUMNS = {"rejected": "reason", "failed": "error_type"}
"""Outputs that examples are taken from, and the column that names the cause there."""

MAX_DETAIL_CHARS = 300
"""Of a message or a value; what is longer is cut, and ends in an ellipsis."""

_LOCATOR = ("source", "url", "archive", "member", "offset")
_DETAILS = {"rejected": ("broken_rules",), "failed": ("message",)}


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row that left a stage. ``stage``, ``output`` and ``cause`` say where it counts."""

    stage: str
    output: str
    cause: str
    source: str
    locator: str
    detail: str


def read_examples(
    stages: Iterable[tuple[StageFolder, Manifest]], *, per_cause: int = 3
) -> tuple[Example, ...]:
    """At most ``per_cause`` rows of every reason and error type of every stage.

    Raises FileNotFoundError when a shard that the manifest names is gone.
    """
    return tuple(
        example
        for folder, manifest in stages
        for output in CAUSE_COLUMNS
        for example in _take(folder, manifest, output, per_cause)
    )


def _take(
    folder: StageFolder, manifest: Manifest, output: str, per_cause: int
) -> Iterator[Example]:
    found: dict[str, int] = {}
    for entry in manifest.outputs.get(output, ()):
        wanted = _causes_of(entry) - {cause for cause, n in found.items() if n >= per_cause}
        if not wanted:
            continue
        columns = (CAUSE_COLUMNS[output], *_LOCATOR, *_DETAILS[output])
        for batch in read_table(folder.locate(entry.name), columns=columns):
            for row in batch.to_pylist():
                cause = row[CAUSE_COLUMNS[output]]
                if found.get(cause, 0) < per_cause:
                    found[cause] = found.get(cause, 0) + 1
                    yield _example(manifest.stage, output, row)
            if all(found.get(cause, 0) >= per_cause for cause in wanted):
                break


def _causes_of(entry: ShardEntry) -> set[str]:
    """Causes that a shard holds, from its statistics: ``{source: {cause: rows}}``."""
    return {cause for counts in entry.statistics.values() for cause in counts}


def _example(stage: str, output: str, row: Mapping[str, Any]) -> Example:
    return Example(
        stage=stage,
        output=output,
        cause=row[CAUSE_COLUMNS[output]],
        source=row["source"],
        locator=_locator(row),
        detail=_shorten(row["message"] if output == "failed" else _broken(row["broken_rules"])),
    )


def _locator(row: Mapping[str, Any]) -> str:
    """The address, or the input file with the member or offset in it."""
    if row["url"]:
        return str(row["url"])
    if row["member"]:
        return f"{row['archive']}: {row['member']}"
    return row["archive"] if row["offset"] is None else f"{row['archive']} at {row['offset']:,}"


def _broken(rules: Iterable[Mapping[str, str | None]]) -> str:
    return "; ".join(
        rule["rule"] or "" if rule["value"] is None else f"{rule['rule']} ({rule['value']})"
        for rule in rules
    )


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_DETAIL_CHARS else line[: MAX_DETAIL_CHARS - 3] + "..."
