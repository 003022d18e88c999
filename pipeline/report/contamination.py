"""Benchmark items found in documents, as a report shows them: by source, benchmark and split."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.records.manifest import Manifest, merge_statistics
from pipeline.report.quantities import ratio_of

PARTS = ("question", "answer", "both")
"""What of an item a document holds."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkHits:
    """Documents of a source that hold an item of a split; ``split`` is None where none is stated.

    Each document counts once, under the item that it covers best.
    """

    source: str
    benchmark: str
    split: str | None
    by_part: tuple[tuple[str, int], ...]

    @property
    def documents(self) -> int:
        """Documents, whichever part they hold."""
        return sum(count for _, count in self.by_part)


@dataclass(frozen=True, kw_only=True)
class ContaminationSummary:
    """All hits, most first, and how many documents of each source were searched."""

    searched: tuple[tuple[str, int], ...]
    hits: tuple[BenchmarkHits, ...]

    @property
    def documents(self) -> int:
        """Documents that were searched."""
        return sum(count for _, count in self.searched)

    @property
    def hit_documents(self) -> int:
        """Documents that hold an item."""
        return sum(one.documents for one in self.hits)

    def ratio(self, one: BenchmarkHits) -> float | None:
        """Share of the source's documents."""
        return ratio_of(one.documents, dict(self.searched)[one.source])


def summarize_contamination(manifests: Sequence[Manifest]) -> ContaminationSummary | None:
    """Hits of natural and synthetic documents; None where no benchmark was looked for."""
    counted = merge_statistics(
        manifest.statistics.get("measures", {})
        for manifest in manifests
        if manifest.stage.startswith("annotate")
    )
    if not counted:
        return None
    hits = [
        BenchmarkHits(
            source=source,
            benchmark=benchmark,
            split=split or None,
            by_part=tuple((part, by_part.get(part, 0)) for part in PARTS),
        )
        for source, of_source in counted.items()
        for benchmark, of_benchmark in of_source["hits"].items()
        for split, by_part in of_benchmark.items()
    ]
    hits.sort(key=lambda one: (-one.documents, one.source, one.benchmark, one.split or ""))
    searched = sorted((source, of_source["documents"]) for source, of_source in counted.items())
    return ContaminationSummary(searched=tuple(searched), hits=tuple(hits))
