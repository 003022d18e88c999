"""The mixture's specification: stages, their components, and how a component picks documents.

    mixture
      repetition: [...]                       how often the whole run may use a document
      stages: [general, maths, long]          trained one after the other
        components: [code, papers, web]       the first whose conditions hold takes a document
          where: [{column: source, allowed: [repositories]}]
          weight: 30                          percent of the stage's tokens; or tokens, or epochs

The specification names no files: it is solved against a measured supply (``mixtures.solver``).
"""

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mixtures.conditions import ConditionSpec
from mixtures.upsampling import UpsamplingSpec

WEIGHT_TOLERANCE = 0.01
"""Percent by which a stage's weights may miss 100: three thirds written as 33.33 pass."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
"""Names become parts of file names and keys of hashes."""

Percent = Annotated[float, Field(gt=0, le=100)]
Conditions = Annotated[tuple[ConditionSpec, ...], Field(strict=False)]


class JoinSpec(BaseModel):
    """Which documents of a component become one training document, and how.

    Documents of one source that share the value of ``by`` are laid end to end; a null joins
    nothing. Files of a repository in one document are how DeepSeek-Coder (Guo et al. 2024, arXiv
    2401.14196, section 2.2) and Qwen2.5-Coder (Hui et al. 2024, arXiv 2409.12186, section 3.2)
    teach a model to use context from other files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    by: str = Field(
        min_length=1,
        description="Column, or path into a struct column, such as provenance.archive: the name "
        "of the tree or archive a file came from.",
    )
    order_by: str | None = Field(
        default=None,
        min_length=1,
        description="Column or path that orders the documents of a unit, such as "
        "provenance.member; nulls last, then by id.",
    )
    separator_token: str = Field(
        min_length=1,
        description="Added token that takes the place of every EOD but the last, such as Qwen's "
        "<|file_sep|>.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="A unit ends before the document that would make it longer; null sets no "
        "limit, and a unit longer than a window is cut like any document.",
    )


