"""The quality annotator: each document is judged alone; nulls where it abstains."""

import json
import shutil
from pathlib import Path

import pytest

from filters.taggers.backend import MIN_TAGGED_WORDS
from filters.taggers.quality import SHIPPED_MODELS, QualityAnnotator, QualityConfig
from pipeline.errors import ConfigError
from tests.support.document_rows import documents_of

PROOF = (
    "Theorem. There are infinitely many primes. Proof. Suppose that there are finitely many, and "
    "let N be their product plus one. No prime divides N, because each leaves the remainder one. "
    "But N has a prime divisor, so some prime is missing from the list, which is a contradiction. "
    "Hence the list cannot be complete, and there are infinitely many primes."
)
SHOP = (
    "Buy now and save on our new summer collection. Free shipping on all orders over fifty "
    "dollars. Add to cart. Sign up to our newsletter to get ten percent off. Shoes, bags, "
    "dresses, hats and belts for every taste. Contact us. Terms of service. Privacy policy."
)


@pytest.fixture(scope="module")
def annotator() -> QualityAnnotator:
    return QualityAnnotator(QualityConfig())


def test_a_proof_reasons_more_deeply_than_a_shop(annotator: QualityAnnotator) -> None:
    proof, shop = annotator.annotate(documents_of(PROOF, SHOP)).to_pylist()
    assert proof["reasoning_depth_score"] > shop["reasoning_depth_score"] + 0.5
    assert proof["domain"] == "mathematics"
    assert proof["math_value"] > shop["math_value"] == 0


ODD_TEXTS = [
    "",
    "x",
    "a" * 100_000,
    "+-*/ " * 5_000,
    "\n" * 3_000,
    "слово и \u4e2d\u6587 mixed with words " * 40,
]


def test_every_document_is_judged_alone(annotator: QualityAnnotator) -> None:
    texts = [PROOF, *ODD_TEXTS, SHOP]
    together = annotator.annotate(documents_of(*texts)).to_pylist()
    alone = [annotator.annotate(documents_of(text)).to_pylist()[0] for text in texts]
    assert together == alone


def test_few_latin_words_have_no_measure(annotator: QualityAnnotator) -> None:
    few = " ".join(["word"] * (MIN_TAGGED_WORDS - 1))
    for row in annotator.annotate(documents_of("", few, "中文" * 500)).to_pylist():
        assert set(row.values()) == {None}


def test_a_damaged_model_is_refused_before_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED_MODELS["embedding"], folder)
    (folder / "vocabulary.txt").write_text("other")
    with pytest.raises(ConfigError, match="damaged or of another version"):
        QualityAnnotator(QualityConfig(model=str(folder)))
    with pytest.raises(ConfigError, match="cannot read the tagger"):
        QualityAnnotator(QualityConfig(model=str(tmp_path / "missing")))


def test_a_model_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED_MODELS["embedding"], folder)
    path = folder / "model.json"
    stated = json.loads(path.read_text())
    path.write_text(json.dumps({**stated, "version": 99}))
    with pytest.raises(ConfigError, match="version 99"):
        QualityAnnotator(QualityConfig(model=str(folder)))


def test_another_model_is_another_version_of_the_annotator(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED_MODELS["embedding"], folder)
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "note": "other"}))
    other = QualityAnnotator(QualityConfig(model=str(folder)))
    assert other.version != QualityAnnotator(QualityConfig()).version
