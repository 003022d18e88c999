"""What a recipe says about duplicates; one object travels through all steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from filters.dedup.lsh import BandShape, derive_band_shape

ShingleUnit = Literal["words", "characters", "code"]

SHINGLE_SIZES: Mapping[ShingleUnit, int] = {"words": 5, "characters": 24, "code": 5}
"""Units of a shingle where the recipe gives none: FineWeb's five words (Penedo et al. 2024),
NeMo Curator's 24 characters (fewer than 20 give 5% false pairs, its documentation says), and
StarCoder2's five tokens of code (Lozhkov et al. 2024)."""


@dataclass(frozen=True, kw_only=True)
class MinHashParameters:
    """What a signature depends on; see ``NearDuplicateConfig``."""

    permutations: int
    shingle_unit: ShingleUnit
    shingle_size: int
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
        pattern=r"^\w+(\.\w+)?$",
        description=(
            "What to compare: a measure, '<annotator>.<measure>', or a field of the document, such"
            " as source, published_at or structure.formulas_kept. A null loses to any value."
        ),
    )
    prefer: Literal["highest", "lowest"] | None = Field(
        default=None, description="Which value of a number, a time or a date in ISO 8601 wins."
    )
    order: Annotated[tuple[str, ...], Field(strict=False)] | None = Field(
        default=None,
        min_length=1,
        description="Values of a text column, best first; a value not listed loses to them all.",
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if (self.prefer is None) == (self.order is None):
            raise ValueError(
                f"column {self.column!r} takes either prefer (highest, lowest) or order (values, "
                "best first)"
            )
        if len(set(self.order or ())) < len(self.order or ()):
            raise ValueError(f"order of {self.column!r} names a value twice: {self.order}")
        return self


class NearDuplicateConfig(BaseModel):
    """MinHash over shingles; pairs that share a band are compared before they merge."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    threshold: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Least Jaccard similarity of shingles that merges two documents.",
    )
    verify: Literal["exact", "signature"] = Field(
        default="exact",
        description=(
            "How a candidate pair is decided: exact counts shared shingles wherever the signatures"
            " leave a doubt, signature takes their estimate as it is."
        ),
    )
    permutations: int = Field(
        default=112,
        ge=16,
        le=1024,
        description="Values of a signature, 4 bytes each; the estimate's error falls as its root.",
    )
    shingles: ShingleUnit = Field(
        default="words",
        description="What a shingle is made of: words, characters of text, or tokens of code.",
    )
    shingle_size: int | None = Field(
        default=None,
        ge=1,
        le=50,
        description="Consecutive units of a shingle; null: 5 words, 24 characters or 5 tokens.",
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

    @property
    def units(self) -> int:
        """Units of a shingle, ``shingle_size`` or the usual number."""
        return SHINGLE_SIZES[self.shingles] if self.shingle_size is None else self.shingle_size

    def band_shape(self) -> BandShape:
        """Bands and rows as given, or derived from ``threshold``."""
        if self.bands is not None and self.rows is not None:
            return BandShape(self.bands, self.rows)
        return derive_band_shape(self.threshold, permutations=self.permutations)


class LargeClusterConfig(BaseModel):
    """A second, stricter look at clusters that are suspiciously large.

    Pages of one template chain together by similar pairs although the ends have little in common.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_documents: int = Field(
        default=1000, ge=2, description="A cluster of more documents is looked at again."
    )
    threshold: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Least similarity that holds together near duplicates of such a cluster.",
    )


class PassageConfig(BaseModel):
    """Passages that several documents, or several places of one, have in common: one is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    min_words: int = Field(
        default=50,
        ge=1,
        description=(
            "Words of the shortest passage; Lee et al. (2022) cut from 50 subword tokens on. A"
            " character of Chinese, Japanese or Thai is a word."
        ),
    )


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
    large_clusters: LargeClusterConfig | None = Field(
        default_factory=LargeClusterConfig,
        description="Stricter merging inside large clusters; null leaves them as they are.",
    )
    passages: PassageConfig | None = Field(
        default=None,
        description=(
            "Cut passages of whole lines of prose that the documents kept by the rules repeat, but"
            " for one place each; {} switches this on. Texts are tokenized without them."
        ),
    )
    max_duplicate_ratio: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Share of a source's documents that may be duplicates before the run stops.",
    )
    max_duplicate_ratio_of: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="The same share for single sources, where another one is right.",
    )
    index: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        default=(),
        description=(
            "Folders of earlier runs, oldest first: new documents are compared with all of theirs"
            " too, by the signatures and pairs those runs have found."
        ),
    )
    keep_indexed: bool = Field(
        default=False,
        description=(
            "Whether a document of an earlier run outranks every new one; else the best is kept,"
            " as one run over everything would do."
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
                shingle_unit=self.near.shingles,
                shingle_size=self.near.units,
                seed=self.near.seed,
                min_shingles=self.near.min_shingles,
            ),
        )
