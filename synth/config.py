"""The synth part of a recipe: which model, which strategies, and what makes a run the same."""

from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    create_model,
    field_validator,
    model_validator,
)

from pipeline.fingerprint import canonical_json
from synth.engines.chat_completion import SET_PARAMETERS
from synth.engines.choice import EngineConfig
from synth.problems import ProblemsConfig
from synth.request import Sampling
from synth.sample import Asking
from synth.selection import Selection
from synth.strategies.catalogue import all_strategies
from synth.strategies.strategy import Strategy
from synth.verification.mathematics import POLICY_VERSION, verifier_name

Value = TypeVar("Value")


class StrategyConfig(BaseModel):
    """What a strategy is asked about, how often, and which answers are used."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    problems: list[str] = Field(
        default_factory=list, description="Sets of problems, by their names in synthesize.problems."
    )
    seeds: list[str] = Field(
        default_factory=list, description="Sets of seed documents, by their names in seeds."
    )
    samples: Annotated[int, Field(ge=1, le=256)] | None = Field(
        None, description="Samples of each item; null takes the strategy's own number."
    )
    wanted: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Verified samples that are enough: an item that has them, or can no longer "
        "reach them, is not asked about again. null asks for all samples.",
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="Of sampling; null takes the strategy's own."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Of sampling; null takes the strategy's own."
    )
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Tokens of an answer, reasoning included; a longer one is rejected. null takes "
        "the strategy's own.",
    )
    extra: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Further parameters of the request that the server knows, as top_k, "
        "repetition_penalty or chat_template_kwargs.",
    )
    seed: Annotated[int, Field(ge=0, lt=1 << 30)] = Field(
        0, description="Seed of each item's first sample; the others count up from it."
    )
    system: str | None = Field(
        None,
        description='System message; null sends none, "" an empty one, where a chat template would '
        "put in a message of its own.",
    )
    max_pass_rate: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Problems solved more often than this are too easy; null takes all."
    )
    easy_pool_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Share of the too easy problems that are used all the same."
    )
    max_answers: Annotated[int, Field(ge=1)] = Field(
        8, description="Answers of an item that are used, the first right ones."
    )

    @field_validator("extra")
    @classmethod
    def _check_extra(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        taken = sorted(set(extra) & SET_PARAMETERS)
        if taken:
            raise ValueError(f"{', '.join(taken)}: set here already; leave out")
        return extra

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.wanted is not None and self.max_pass_rate is not None:
            raise ValueError(
                "max_pass_rate needs the pass rate over all samples; leave out wanted, which stops "
                "before"
            )
        return self

    def asking(self, strategy: Strategy, *, model: str) -> Asking:
        """How ``strategy`` is asked, its own defaults where the recipe says nothing."""
        defaults = strategy.defaults
        return Asking(
            model=model,
            sampling=Sampling(
                temperature=_given(self.temperature, defaults.temperature),
                top_p=_given(self.top_p, defaults.top_p),
                max_tokens=_given(self.max_tokens, defaults.max_tokens),
                extra=tuple(sorted((n, canonical_json(v)) for n, v in self.extra.items())),
            ),
            seed=self.seed,
            samples=_given(self.samples, defaults.samples),
            wanted=self.wanted,
            system=self.system,
        )

    @property
    def selection(self) -> Selection:
        """Which answers are used."""
        return Selection(
            max_pass_rate=self.max_pass_rate,
            easy_pool_ratio=self.easy_pool_ratio,
            max_answers=self.max_answers,
        )


def _given(value: Value | None, default: Value) -> Value:
    return default if value is None else value


class _Strategies(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


StrategiesConfig = create_model(
    "StrategiesConfig",
    __base__=_Strategies,
    __doc__="Ways to make documents, by name; those that are left out make none.",
    **{  # type: ignore[call-overload]
        strategy.name: (StrategyConfig | None, Field(None, description=strategy.summary))
        for strategy in all_strategies()
    },
)


class Prices(BaseModel):
    """What a model's tokens cost, for the report."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    prompt: Annotated[float, Field(ge=0)] = Field(description="Of a million tokens sent.")
    completion: Annotated[float, Field(ge=0)] = Field(description="Of a million tokens made.")


class SynthConfig(EngineConfig):
    """Synthetic documents; nothing is made without a model and a strategy."""

    problems: dict[str, ProblemsConfig] = Field(
        default_factory=dict, description="Sets of problems by name."
    )
    strategies: StrategiesConfig = Field(default_factory=StrategiesConfig)
    cache: str | None = Field(
        None,
        description="Folder of stored answers, which runs may share; null keeps it in the run's "
        "own folder. What has been asked once is not asked again.",
    )
    prices: Prices | None = Field(None, description="Of tokens, in any currency.")
    split_bytes: Annotated[int, Field(ge=1)] = Field(
        256 << 10, description="Bytes of problems in one shard; large files are cut."
    )

    @property
    def chosen(self) -> dict[str, tuple[Strategy, StrategyConfig]]:
        """The strategies that the recipe asks for, by name."""
        found = {
            strategy.name: (strategy, getattr(self.strategies, strategy.name))
            for strategy in all_strategies()
        }
        return {name: pair for name, pair in found.items() if pair[1] is not None}


def skip_reason(config: SynthConfig) -> str | None:
    """Why nothing will be made, for the log and the report; None when something will."""
    if config.engine is None:
        return "the recipe names no model (synthesize.endpoint, vllm, transformers or embedded)"
    if not config.chosen:
        return "the recipe names no strategy (synthesize.strategies)"
    return None


def identity(config: SynthConfig) -> dict[str, Any]:
    """What decides the documents: model, sampling, prompts, versions.

    Address, key, patience, cache and number of connections are left out, so moving the server
    makes nothing anew.
    """
    return {
        "model": config.model_identity,
        "strategies": {
            name: settings.model_dump(mode="json")
            | {
                "templates": [step.text for step in strategy.steps],
                "asking": strategy.defaults,
                "version": strategy.version,
                "verification": None
                if strategy.verification is None
                else [type(strategy.verification).__name__, strategy.verification.version],
            }
            for name, (strategy, settings) in config.chosen.items()
        },
        "verifier": verifier_name(),
        "policy_version": POLICY_VERSION,
    }
