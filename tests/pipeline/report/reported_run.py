"""Manifests of a run as its stages write them, small enough to check by hand."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from filters.dedup.config import NearDuplicateConfig
from mixtures.packing import PackingCounts
from mixtures.solution import ComponentSolution, MixtureSolution, StageSolution
from pipeline.records.manifest import Counts, Manifest, Statistics
from pipeline.report.clusters import OF_EARLIER_RUN, Clusters, LargeCluster, Sample, SizeClass
from pipeline.report.examples import Example

SKIPPED = (("synthesize", "the recipe names no endpoint"),)
EVIL = "<script>alert('x')</script>"


def manifest(stage: str, counts: tuple[int, int, int, int], **statistics: Statistics) -> Manifest:
    """A manifest with the counts (rows in, kept, rejected, failed) and statistics by output."""
    return Manifest(
        stage=stage,
        version=1,
        identity=hashlib.sha256(stage.encode()).hexdigest()[:12],
        config={},
        inputs={},
        counts=Counts(*counts),
        outputs={},
        statistics={
            name.replace("window_", "window-"): values for name, values in statistics.items()
        },
    )


def structure(**counts: tuple[int, int]) -> Statistics:
    """Found and kept of each kind, zero where not given."""
    kinds = ("formulas", "code_blocks", "tables", "posts")
    return {
        f"{kind}_{side}": counts.get(kind, (0, 0))[index]
        for kind in kinds
        for index, side in enumerate(("found", "kept"))
    }


def ingest() -> Manifest:
    return manifest(
        "ingest",
        (2310, 2207, 84, 19),
        read={
            "web": {
                "records": 1400,
                "payload_bytes": 61_204_551,
                "ignored": {"warc.request": 1400, "warc.warcinfo": 3},
            },
            "papers": {"records": 110, "payload_bytes": 48_000_000, "ignored": {}},
            "repositories": {
                "records": 800,
                "payload_bytes": 9_120_034,
                "ignored": {"tar.link": 12},
            },
        },
        documents={
            "web": {
                "documents": 1322,
                "chars": 7_100_000,
                "media_types": {"text/html": 1319, "application/xhtml+xml": 3},
                "structure": structure(
                    formulas=(5120, 5017), code_blocks=(880, 871), tables=(412, 300), posts=(96, 96)
                ),
            },
            "papers": {
                "documents": 98,
                "chars": 4_400_000,
                "media_types": {"application/pdf": 98},
                "structure": structure(formulas=(2210, 1431), tables=(120, 96)),
            },
            "repositories": {
                "documents": 787,
                "chars": 5_300_000,
                "media_types": {
                    "text/x-python": 640,
                    "text/x-c": 131,
                    "application/x-ipynb+json": 16,
                },
                "structure": structure(code_blocks=(787, 787)),
            },
        },
        rejected={
            "web": {"extract.no_text": 70, "extract.not_html": 2},
            "repositories": {"extract.binary": 12},
        },
        failed={
            "web": {"DecodeError": 6},
            "papers": {"ProcessDied": 9, "TimeLimitExceeded": 3},
            "repositories": {"BadZipFile": 1},
        },
    )


def duplicate_pairs(**near: Any) -> Manifest:
    """The stage that finds pairs, with settings of near duplicates other than the usual."""
    counted = manifest(
        "duplicate-pairs",
        (2207, 2207, 0, 0),
        pairs={
            "exact": {
                "keys": 2207,
                "hot_buckets": 0,
                "hot_documents": 0,
                "pairs": 71,
                "merged_pairs": 71,
            },
            "near": {
                "keys": 28_410,
                "hot_buckets": 1,
                "hot_documents": 130,
                "pairs": 402,
                "screened_pairs": 90,
                "compared_pairs": 52,
                "merged_pairs": 260,
            },
        },
    )
    config = {"near": json.loads(NearDuplicateConfig(**near).model_dump_json())}
    return dataclasses.replace(counted, config=config)


def clusters() -> Clusters:
    """Cluster sizes, and the largest clusters with texts that a page must escape."""
    return Clusters(
        sizes=(
            SizeClass(min_documents=2, max_documents=2, clusters=90, documents=180),
            SizeClass(min_documents=3, max_documents=4, clusters=9, documents=31),
            SizeClass(min_documents=129, max_documents=256, clusters=1, documents=138),
        ),
        largest=(
            LargeCluster(
                cluster_id="0" * 32,
                documents=138,
                samples=(
                    Sample(
                        id="1" * 32,
                        source="web",
                        url="https://example.org/?a=1&b=2",
                        text=f"Keeper {EVIL}\nSecond line",
                    ),
                    Sample(id="2" * 32, source="papers", text="Another of them"),
                    Sample(id="0" * 32, absence=OF_EARLIER_RUN),
                ),
            ),
            LargeCluster(cluster_id="3" * 32, documents=4, samples=(Sample(id="3" * 32, text=""),)),
        ),
    )


def documents_path() -> list[Manifest]:
    """The stages between extraction and the mixture."""
    return [
        manifest("annotate", (2207, 2206, 0, 1), failed={"web": {"ValueError": 1}}),
        duplicate_pairs(),
        manifest(
            "deduplicate",
            (2207, 2207, 0, 0),
            dedup={
                "web": {"none": 1102, "near": 160, "exact": 44, "url": 16},
                "papers": {"none": 96, "exact": 2},
                "repositories": {"none": 760, "exact": 20, "near": 7},
            },
            searches={
                "all": {
                    "rounds": 4,
                    "pairs": 400,
                    "large_clusters": 1,
                    "large_documents": 131,
                    "dropped_pairs": 57,
                },
                "strict": {"rounds": 2},
            },
        ),
        manifest(
            "decide",
            (2206, 1604, 602, 0),
            kept={"web": 801, "papers": 92, "repositories": 711},
            rejected={
                "web": {
                    "dedup.rank.too_high": 220,
                    "language.code.not_allowed": 160,
                    "prose.words.too_low": 101,
                    "repetition.duplicate_line_chars_ratio.too_high": 39,
                },
                "papers": {"dedup.rank.too_high": 2, "prose.words.too_low": 4},
                "repositories": {"dedup.rank.too_high": 27, "code.is_generated.forbidden": 49},
            },
        ),
        manifest(
            "tokenize",
            (1604, 1604, 0, 0),
            tokens={
                "sources": {
                    "web": {
                        "documents": 801,
                        "tokens": 1_204_332,
                        "bytes": 4_811_020,
                        "unknowns": 0,
                    },
                    "papers": {
                        "documents": 92,
                        "tokens": 1_420_118,
                        "bytes": 4_260_512,
                        "unknowns": 37,
                    },
                    "repositories": {
                        "documents": 711,
                        "tokens": 1_530_004,
                        "bytes": 5_201_118,
                        "unknowns": 0,
                    },
                },
                "encoders": {"fastokens 0.3.5": 1604},
                "language.code": {"en": 3_900_000, "de": 154_454, "none": 100_000},
                "tagger.topic": {
                    "mathematics": 1_500_000,
                    "software": 2_000_454,
                    "science": 654_000,
                },
            },
        ),
        manifest(
            "solve",
            (1604, 1604, 0, 0),
            supply={"general": {"documents": 1604, "tokens": 4_154_454}},
        ),
    ]


_PARTS = {
    # stage: (window tokens, windows, ((component, weight, supply, target, realised, copies), ...))
    "general": (
        8192,
        508,
        (
            ("web-prose", 50.0, 1_004_332, 2_080_768, 2_079_941, 1640),
            ("mathematics", 20.0, 1_420_118, 832_307, 831_902, 61),
            ("code", 30.0, 1_530_004, 1_248_461, 1_248_000, 588),
        ),
    ),
    "mathematics-code": (
        8192,
        244,
        (
            ("mathematics", 40.0, 1_420_118, 799_539, 799_100, 52),
            ("code", 30.0, 1_530_004, 599_655, 599_201, 280),
            ("web-prose", 30.0, 1_004_332, 599_654, 599_500, 474),
        ),
    ),
    "long": (
        32768,
        40,
        (
            ("synthetic", 10.0, 0, 0, 0, 0),
            ("papers", 54.0, 1_420_118, 786_432, 781_020, 50),
            ("repositories", 36.0, 1_530_004, 524_288, 524_001, 241),
        ),
    ),
}


def solution() -> MixtureSolution:
    """The solved mixture; the optional synthetic component of the last stage found no document."""
    return MixtureSolution(seed=20250531, cuts={}, stages=tuple(_solved(name) for name in _PARTS))


def windows(name: str) -> Manifest:
    """What the stage that writes ``name``'s windows counts."""
    sequence_tokens, num_windows, parts = _PARTS[name]
    tokens = sum(part[4] for part in parts)
    copies = sum(part[5] for part in parts)
    packing = PackingCounts(
        documents=copies,
        windows=num_windows,
        tokens=tokens,
        padding_tokens=num_windows * sequence_tokens - tokens,
        long_documents=copies // 50,
        cut_documents=copies // 40,
        concatenation_cut_documents=copies // 10,
    )
    live = {str(depth): tokens - (depth + 1) * copies for depth in range(2)}
    return manifest(
        f"windows-{name}",
        (copies, copies, 0, 0),
        windows={"packing": dataclasses.asdict(packing) | {"live_targets": live}},
        window_documents={
            "ledger": {part[0]: _nested(part[4], part[5], _SHARES) for part in parts if part[5]}
        },
    )


