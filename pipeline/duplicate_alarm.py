"""The alarm over duplicates: a source that would lose more than the recipe allows stops the run.

It is judged after the stage that marks duplicates has committed and before any document is
rejected for it, so that the report can show the clusters and a changed limit repeats no work.
"""

from collections.abc import Collection

from filters.dedup.config import DeduplicateConfig
from pipeline.errors import ConfigError, DuplicateRatioError
from pipeline.records.manifest import Manifest
from pipeline.report.duplicates import SourceDuplicates, summarize_duplicates
from pipeline.report.quantities import percent, plural

_REMEDIES = {
    "near": (
        "if texts that differ in substance were merged (near), raise deduplicate.near.threshold, "
        "or change deduplicate.near.shingles or shingle_size"
    ),
    "exact": "if equal texts should all be kept (exact), set deduplicate.exact: false",
    "url": "if different documents share one web address (url), set deduplicate.url: false",
}
"""What to change where documents of a kind were merged that should not have been."""


def check_ratio_sources(config: DeduplicateConfig, sources: Collection[str]) -> None:
    """Raise ConfigError when ``max_duplicate_ratio_of`` names what is none of ``sources``."""
    unknown = sorted(set(config.max_duplicate_ratio_of) - set(sources))
    if unknown:
        raise ConfigError(
            f"deduplicate.max_duplicate_ratio_of.{unknown[0]}: {unknown[0]!r} is no source of the "
            f"recipe; there are {', '.join(sorted(sources))}"
        )


def check_duplicate_ratios(marks: Manifest, config: DeduplicateConfig) -> None:
    """Raise DuplicateRatioError when too many of a source's documents are duplicates.

    ``marks`` is the manifest of the stage that marks them; its statistics ``dedup`` are
    ``{source: {kind: documents}}``. A share equal to the limit is allowed, and a source without
    documents has none.
    """
    found = summarize_duplicates([marks])
    sources = () if found is None else found.sources
    excessive = [
        (one, allowed)
        for one in sources
        for allowed in [config.max_duplicate_ratio_of.get(one.source, config.max_duplicate_ratio)]
        if one.ratio is not None and one.ratio > allowed
    ]
    if not excessive:
        return
    limits = ", ".join(f"{one.source}: {_sufficient(one):.2f}" for one, _ in excessive)
    kinds = {kind for one, _ in excessive for kind, rows in one.by_kind if rows}
    remedies = [
        f"if they are duplicates, allow for them: deduplicate.max_duplicate_ratio_of: {{{limits}}}",
        *(remedy for kind, remedy in _REMEDIES.items() if kind in kinds),
    ]
    head = f"{len(excessive)} of {plural(len(sources), 'source')} above the recipe's limit"
    raise DuplicateRatioError(
        f"too many duplicates, {head}:\n"
        + "".join(f"  {_describe(one, allowed)}\n" for one, allowed in excessive)
        + f"Stage {marks.stage!r} is done, and nothing has been rejected yet. Look at the largest "
        "clusters in the report:\n"
        "  reasonmill stats RUN\n"
        "Then change the recipe and run it again:\n" + "\n".join(f"  - {one}" for one in remedies)
    )


def _describe(one: SourceDuplicates, allowed: float) -> str:
    ranked = sorted(one.by_kind, key=lambda item: -item[1])
    kinds = ", ".join(f"{kind} {rows:,}" for kind, rows in ranked if rows)
    return (
        f"{one.source}: {one.duplicates:,} of {one.documents:,} documents are duplicates ({kinds}),"
        f" {percent(one.ratio, decimals=2)}; allowed are {percent(allowed, decimals=2)}"
    )


def _sufficient(one: SourceDuplicates) -> float:
    """The least limit of two decimals that the source keeps."""
    return -(-100 * one.duplicates // one.documents) / 100
