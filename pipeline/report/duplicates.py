"""Duplicates as a report shows them: how many of each kind, where, and what comparing cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.records.manifest import Manifest, merge_statistics
from pipeline.report.quantities import ratio_of

KINDS = ("url", "exact", "near")
"""In the order in which they are shown, strongest first; a kind unknown here follows by name."""

MEASURES = ("keys", "pairs", "merged_pairs", "hot_buckets", "hot_documents")
"""What is counted of each kind, in the order of the work; a measure unknown here follows."""

NOT_A_DUPLICATE = "none"
"""Kind of a document that is kept or alone: its kind is null."""


@dataclass(frozen=True, kw_only=True)
class SourceDuplicates:
    """Documents of a source, and those that another document of their cluster outranks."""

    source: str
    documents: int
    by_kind: tuple[tuple[str, int], ...]

    @property
    def duplicates(self) -> int:
        """Duplicates of every kind."""
        return sum(rows for _, rows in self.by_kind)

    @property
    def ratio(self) -> float | None:
        """Duplicates per document."""
        return ratio_of(self.duplicates, self.documents)


@dataclass(frozen=True, kw_only=True)
class DuplicateSummary:
    """All sources, and by kind what was compared: ``{kind: {measure: count}}`` as pairs."""

    kinds: tuple[str, ...]
    sources: tuple[SourceDuplicates, ...]
    compared: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]

    @property
    def documents(self) -> int:
        """Documents of every source."""
        return sum(source.documents for source in self.sources)

    @property
    def duplicates(self) -> int:
        """Duplicates of every source and kind."""
        return sum(source.duplicates for source in self.sources)

    def of_kind(self, kind: str) -> int:
        """Duplicates of one kind in every source."""
        return sum(dict(source.by_kind)[kind] for source in self.sources)


def summarize_duplicates(manifests: Sequence[Manifest]) -> DuplicateSummary | None:
    """What the stage that marks duplicates counted; None where it has not run."""
    statistics = [one.statistics for one in manifests if one.stage == "deduplicate"]
    if not statistics:
        return None
    marked = merge_statistics(one.get("dedup", {}) for one in statistics)
    pairs = merge_statistics(one.get("pairs", {}) for one in statistics)
    kinds = sorted(
        {kind for counts in marked.values() for kind in counts if kind != NOT_A_DUPLICATE}
        | set(pairs),
        key=lambda kind: _place(kind, KINDS),
    )
    return DuplicateSummary(
        kinds=tuple(kinds),
        sources=tuple(
            SourceDuplicates(
                source=source,
                documents=sum(counts.values()),
                by_kind=tuple((kind, counts.get(kind, 0)) for kind in kinds),
            )
            for source, counts in sorted(marked.items())
        ),
        compared=tuple((kind, _measures(pairs[kind])) for kind in kinds if kind in pairs),
    )


def _measures(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: _place(item[0], MEASURES)))


def _place(name: str, known: Sequence[str]) -> tuple[int, str]:
    """Sorts known names as listed, and unknown ones behind them by name."""
    return (known.index(name) if name in known else len(known), name)
