"""What a recipe says about duplicates; one object travels through all steps."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from filters.dedup.lsh import BandShape, derive_band_shape


@dataclass(frozen=True, kw_only=True)
class MinHashParameters:
    """What a signature depends on; see ``NearDuplicateConfig``."""

    permutations: int
    shingle_words: int
    seed: int
    min_shingles: int


@dataclass(frozen=True, kw_only=True)
class SketchParameters:
    """Which sketches are made, and how; equal parameters make equal sketches."""

    has_url_key: bool
    has_exact_key: bool
    minhash: MinHashParameters | None


class KeepPreference(BaseModel):
    """One step of the order in which the documents of a cluster compete to be kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: str = Field(
        pattern=r"^\w+\.\w+$",
        description="Measure to compare, '<annotator>.<measure>'; a null loses to any value.",
    )
    prefer: Literal["highest", "lowest"] = Field(description="Which value wins.")


class NearDuplicateConfig(BaseModel):
    """MinHash over word shingles; pairs that share a band are compared before they merge."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    threshold: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Least estimated Jaccard similarity of shingles that merges two documents.",
    )
    permutations: int = Field(
        default=112,
        ge=16,
        le=1024,
        description="Values of a signature, 4 bytes each; the estimate's error falls as its root.",
    )
    shingle_words: int = Field(
        default=5, ge=1, le=50, description="Consecutive words of a shingle."
    )
    seed: int = Field(default=1, ge=0, lt=2**32, description="Seed of the permutations.")
    min_shingles: int = Field(
        default=9,
        ge=1,
        description=(
            "Shorter documents get no signature and are never near duplicates. At 8 shingles, a"
            " change of the last word alone leaves a Jaccard similarity of 7/9, below 0.8."
        ),
    )
    bands: int | None = Field(
        default=None, ge=1, description="Bands of a signature; null derives them from threshold."
    )
    rows: int | None = Field(
        default=None, ge=1, description="Values of a band; null derives them from threshold."
    )

    @model_validator(mode="after")
    def _check_bands(self) -> Self:
        if (self.bands is None) != (self.rows is None):
            raise ValueError(
                f"bands ({self.bands}) and rows ({self.rows}) are given both or neither"
            )
        used = (self.bands or 0) * (self.rows or 0)
        if used > self.permutations:
            raise ValueError(
                f"bands * rows = {used} exceeds permutations = {self.permutations}: lower one or "
                "raise permutations"
            )
        return self

    def band_shape(self) -> BandShape:
        """Bands and rows as given, or derived from ``threshold``."""
        if self.bands is not None and self.rows is not None:
            return BandShape(self.bands, self.rows)
        return derive_band_shape(self.threshold, permutations=self.permutations)


class DeduplicateConfig(BaseModel):
    """Which kinds of duplicates are marked, and which document of a cluster ranks first."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: bool = Field(default=True, description="Merge documents of one normalised address.")
    exact: bool = Field(default=True, description="Merge documents of one normalised text.")
    near: NearDuplicateConfig | None = Field(
        default_factory=NearDuplicateConfig,
        description="Merge documents of similar texts; null switches this off.",
    )
    keep: Annotated[tuple[KeepPreference, ...], Field(strict=False)] = Field(
        default=(),
        description="Preferences in falling weight; the least document id decides the rest.",
    )
    partitions: int | None = Field(
        default=None,
        ge=1,
        description=(
            "Groups that the keys of each kind are spread over; null makes as many as there are"
            " shards. Has no effect on the result."
        ),
    )

    @model_validator(mode="after")
    def _check_keep(self) -> Self:
        columns = [preference.column for preference in self.keep]
        if len(set(columns)) < len(columns):
            raise ValueError(f"keep names a column twice: {columns}; the second has no effect")
        return self

    def sketch_parameters(self) -> SketchParameters:
        """What the sketches depend on: a new threshold or keep order needs no new sketches."""
        return SketchParameters(
            has_url_key=self.url,
            has_exact_key=self.exact,
            minhash=None
            if self.near is None
            else MinHashParameters(
                permutations=self.near.permutations,
                shingle_words=self.near.shingle_words,
                seed=self.near.seed,
                min_shingles=self.near.min_shingles,
            ),
        )
