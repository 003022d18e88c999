"""Duplicates as a report shows them: how many of each kind, where, and what comparing cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from filters.dedup.config import NearDuplicateConfig
from pipeline.records.manifest import Manifest, merge_statistics
from pipeline.report.clusters import Clusters
from pipeline.report.quantities import ratio_of

KINDS = ("url", "exact", "near")
"""In the order in which they are shown, strongest first; a kind unknown here follows by name."""

MEASURES = (
    "keys",
    "copies",
    "hot_buckets",
    "hot_documents",
    "pairs",
    "screened_pairs",
    "compared_pairs",
    "merged_pairs",
)
"""What is counted of each kind, in the order of the work; a measure unknown here follows."""

STAGES = ("duplicate-pairs", "deduplicate")
"""The stage that says which pairs are duplicates, and the one that ranks their clusters. Both run
once more for synthetic documents, under names that go on from these."""

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
class StricterPass:
    """What the second look at large clusters did: those looked at, and the pairs it took back."""

    clusters: int
    documents: int
    dropped_pairs: int


@dataclass(frozen=True, kw_only=True)
class DuplicateSummary:
    """All sources, and by kind what was compared: ``{kind: {measure: count}}`` as pairs.

    ``near`` is None where near duplicates were not looked for, ``stricter`` where no cluster was
    looked at again. ``rounds`` are those that each search took until its clusters were whole: the
    search over all pairs, and the strict one in large clusters.
    """

    kinds: tuple[str, ...]
    sources: tuple[SourceDuplicates, ...]
    compared: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    near: NearDuplicateConfig | None
    rounds: tuple[tuple[str, int], ...]
    stricter: StricterPass | None
    clusters: Clusters

    @property
    def documents(self) -> int:
        """Documents of every source."""
        return sum(source.documents for source in self.sources)

    @property
    def duplicates(self) -> int:
        """Duplicates of every source and kind."""
        return sum(source.duplicates for source in self.sources)

    @property
    def measures(self) -> tuple[str, ...]:
        """Everything that was counted of some kind, in the order of the work."""
        names = {name for _, counted in self.compared for name, _ in counted}
        return tuple(sorted(names, key=lambda name: _place(name, MEASURES)))

    def of_kind(self, kind: str) -> int:
        """Duplicates of one kind in every source."""
        return sum(dict(source.by_kind)[kind] for source in self.sources)


def summarize_duplicates(
    manifests: Sequence[Manifest], clusters: Clusters | None = None
) -> DuplicateSummary | None:
    """What the stages that find and mark duplicates counted; None before either has run."""
    found = {one.stage: one for one in manifests if one.stage.startswith(STAGES)}
    if not found:
        return None
    statistics = [one.statistics for one in found.values()]
    marked = merge_statistics(one.get("dedup", {}) for one in statistics)
    pairs = merge_statistics(one.get("pairs", {}) for one in statistics)
    searches = merge_statistics(one.get("searches", {}) for one in statistics)
    first = searches.get("all", {})
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
        near=_near(found.get("duplicate-pairs")),
        rounds=tuple((name, counts["rounds"]) for name, counts in sorted(searches.items())),
        stricter=_stricter(first) if first.get("large_clusters") else None,
        clusters=clusters or Clusters(),
    )


def _stricter(search: Mapping[str, int]) -> StricterPass:
    return StricterPass(
        clusters=search["large_clusters"],
        documents=search["large_documents"],
        dropped_pairs=search["dropped_pairs"],
    )


def _near(pairs: Manifest | None) -> NearDuplicateConfig | None:
    """How near duplicates were looked for, as the stage's manifest says."""
    value = None if pairs is None else pairs.config.get("near")
    return None if value is None else NearDuplicateConfig.model_validate(value)


def _measures(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: _place(item[0], MEASURES)))


def _place(name: str, known: Sequence[str]) -> tuple[int, str]:
    """Sorts known names as listed, and unknown ones behind them by name."""
    return (known.index(name) if name in known else len(known), name)
