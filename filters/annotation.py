"""Annotating documents: which annotators a recipe asks for, and the sidecar table they fill.

Documents in; one table out with ``id``, ``source`` and, for each annotator, its columns named
``<annotator>.<measure>``: as many rows as documents, in their order.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.address import AddressAnnotator, AddressConfig
from filters.annotator import Annotator
from filters.content import ContentAnnotator, ContentConfig
from filters.decontamination.annotator import DecontaminationAnnotator
from filters.decontamination.config import DecontaminationConfig
from filters.language import LanguageAnnotator, LanguageConfig
from filters.license_signals import LicenseAnnotator, LicenseConfig
from filters.pii import PiiAnnotator, PiiConfig
from filters.prose import ProseAnnotator, ProseConfig
from filters.structure import StructureAnnotator, StructureConfig
from filters.taggers.classifier import ClassifierAnnotator, ClassifierConfig
from filters.taggers.quality import QualityAnnotator, QualityConfig
from filters.taggers.tagger import TaggerAnnotator, TaggerConfig
from filters.toxicity import ToxicityAnnotator, ToxicityConfig
from pipeline.errors import ConfigError, SchemaError
from pipeline.records.document import DOCUMENT_SCHEMA

Config = TypeVar("Config", bound=BaseModel)

KEY_COLUMNS = pa.schema([DOCUMENT_SCHEMA.field(name) for name in ("id", "source")])


class AnnotateConfig(BaseModel):
    """Which annotators run, with their settings; null turns one off."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    language: LanguageConfig | None = Field(
        default=LanguageConfig(), description="The language of the prose; null: do not measure it"
    )
    prose: ProseConfig | None = Field(
        default=ProseConfig(), description="Word, line and repetition measures; null: none of them"
    )
    content: ContentConfig | None = Field(
        default=ContentConfig(),
        description="Shares of prose, formulas, code and tables; null: none of them",
    )
    tagger: TaggerConfig | None = Field(
        default=TaggerConfig(), description="Topic and quality by trained models; null: neither"
    )
    quality: QualityConfig | None = Field(
        default=None,
        description="Reasoning depth, knowledge density, topic and 12 more by a trained model; "
        "null: none of them",
    )
    structure: StructureConfig | None = Field(
        default=None,
        description="Shares of formulas, code, tables and posts that extraction kept, and of "
        "headings, list items and links; null: none of them",
    )
    address: AddressConfig | None = Field(
        default=None, description="Host, domain and blocklist of the address; null: none of them"
    )
    license: LicenseConfig | None = Field(
        default=None, description="What the document says of its licence; null: nothing is read"
    )
    pii: PiiConfig | None = Field(
        default=None, description="Personal data by kind; null: none are counted"
    )
    toxicity: ToxicityConfig | None = Field(
        default=None, description="Words of your lists and your classifier; null: neither"
    )
    classifiers: dict[str, ClassifierConfig] = Field(
        default_factory=dict,
        description="Hugging Face sequence classifiers, by the name that their columns get",
    )
    decontamination: DecontaminationConfig | None = Field(
        default=None,
        description="Which benchmark items a document holds; null: none are looked for",
    )


def build_annotators(config: AnnotateConfig) -> tuple[Annotator, ...]:
    """The annotators of ``config``, models loaded; ConfigError when a model cannot be had."""
    return (
        *_made(config.language, LanguageAnnotator),
        *_made(config.prose, ProseAnnotator),
        *_made(config.content, ContentAnnotator),
        *_made(config.structure, StructureAnnotator),
        *_made(config.address, AddressAnnotator),
        *_made(config.license, LicenseAnnotator),
        *_made(config.pii, PiiAnnotator),
        *_made(config.toxicity, ToxicityAnnotator),
        *_made(config.tagger, TaggerAnnotator),
        *_made(config.quality, QualityAnnotator),
        *(ClassifierAnnotator(name, one) for name, one in config.classifiers.items()),
        *_made(config.decontamination, DecontaminationAnnotator),
    )


def _made(config: Config | None, build: Callable[[Config], Annotator]) -> tuple[Annotator, ...]:
    return () if config is None else (build(config),)


def have_encoders(annotators: Sequence[Annotator]) -> bool:
    """Whether any of them runs an encoder, of which a machine should hold one copy only."""
    return any(
        isinstance(one, ClassifierAnnotator)
        or (isinstance(one, QualityAnnotator) and one.has_encoder)
        for one in annotators
    )


def annotation_schema(annotators: Sequence[Annotator]) -> pa.Schema:
    """The columns of :func:`annotate`'s table; ConfigError when two annotators share a name."""
    names = [annotator.name for annotator in annotators]
    if len(set(names)) < len(names):
        raise ConfigError(f"annotators need different names, got {', '.join(names)}")
    return pa.schema(
        [
            *KEY_COLUMNS,
            *(
                field.with_name(f"{annotator.name}.{field.name}")
                for annotator in annotators
                for field in annotator.columns
            ),
        ]
    )


def annotate(documents: pa.RecordBatch, annotators: Sequence[Annotator]) -> pa.RecordBatch:
    """Measure ``documents`` (DOCUMENT_SCHEMA); the columns are ``annotation_schema(annotators)``.

    Raises SchemaError when an annotator breaks its promise: other columns, or another number of
    rows.
    """
    schema = annotation_schema(annotators)
    columns = [documents.column(name) for name in KEY_COLUMNS.names]
    for annotator in annotators:
        measures = annotator.annotate(documents)
        if not measures.schema.equals(annotator.columns) or len(measures) != len(documents):
            raise SchemaError(
                f"annotator {annotator.name!r} promised {len(documents)} rows of "
                f"{annotator.columns.names} and returned {len(measures)} of {measures.schema.names}"
            )
        columns.extend(measures.columns)
    return pa.RecordBatch.from_arrays(columns, schema=schema)
