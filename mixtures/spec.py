"""The mixture's specification: stages, their components, and how a component picks documents.

    mixture
      stages: [general, maths, long]          trained one after the other
        components: [code, papers, web]       the first whose conditions hold takes a document
          where: [{column: source, allowed: [repositories]}]
          weight: 30                          percent of the stage's tokens

The specification names no files: it is solved against a measured supply (``mixtures.solver``).
"""

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

WEIGHT_TOLERANCE = 0.01
"""Percent by which a stage's weights may miss 100: three thirds written as 33.33 pass."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
"""Names become parts of file names and keys of hashes."""

Scalar = str | bool | int | float


class ConditionSpec(BaseModel):
    """What must hold of one column. A null satisfies nothing but ``is_null: true``.

    ``column`` is a column's name, or a path into a struct column such as ``lineage.strategy``. A
    column whose name holds the dots itself, as annotators' columns do, wins over a path.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: str = Field(description="Column name, or a path into a struct column.", min_length=1)
    allowed: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)] | None = Field(
        default=None, description="The value must be one of these."
    )
    min: float | None = Field(default=None, description="The value must be at least this.")
    max: float | None = Field(default=None, description="The value must be at most this.")
    is_null: bool | None = Field(default=None, description="Whether the value must be null.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        has_bounds = self.min is not None or self.max is not None
        kinds = [self.allowed is not None, has_bounds, self.is_null is not None]
        if sum(kinds) != 1:
            raise ValueError(
                f"condition on {self.column!r} must give exactly one of: allowed, min and/or max, "
                f"is_null; it gives {sum(kinds)}"
            )
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"condition on {self.column!r}: {name} is {bound}, not a number")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                f"condition on {self.column!r}: min {self.min} is above max {self.max}, so no "
                "document can satisfy it"
            )
        return self


class ComponentSpec(BaseModel):
    """One ingredient of a stage."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name = Field(description="Unique in its stage.")
    where: Annotated[tuple[ConditionSpec, ...], Field(strict=False)] = Field(
        default=(), description="All must hold; without any the component takes what is left."
    )
    weight: float = Field(gt=0, le=100, description="Percent of the stage's tokens.")
    # 4: repeating natural text up to four epochs costs little loss (Muennighoff et al. 2023,
    # "Scaling data-constrained language models", section 6).
    max_epochs: float = Field(
        default=4.0,
        gt=0,
        le=10_000,
        description="How often the stage may use each of the component's documents, on average.",
    )
    is_optional: bool = Field(
        default=False,
        description="Whether a component without any document cedes its share to the others.",
    )


class StageSpec(BaseModel):
    """One stage of training: a window length, a budget and the shares of its components."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name = Field(description="Unique in the mixture.")
    sequence_tokens: int = Field(ge=16, le=1 << 20, description="Tokens of a window.")
    budget_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Tokens to train on, taken down to whole windows; "
        "null takes as many as supply and max_epochs allow.",
    )
    components: Annotated[tuple[ComponentSpec, ...], Field(strict=False, min_length=1)] = Field(
        description="In order: the first whose conditions hold takes a document."
    )

    @model_validator(mode="after")
    def _components_add_up(self) -> Self:
        _require_unique(f"stage {self.name!r}: component", [c.name for c in self.components])
        total = math.fsum(component.weight for component in self.components)
        if round(abs(total - 100), 6) > WEIGHT_TOLERANCE:  # 0.01 has no exact binary form
            weights = ", ".join(f"{c.name} {c.weight:g}" for c in self.components)
            raise ValueError(
                f"stage {self.name!r}: weights are percent and must sum to 100 "
                f"+- {WEIGHT_TOLERANCE}; {weights} sum to {total:g}"
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


class MixtureConfig(BaseModel):
    """The whole mixture, as a recipe states it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seed: int = Field(ge=0, lt=1 << 63, description="Decides sampling and order, nothing else.")
    stages: Annotated[tuple[StageSpec, ...], Field(strict=False, min_length=1)] = Field(
        description="In the order of training."
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
    def _names_differ(self) -> Self:
        _require_unique("stage", [stage.name for stage in self.stages])
        if self.eod_token == self.pad_token:
            raise ValueError(
                f"pad_token must differ from eod_token, both are {self.pad_token!r}: a trainer "
                "could not tell padding from the end of a document"
            )
        return self

    def stage(self, name: str) -> StageSpec:
        """The stage called ``name``; KeyError when the mixture has none."""
        return {stage.name: stage for stage in self.stages}[name]


def _require_unique(what: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{what} names must be unique; {', '.join(repeated)} appears twice")
