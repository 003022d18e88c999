"""What was made of a model's answers, as a report shows it: by strategy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.records.manifest import Manifest, Statistics
from pipeline.report.quantities import ratio_of

PASS_RATE_NAMES = ("never", *(f"{tenth / 10:.1f}" for tenth in range(10)), "always")
"""Bars of a histogram of pass rates, in order; see ``transforms.synthesize.pass_rate_bin``."""

PRICED_TOKENS = 1_000_000
"""Tokens that a price is for, as model servers state prices."""


@dataclass(frozen=True, kw_only=True)
class SynthesisCost:
    """What is known of a run beside its manifests: prices of a million tokens, seconds it took."""

    prompt_price: float | None = None
    completion_price: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class StrategySummary:
    """One strategy. ``pass_rates`` counts items by how often they were solved; empty unverified.

    ``spared`` samples were not asked for, or given up, because an item needed them no more.
    ``kept`` documents passed every rule; None before they were judged.
    """

    name: str
    items: int
    samples: int
    spared: int
    judged: int
    correct: int
    documents: int
    kept: int | None
    pass_rates: tuple[tuple[str, int], ...]
    prompt_tokens: int
    completion_tokens: int
    problems: int

    @property
    def correct_ratio(self) -> float | None:
        """Right answers per judged answer; None where nothing was verified."""
        return ratio_of(self.correct, self.judged) if self.judged else None


@dataclass(frozen=True, kw_only=True)
class SynthesisSummary:
    """All strategies, and what their tokens took."""

    strategies: tuple[StrategySummary, ...]
    cost: SynthesisCost

    @property
    def prompt_tokens(self) -> int:
        """Tokens sent, of all steps of all samples."""
        return sum(one.prompt_tokens for one in self.strategies)

    @property
    def completion_tokens(self) -> int:
        """Tokens made."""
        return sum(one.completion_tokens for one in self.strategies)

    @property
    def price(self) -> float | None:
        """Of all tokens; None where the recipe states no prices."""
        prices = (self.cost.prompt_price, self.cost.completion_price)
        tokens = (self.prompt_tokens, self.completion_tokens)
        if None in prices:
            return None
        return sum((p or 0) * t for p, t in zip(prices, tokens, strict=True)) / PRICED_TOKENS

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens made in each second of the stage; None where it is not known."""
        return self.completion_tokens / self.cost.seconds if self.cost.seconds else None


def summarize_synthesis(
    manifests: Sequence[Manifest], cost: SynthesisCost | None = None
) -> SynthesisSummary | None:
    """Every strategy of a run, by name; None where nothing was made."""
    found = next((one for one in manifests if one.stage == "synthesize"), None)
    if found is None:
        return None
    kept: Mapping[str, int] | None = None
    for manifest in manifests:
        if manifest.stage == "decide-synthetic":
            kept = manifest.statistics.get("kept", {})
    statistics = found.statistics
    strategies = tuple(
        _strategy(name, counts, statistics, kept)
        for name, counts in sorted(statistics.get("items", {}).items())
    )
    return SynthesisSummary(strategies=strategies, cost=cost or SynthesisCost())


def _strategy(
    name: str, counts: Statistics, statistics: Statistics, kept: Mapping[str, int] | None
) -> StrategySummary:
    source = f"synth.{name}"
    rates = counts["pass_rates"]
    problems = statistics.get("problem-set", {}).get(name, {}).get("difficulty", {})
    return StrategySummary(
        name=name,
        items=counts["items"],
        samples=counts["num_samples"],
        spared=counts["num_spared"],
        judged=counts["num_judged"],
        correct=counts["num_correct"],
        documents=statistics.get("documents", {}).get(source, {}).get("documents", 0),
        kept=None if kept is None else kept.get(source, 0),
        pass_rates=tuple((bar, rates.get(bar, 0)) for bar in PASS_RATE_NAMES) if rates else (),
        prompt_tokens=counts["prompt_tokens"],
        completion_tokens=counts["completion_tokens"],
        problems=sum(problems.values()),
    )
