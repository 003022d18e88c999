"""Words of the user's lists are counted, and the user's classifier asked."""

import hashlib
from pathlib import Path

import pytest

from filters.taggers.tagger import SHIPPED_MODELS
from filters.toxicity import ToxicityAnnotator, ToxicityClassifier, ToxicityConfig
from pipeline.errors import ConfigError
from tests.support.document_rows import SOURCE_FILE, documents_of


@pytest.fixture
def config(tmp_path: Path) -> ToxicityConfig:
    (tmp_path / "insults").write_text("Fool # mild\ndamned fool\n")
    (tmp_path / "threats").write_text("hurt you\n")
    return ToxicityConfig(
        lists={"insults": [str(tmp_path / "insults")], "threats": [str(tmp_path / "threats")]}
    )


def test_words_and_phrases_are_counted_whole(config: ToxicityConfig) -> None:
    annotator = ToxicityAnnotator(config)
    documents = documents_of(
        "You FOOL! A damned fool, no foolish one. I hurt you", "kind words", ""
    )
    first, second, third = annotator.annotate(documents).to_pylist()
    assert (first["words"], first["distinct_words"], first["list"]) == (4, 3, "insults")
    assert first["words_per_1000"] == pytest.approx(4000 / 11)
    assert (second["words"], second["list"], second["score"]) == (0, None, None)
    assert third["words_per_1000"] is None


def test_source_files_are_not_judged(config: ToxicityConfig) -> None:
    (row,) = ToxicityAnnotator(config).annotate(documents_of("fool", code=SOURCE_FILE)).to_pylist()
    assert set(row.values()) == {None}


def test_a_classifier_of_the_user_gives_a_score() -> None:
    path = SHIPPED_MODELS / "topic.ftz"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    given = ToxicityClassifier(path=str(path), sha256=sha256, label="religion")
    annotator = ToxicityAnnotator(ToxicityConfig(classifier=given))
    church, kitchen, empty = annotator.annotate(
        documents_of("god church prayer bible faith", "bake the cake with butter", "")
    ).to_pylist()
    assert church["score"] > 0.5 > kitchen["score"]
    assert empty["score"] is None
    with pytest.raises(ConfigError, match="damaged or of another version"):
        ToxicityAnnotator(
            ToxicityConfig(
                classifier=ToxicityClassifier(path=str(path), sha256="0" * 64, label="religion")
            )
        )


def test_other_lists_are_another_version(config: ToxicityConfig, tmp_path: Path) -> None:
    first = ToxicityAnnotator(config).version
    (tmp_path / "insults").write_text("knave\n")
    assert ToxicityAnnotator(config).version != first
