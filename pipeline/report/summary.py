"""What a report shows, as numbers: one tree of dataclasses that every renderer reads.

Made from the manifests of a run alone, so the numbers are those the run committed. Dictionaries
are sorted here: the same manifests give equal summaries however they were read. What a run did
not measure is None or empty, never zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mixtures.solution import MixtureSolution
from mixtures.stage_files import WINDOWS_PREFIX
from pipeline.records.manifest import Counts, Manifest, Statistics, merge_statistics
from pipeline.report.clusters import Clusters
from pipeline.report.contamination import ContaminationSummary, summarize_contamination
from pipeline.report.duplicates import DuplicateSummary, summarize_duplicates
from pipeline.report.examples import Example
from pipeline.report.mixture import Ledger, MixtureStage, summarize_ledgers, summarize_mixture
from pipeline.report.quantities import percent, plural, ratio_of, total_of
from pipeline.report.synthesis import SynthesisCost, SynthesisSummary, summarize_synthesis

STRUCTURE_KINDS = ("formulas", "code_blocks", "tables", "posts", "pages")

_INEXACT = "RoundTripError"
"""How the tokenizer's stage calls a document whose tokens decode to another text."""

_PROBLEMS = "problems."
"""Sources of problems, which are asked about and no part of the mixture."""

MIN_FIDELITY_RATIO = 0.8
"""An extractor that keeps less of a kind of structure raises an alarm."""


@dataclass(frozen=True, kw_only=True)
class StageYield:
    """What became of the rows of one stage. ``unit`` says what a row is there."""

    name: str
    version: int
    identity: str
    unit: str
    counts: Counts

    @property
    def is_on_main_path(self) -> bool:
        """Whether its rows are the records that were read, or the documents made of them."""
        return self.name in ("ingest", "annotate", "deduplicate", "decide", "tokenize")

    @property
    def is_on_synthetic_path(self) -> bool:
        """Whether its rows are samples asked of a model, or the documents made of them."""
        return self.name in ("problems", "synthesize") or self.name.endswith(
            ("-problems", "-synthetic")
        )


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How many structures of a kind a source's inputs held, and how many its texts still hold."""

    kind: str
    found: int
    kept: int

    @property
    def ratio(self) -> float | None:
        """Kept per found; None where none was found."""
        return ratio_of(self.kept, self.found)

    @property
    def is_low(self) -> bool:
        """Whether it is below the alarm."""
        return self.ratio is not None and self.ratio < MIN_FIDELITY_RATIO


