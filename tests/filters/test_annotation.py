import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.address import AddressConfig
from filters.annotation import AnnotateConfig, annotate, annotation_schema, build_annotators
from filters.annotator import Annotator
from filters.language import LanguageConfig
from filters.license_signals import LicenseConfig
from filters.pii import PiiConfig
from filters.prose import ProseAnnotator, ProseConfig
from filters.structure import StructureConfig
from filters.taggers.quality import QualityConfig
from filters.toxicity import ToxicityConfig
from pipeline.errors import ConfigError, SchemaError
from tests.support.document_rows import documents_of
from tests.support.strategies import NASTY_TEXTS, documents, random_splits

ANNOTATORS = build_annotators(
    AnnotateConfig(
        structure=StructureConfig(),
        address=AddressConfig(),
        license=LicenseConfig(),
        pii=PiiConfig(),
        toxicity=ToxicityConfig(),
        quality=QualityConfig(),
    )
)


@pytest.mark.parametrize("annotator", ANNOTATORS, ids=lambda annotator: annotator.name)
@given(data=st.data())
def test_batch_boundaries_do_not_matter(annotator: Annotator, data: st.DataObject) -> None:
    batch = data.draw(documents())
    parts = data.draw(random_splits(batch))
    whole = annotator.annotate(batch)
    joined = pa.Table.from_batches([annotator.annotate(part) for part in parts])
    assert joined.schema.equals(annotator.columns)
    assert joined.to_pylist() == whole.to_pylist()
    assert len(whole) == len(batch)


@pytest.mark.parametrize("annotator", ANNOTATORS, ids=lambda annotator: annotator.name)
def test_no_measure_is_nan_or_infinite_and_ratios_are_shares(annotator: Annotator) -> None:
    measures = annotator.annotate(documents_of(*NASTY_TEXTS))
    for field, column in zip(measures.schema, measures.columns, strict=True):
        for value in column.to_pylist():
            if value is None or isinstance(value, str):
                continue
            assert value >= 0, field.name
            # Symbols are counted for each token: there may be more of them. Occurrences of the
            # top n-gram may overlap, and each has all of its characters.
            if field.name.endswith("_ratio") and not field.name.startswith(("symbol", "top")):
                assert value <= 1, field.name


def test_the_sidecar_holds_the_key_and_the_prefixed_measures() -> None:
    batch = documents_of("Some prose.", "")
    measures = annotate(batch, ANNOTATORS)
    assert measures.schema.equals(annotation_schema(ANNOTATORS))
    assert measures.schema.names[:3] == ["id", "source", "language.code"]
    assert {"prose.words", "content.math_ratio", "tagger.quality"} <= set(measures.schema.names)
    assert measures["id"].to_pylist() == ["d0", "d1"]
    assert measures["prose.words"].to_pylist() == [2, 0]


def test_no_rows_give_the_same_columns() -> None:
    assert annotate(documents_of(), ANNOTATORS).schema.equals(annotation_schema(ANNOTATORS))


def test_null_in_the_recipe_turns_an_annotator_off() -> None:
    config = AnnotateConfig(language=None, content=None, tagger=None)
    assert [annotator.name for annotator in build_annotators(config)] == ["prose"]
    config = AnnotateConfig(language=LanguageConfig(max_chars=100), prose=None)
    assert [a.name for a in build_annotators(config)] == ["language", "content", "tagger"]


def test_the_configuration_is_read_from_plain_lists() -> None:
    config = AnnotateConfig.model_validate({"prose": {"stop_words": ["der", "die"]}})
    assert config.prose == ProseConfig(stop_words=("der", "die"))


def test_two_annotators_of_one_name_are_refused() -> None:
    prose = ProseAnnotator(ProseConfig())
    with pytest.raises(ConfigError, match="different names, got prose, prose"):
        annotation_schema([prose, prose])


class OneRowShort(ProseAnnotator):
    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        return super().annotate(documents).slice(1)


def test_an_annotator_that_loses_a_row_is_caught() -> None:
    with pytest.raises(SchemaError, match=r"'prose' promised 2 rows .* returned 1"):
        annotate(documents_of("a", "b"), [OneRowShort(ProseConfig())])