class ComponentSpec(BaseModel):
    """One ingredient of a stage: which documents, and how many tokens of them.

    The amount is one of ``weight``, ``tokens`` and ``epochs``. A component without any shares what
    the others leave with its like, by the tokens they have (see ``StageSpec.temperature``).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name = Field(description="Unique in its stage.")
    where: Conditions = Field(
        default=(), description="All must hold; without any the component takes what is left."
    )
    weight: Percent | None = Field(default=None, description="Percent of the stage's tokens.")
    tokens: int | None = Field(default=None, ge=1, description="Tokens of the stage.")
    epochs: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="How often each document is used, times its upsampling factor.",
    )
    min_percent: Percent | None = Field(
        default=None, description="Least share of the stage, where no amount is given."
    )
    max_percent: Percent | None = Field(
        default=None, description="Largest share of the stage, where no amount is given."
    )
    max_epochs: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="How often the stage may use each of the component's documents; "
        "repetition over all stages has its own caps.",
    )
    upsample: Annotated[tuple[UpsamplingSpec, ...], Field(strict=False)] = Field(
        default=(), description="How much oftener some documents are drawn than others."
    )
    is_fresh: bool = Field(
        default=False, description="Whether only documents that no earlier stage used are taken."
    )
    is_optional: bool = Field(
        default=False,
        description="Whether a component without any document cedes its share to the others.",
    )
    join: JoinSpec | None = Field(
        default=None,
        description="Joins documents, such as the files of a repository, to one; null joins none.",
    )

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        amounts = [n for n in ("weight", "tokens", "epochs") if getattr(self, n) is not None]
        bounds = [n for n in ("min_percent", "max_percent") if getattr(self, n) is not None]
        if len(amounts) > 1 or (amounts and bounds):
            raise ValueError(
                f"component {self.name!r} gives {', '.join(amounts + bounds)}; its amount is one "
                "of weight, tokens and epochs, or min_percent and max_percent around what is left"
            )
        _require_ascending(f"component {self.name!r}", self.min_percent, self.max_percent)
        return self

    @property
    def has_amount(self) -> bool:
        """Whether the recipe says how much, and not only of what."""
        return not (self.weight is None and self.tokens is None and self.epochs is None)

    @property
    def asked(self) -> str:
        """The amount in words, for tables."""
        if self.weight is not None:
            return f"{self.weight:g} %"
        if self.tokens is not None:
            return f"{self.tokens:,} tokens"
        if self.epochs is not None:
            return f"{self.epochs:g} epochs"
        bounds = [
            f"{word} {bound:g} %"
            for word, bound in (("from", self.min_percent), ("to", self.max_percent))
            if bound is not None
        ]
        return " ".join(["what is left", *bounds])


class LimitSpec(BaseModel):
    """Bounds of the share that several components have together, say mathematics and code."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    components: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = Field(
        description="Names of components of the stage."
    )
    min_percent: Percent | None = Field(
        default=None, description="Least percent of the stage's tokens, all components together."
    )
    max_percent: Percent | None = Field(
        default=None, description="Largest percent of the stage's tokens, all together."
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min_percent is None and self.max_percent is None:
            raise ValueError(f"the limit of {', '.join(self.components)} gives no bound")
        what = f"the limit of {', '.join(self.components)}"
        _require_ascending(what, self.min_percent, self.max_percent)
        return self


class StageSpec(BaseModel):
    """One stage of training: a window length, a budget and the shares of its components."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name = Field(description="Unique in the mixture.")
    sequence_tokens: int = Field(ge=16, le=1 << 20, description="Tokens of a window.")
    budget_tokens: int | None = Field(
        default=None, ge=1, description="Tokens to train on, taken down to whole windows."
    )
    budget_percent: Percent | None = Field(
        default=None,
        description="Percent of the tokens of all stages that give one; with neither budget the "
        "stage takes as many tokens as supply and repetition allow.",
    )
    # Ding et al. 2024 (arXiv 2404.10830) measured best-fit against concatenation: the same tokens
    # a window, and +4.7% reading comprehension, +16.8% context following, +9.2% program synthesis.
    packing: Literal["best-fit", "concatenate"] = Field(
        default="best-fit",
        description="best-fit cuts no document that fits a window, but to fill windows up; "
        "concatenate lays documents end to end and cuts wherever a window ends, as Megatron-LM and "
        "OLMo do by default.",
    )
    components: Annotated[tuple[ComponentSpec, ...], Field(strict=False, min_length=1)] = Field(
        description="In order: the first whose conditions hold takes a document."
    )
    limits: Annotated[tuple[LimitSpec, ...], Field(strict=False)] = Field(
        default=(), description="Bounds of what several components have together."
    )
    # Exponent 1/T as in the sampling of languages: Arivazhagan et al. 2019, arXiv 1907.05019.
    temperature: float = Field(
        default=1.0,
        ge=1.0,
        le=100.0,
        description="Components without an amount share what is left by tokens^(1/temperature): "
        "1 in proportion to their supply, large values evenly.",
    )

    @model_validator(mode="after")
    def _components_add_up(self) -> Self:
        names = [component.name for component in self.components]
        _require_unique(f"stage {self.name!r}: component", names)
        if self.budget_tokens is not None and self.budget_percent is not None:
            raise ValueError(f"stage {self.name!r} gives budget_tokens and budget_percent")
        weights = [component.weight or 0.0 for component in self.components]
        total = math.fsum(weights)
        listed = ", ".join(f"{c.name} {c.weight:g}" for c in self.components if c.weight)
        if all(weights):
            if round(abs(total - 100), 6) > WEIGHT_TOLERANCE:  # 0.01 has no exact binary form
                raise ValueError(
                    f"stage {self.name!r}: weights are percent and must sum to 100 "
                    f"+- {WEIGHT_TOLERANCE}; {listed} sum to {total:g}"
                )
        elif total >= 100:  # noqa: PLR2004
            raise ValueError(
                f"stage {self.name!r}: the weights {listed} sum to {total:g} percent and leave "
                "nothing for the components without a weight"
            )
        for limit in self.limits:
            for name in limit.components:
                if name not in names:
                    raise ValueError(
                        f"stage {self.name!r}: limits name {name!r}; its components are "
                        f"{', '.join(names)}"
                    )
        for component, successor in zip(self.components, self.components[1:], strict=False):
            if not component.where:
                raise ValueError(
                    f"stage {self.name!r}: component {component.name!r} has no condition and takes "
                    f"every document, so {successor.name!r} after it gets none; put it last"
                )
        return self

    def component(self, name: str) -> ComponentSpec:
        """The component called ``name``; KeyError when the stage has none."""
        return {component.name: component for component in self.components}[name]


class RepetitionSpec(BaseModel):
    """How often the whole run, all its stages together, may use a document."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    where: Conditions = Field(default=(), description="All must hold; the first match counts.")
    max_epochs: float = Field(gt=0, le=10_000, description="1 for what must not be seen twice.")


NATURAL_EPOCHS = 4.0
"""Repeating natural text up to four epochs costs little loss (Muennighoff et al. 2023, "Scaling
data-constrained language models", section 6)."""

SYNTHETIC_EPOCHS = 100.0
"""MiMo's report repeats synthetic reasoning "for an extremely high number of epochs" without loss
and names none; this is a guard against a recipe's slip, not a finding."""

DEFAULT_REPETITION = (
    RepetitionSpec(
        where=(ConditionSpec(column="lineage.strategy", is_null=False),),
        max_epochs=SYNTHETIC_EPOCHS,
    ),
    RepetitionSpec(max_epochs=NATURAL_EPOCHS),
)


class MixtureConfig(BaseModel):
    """The whole mixture, as a recipe states it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seed: int = Field(ge=0, lt=1 << 63, description="Decides sampling and order, nothing else.")
    stages: Annotated[tuple[StageSpec, ...], Field(strict=False, min_length=1)] = Field(
        description="In the order of training."
    )
    repetition: Annotated[tuple[RepetitionSpec, ...], Field(strict=False, min_length=1)] = Field(
        default=DEFAULT_REPETITION,
        description="Caps on the use of a document over all stages, the first match counts; the "
        "last has no condition. By default 4 for natural documents and 100 for synthetic ones.",
    )
    max_share_error_percent: float = Field(
        default=0.25,
        gt=0,
        le=100,
        description="Percent points of a stage by which a component may miss its share, because "
        "documents come whole; beyond it the run fails.",
    )
    mtp_depth: int = Field(
        default=1,
        ge=0,
        le=16,
        description="Multi-token-prediction modules that the shards must serve; MiMo-7B has 1.",
    )
    exports: Annotated[
        tuple[Literal["megatron", "mds", "arrow", "olmo", "datatrove"], ...], Field(strict=False)
    ] = Field(
        default=(),
        description="Formats of other trainers that every stage's windows are written in too.",
    )
    tokenizer: str = Field(
        default="qwen2.5",
        min_length=1,
        description="Name of a shipped tokenizer, or the path of a tokenizer.json[.gz].",
    )
    eod_token: str = Field(
        default="<|endoftext|>", min_length=1, description="Ends every document, once."
    )
    # Not the end-of-document token: Megatron then resets the pad id to -1 and trains on the pads.
    pad_token: str = Field(
        default="<|fim_pad|>", min_length=1, description="Fills a window's tail; never in a text."
    )

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        _require_unique("stage", [stage.name for stage in self.stages])
        if self.eod_token == self.pad_token:
            raise ValueError(
                f"pad_token must differ from eod_token, both are {self.pad_token!r}: a trainer "
                "could not tell padding from the end of a document"
            )
        shares = [stage.budget_percent for stage in self.stages if stage.budget_percent]
        if shares and round(abs(math.fsum(shares) - 100), 6) > WEIGHT_TOLERANCE:
            raise ValueError(
                f"budget_percent of the stages must sum to 100 +- {WEIGHT_TOLERANCE}; they sum to "
                f"{math.fsum(shares):g}"
            )
        joins = {
            component.join.by
            for stage in self.stages
            for component in stage.components
            if component.join is not None
        }
        if len(joins) > 1:
            raise ValueError(
                f"all joins of a mixture must be by one column, these are by {sorted(joins)}: a "
                "document is drawn with its unit in every stage, so it can have only one"
            )
        *conditional, last = self.repetition
        if last.where or not all(rule.where for rule in conditional):
            raise ValueError("repetition: the last rule, and only the last, has no condition")
        return self

    def stage(self, name: str) -> StageSpec:
        """The stage called ``name``; KeyError when the mixture has none."""
        return {stage.name: stage for stage in self.stages}[name]


def _require_ascending(what: str, min_percent: float | None, max_percent: float | None) -> None:
    if min_percent and max_percent and min_percent > max_percent:
        raise ValueError(
            f"{what}: min_percent {min_percent:g} is above max_percent {max_percent:g}"
        )


def _require_unique(what: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{what} names must be unique; {', '.join(repeated)} appears twice")