@dataclass(frozen=True, kw_only=True)
class SourceSummary:
    """One source from records to tokens; None where no stage has counted.

    A source that was made and not read (synthetic documents) has no records. ``documents`` are
    those extracted or made; ``kept`` passed every rule; ``tokenized`` reached the mixture, which
    the ``inexact`` did not: their tokens decode to another text. ``unknowns`` are tokens that stand
    for what the vocabulary can't spell.
    """

    name: str
    records: int | None
    payload_bytes: int | None
    ignored: tuple[tuple[str, int], ...]
    documents: int | None
    chars: int | None
    media_types: tuple[tuple[str, int], ...]
    fidelity: tuple[Fidelity, ...]
    kept: int | None
    rejected: int
    failed: int
    tokenized: int | None
    tokens: int | None
    text_bytes: int | None
    unknowns: int | None
    inexact: int | None

    @property
    def tokens_per_byte(self) -> float | None:
        """Tokens per UTF-8 byte of text: high where the tokenizer fits the text badly."""
        return ratio_of(self.tokens, self.text_bytes)

    @property
    def structure_ratio(self) -> float | None:
        """Structures of every kind kept, per structure found."""
        return ratio_of(
            sum(one.kept for one in self.fidelity), sum(one.found for one in self.fidelity)
        )


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why rows left a stage: a rejection's reason or a failure's error type."""

    stage: str
    name: str
    rows: int
    rows_in: int
    by_source: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something a reader should look at; ``section`` is where the report shows more of it."""

    section: str
    text: str


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A whole run. ``encoders`` are those that tokenized, with their numbers of documents."""

    recipe: str
    stages: tuple[StageYield, ...]
    skipped: tuple[tuple[str, str], ...]
    sources: tuple[SourceSummary, ...]
    encoders: tuple[tuple[str, int], ...]
    rejections: tuple[Cause, ...]
    failures: tuple[Cause, ...]
    duplicates: DuplicateSummary | None
    contamination: ContaminationSummary | None
    synthesis: SynthesisSummary | None
    mixture: tuple[MixtureStage, ...]
    ledgers: tuple[Ledger, ...]
    alarms: tuple[Alarm, ...]

    @property
    def records(self) -> int | None:
        """Records read; None before anything was."""
        return total_of(source.records for source in self.sources)

    @property
    def payload_bytes(self) -> int | None:
        """Bytes of those records."""
        return total_of(source.payload_bytes for source in self.sources)

    @property
    def kept(self) -> int | None:
        """Documents that passed every rule."""
        return total_of(source.kept for source in self.sources)

    @property
    def tokens(self) -> int | None:
        """Tokens of the kept and made documents, each counted once."""
        return total_of(source.tokens for source in self.sources)

    @property
    def documents(self) -> int | None:
        """Documents extracted or made."""
        return total_of(source.documents for source in self.sources)

    @property
    def text_bytes(self) -> int | None:
        """UTF-8 bytes of the texts that were tokenized."""
        return total_of(source.text_bytes for source in self.sources)

    @property
    def tokenized(self) -> int | None:
        """Documents that were tokenized."""
        return total_of(source.tokenized for source in self.sources)

    @property
    def tokens_per_byte(self) -> float | None:
        """Tokens per UTF-8 byte of all texts."""
        return ratio_of(self.tokens, self.text_bytes)

    @property
    def unknowns(self) -> int | None:
        """Unknown tokens among all."""
        return total_of(source.unknowns for source in self.sources)

    @property
    def inexact(self) -> int | None:
        """Documents whose tokens decode to another text."""
        return total_of(source.inexact for source in self.sources)

    @property
    def realised_tokens(self) -> int | None:
        """Tokens in the windows of all stages of the mixture, repetitions counted."""
        return total_of(stage.realised_tokens for stage in self.mixture)

    @property
    def windows(self) -> int | None:
        """Windows of all stages of the mixture."""
        return total_of(
            stage.packing.windows for stage in self.mixture if stage.packing is not None
        )


def summarize_run(
    *,
    recipe: str,
    manifests: Sequence[Manifest],
    skipped: Sequence[tuple[str, str]] = (),
    solution: MixtureSolution | None = None,
    examples: Iterable[Example] = (),
    clusters: Clusters | None = None,
    cost: SynthesisCost | None = None,
) -> RunSummary:
    """Everything the report shows of a run, or of its part that has finished.

    ``manifests`` are in the order of the stages; ``skipped`` are (stage, reason). Without a
    ``solution`` there is no mixture, and without ``clusters`` none are shown; ``cost`` is what is
    known of synthetic documents beside the manifests. Raises InvariantError when a stage's counts
    do not add up.
    """
    shown = tuple(examples)
    stages = tuple(_stage_yield(manifest) for manifest in manifests)
    sources = _sources(manifests)
    failures = _causes(manifests, "failed", shown)
    mixture = () if solution is None else summarize_mixture(solution, manifests)
    duplicates = summarize_duplicates(manifests, clusters)
    return RunSummary(
        recipe=recipe,
        stages=stages,
        skipped=tuple(skipped),
        sources=sources,
        encoders=_ranked(_merged(manifests, "tokens").get("encoders", {})),
        rejections=_causes(manifests, "rejected", shown),
        failures=failures,
        duplicates=duplicates,
        contamination=summarize_contamination(manifests),
        synthesis=summarize_synthesis(manifests, cost),
        mixture=mixture,
        ledgers=summarize_ledgers(manifests),
        alarms=tuple(_alarms(skipped, sources, duplicates, failures, mixture)),
    )


def _stage_yield(manifest: Manifest) -> StageYield:
    return StageYield(
        name=manifest.stage,
        version=manifest.version,
        identity=manifest.identity,
        unit=_unit(manifest.stage),
        counts=manifest.counts.check(stage=manifest.stage),
    )


def _unit(stage: str) -> str:
    """What a row of the stage is: its input, as the stage counts it."""
    if stage.startswith((WINDOWS_PREFIX, "export-")):
        return "copies"
    if stage == "problems" or stage.endswith("-problems"):
        return "problems"
    return {"ingest": "records", "synthesize": "samples"}.get(stage, "documents")


def _sources(manifests: Sequence[Manifest]) -> tuple[SourceSummary, ...]:
    read = _merged(manifests, "read")
    documents = _merged(manifests, "documents")
    kept = _merged(manifests, "kept")
    tokens = _merged(manifests, "tokens").get("sources", {})
    lost = {output: _merged(manifests, output) for output in ("rejected", "failed")}
    is_decided = any(manifest.stage == "decide" for manifest in manifests)
    made = {name for name in documents if not name.startswith(_PROBLEMS)}
    names = sorted({*read, *made, *tokens})
    # Sources that were read come first, made ones after them.
    names.sort(key=lambda name: name not in read)
    return tuple(
        SourceSummary(
            name=name,
            records=_leaf(read, name, "records"),
            payload_bytes=_leaf(read, name, "payload_bytes"),
            ignored=_ranked(read.get(name, {}).get("ignored", {})),
            documents=_leaf(documents, name, "documents"),
            chars=_leaf(documents, name, "chars"),
            media_types=_ranked(documents.get(name, {}).get("media_types", {})),
            fidelity=_fidelity(documents.get(name, {}).get("structure", {})),
            kept=kept.get(name, 0) if is_decided and name in read else None,
            rejected=sum(lost["rejected"].get(name, {}).values()),
            failed=sum(lost["failed"].get(name, {}).values()),
            tokenized=_leaf(tokens, name, "documents"),
            tokens=_leaf(tokens, name, "tokens"),
            text_bytes=_leaf(tokens, name, "bytes"),
            unknowns=_leaf(tokens, name, "unknowns"),
            inexact=lost["failed"].get(name, {}).get(_INEXACT, 0 if name in tokens else None),
        )
        for name in names
    )


def _fidelity(structure: Mapping[str, int]) -> tuple[Fidelity, ...]:
    return tuple(
        Fidelity(
            kind=kind,
            found=structure[f"{kind}_found"],
            kept=structure.get(f"{kind}_kept", 0),
        )
        for kind in STRUCTURE_KINDS
        if f"{kind}_found" in structure
    )


def _causes(
    manifests: Sequence[Manifest], output: str, examples: Sequence[Example]
) -> tuple[Cause, ...]:
    """Largest first; equal ones in the order of the stages, then by name."""
    causes = []
    for manifest in manifests:
        by_name: dict[str, dict[str, int]] = {}
        for source, counts in manifest.statistics.get(output, {}).items():
            for name, rows in counts.items():
                by_name.setdefault(name, {})[source] = rows
        causes += [
            Cause(
                stage=manifest.stage,
                name=name,
                rows=sum(by_source.values()),
                rows_in=manifest.counts.rows_in,
                by_source=_ranked(by_source),
                examples=tuple(
                    one
                    for one in examples
                    if (one.stage, one.output, one.cause) == (manifest.stage, output, name)
                ),
            )
            for name, by_source in sorted(by_name.items())
        ]
    return tuple(sorted(causes, key=lambda cause: -cause.rows))


def _alarms(
    skipped: Sequence[tuple[str, str]],
    sources: Sequence[SourceSummary],
    duplicates: DuplicateSummary | None,
    failures: Sequence[Cause],
    mixture: Sequence[MixtureStage],
) -> Iterable[Alarm]:
    for name, reason in skipped:
        yield Alarm(section="stages", text=f"{name} was skipped: {reason}")
    for source in sources:
        for one in source.fidelity:
            if one.is_low:
                yield Alarm(
                    section="fidelity",
                    text=f"{source.name}: {percent(one.ratio)} of {one.found:,} "
                    f"{one.kind.replace('_', ' ')} kept",
                )
    if duplicates is not None and duplicates.stricter is not None:
        again = duplicates.stricter
        yield Alarm(
            section="duplicates",
            text=f"{plural(again.clusters, 'large cluster')} of duplicates, "
            f"{plural(again.documents, 'document')} in all: look at the samples",
        )
    if failures:
        failed = sum(cause.rows for cause in failures)
        yield Alarm(section="failures", text=f"{plural(failed, 'row')} failed")
    for stage in mixture:
        for component in stage.components:
            if component.is_absent:
                yield Alarm(
                    section="mixture",
                    text=f"{stage.name}: no document for {component.name}; "
                    "the other components share its part",
                )


def _merged(manifests: Sequence[Manifest], output: str) -> Statistics:
    """One output's statistics over all stages that have it."""
    return merge_statistics(manifest.statistics.get(output, {}) for manifest in manifests)


def _leaf(statistics: Statistics, source: str, name: str) -> int | None:
    value = statistics.get(source, {}).get(name)
    return None if value is None else int(value)


def _ranked(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Largest first, equal ones by name."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