_SHARES = (
    {"web": 0.4, "papers": 0.3, "repositories": 0.3},
    {"mathematics": 0.6, "software": 0.4},
    {str(n): (2 * n + 1) / 100 for n in range(10)},
    {"en": 0.95, "de": 0.05},
)
"""Of each component's tokens: by source, topic, quality and language."""


def manifests() -> list[Manifest]:
    """All stages of a run without synthetic documents."""
    return [ingest(), *documents_path(), *(windows(name) for name in _PARTS)]


def examples() -> list[Example]:
    """Rows whose text would break a page that did not escape it."""
    return [
        Example(
            stage="decide",
            output="rejected",
            cause="prose.words.too_low",
            source="web",
            locator=f"https://example.org/?q={EVIL}&x=1",
            detail='prose.words.too_low (12); "quoted" & more',
        ),
        Example(
            stage="ingest",
            output="failed",
            cause="ProcessDied",
            source="papers",
            locator="broken.pdf",
            detail=f"the parser died with signal 11 {EVIL}",
        ),
    ]


def _solved(name: str) -> StageSolution:
    sequence_tokens, _, parts = _PARTS[name]
    present = sum(part[1] for part in parts if part[2])
    return StageSolution(
        name=name,
        sequence_tokens=sequence_tokens,
        budget_tokens=sum(part[3] for part in parts),
        unassigned_documents=7 if name == "long" else 0,
        components=tuple(
            ComponentSolution(
                name=component,
                asked=f"{weight:g} %",
                share_ratio=weight / present if supply else 0.0,
                supply_documents=copies,
                supply_tokens=supply,
                target_tokens=target,
                expected_tokens=realised,
                dropped_documents=0,
                max_copies=-(-realised // supply) if supply else 0,
            )
            for component, weight, supply, target, realised, copies in parts
        ),
        cells={},
    )


def _nested(tokens: int, copies: int, shares: Sequence[dict[str, float]]) -> Statistics:
    """Split totals by shares, level by level; the last value takes what rounding leaves."""
    if not shares:
        counts = {"documents": copies, "tokens": tokens}
        return counts | {"unique_tokens": tokens // 2, "new_tokens": tokens // 4}
    first, *deeper = shares
    names = list(first)
    parts = {name: (int(tokens * share), int(copies * share)) for name, share in first.items()}
    parts[names[-1]] = (
        tokens - sum(parts[name][0] for name in names[:-1]),
        copies - sum(parts[name][1] for name in names[:-1]),
    )
    return {name: _nested(*part, deeper) for name, part in parts.items()}
