"""The fastText tagger: the shipped screen, and that training and serving see the same features."""

import importlib.util
from pathlib import Path

import fasttext
import numpy as np
import pytest

from filters.taggers.backend import MIN_TAGGED_WORDS, HeadSpec, load_backend
from filters.taggers.fasttext_backend import SEEN_CHARS, line_of
from filters.taggers.quality import SHIPPED_MODELS, QualityAnnotator, QualityConfig
from filters.taggers.training.fasttext_features import features
from pipeline.errors import ConfigError
from tests.support.document_rows import documents_of

PROOF = (
    "Theorem. There are infinitely many primes. Proof. Suppose that there are finitely many, and "
    "let N be their product plus one. No prime divides N, because each leaves the remainder one. "
    "But N has a prime divisor, so some prime is missing from the list, which is a contradiction."
)
SHOP = (
    "Buy now and save on our new summer collection. Free shipping on all orders over fifty "
    "dollars. Add to cart. Sign up to our newsletter to get ten percent off. Shoes, bags, "
    "dresses, hats and belts for every taste. Contact us. Terms of service. Privacy policy."
)
ODD_TEXTS = ("", "x", "a" * 1_000_000, "+-*/ " * 5_000, "\n" * 3_000, "слово и 中文 words " * 40)


@pytest.fixture(scope="module")
def annotator() -> QualityAnnotator:
    return QualityAnnotator(QualityConfig(model="fasttext"))


def test_a_proof_reasons_more_deeply_than_a_shop(annotator: QualityAnnotator) -> None:
    proof, shop = annotator.annotate(documents_of(PROOF, SHOP)).to_pylist()
    assert proof["reasoning_depth_score"] > shop["reasoning_depth_score"] + 0.5
    assert proof["domain"] == "mathematics"


def test_every_document_is_judged_alone(annotator: QualityAnnotator) -> None:
    texts = [PROOF, *ODD_TEXTS, SHOP]
    together = annotator.annotate(documents_of(*texts)).to_pylist()
    alone = [annotator.annotate(documents_of(text)).to_pylist()[0] for text in texts]
    assert together == alone


def test_probabilities_of_a_head_add_up_to_one() -> None:
    backend = load_backend(SHIPPED_MODELS["fasttext"])
    for name, rows in backend.probabilities([PROOF, SHOP], [None, "http://a.org/x"]).items():
        assert rows.sum(axis=1) == pytest.approx(1, abs=2e-3), name


def test_few_latin_words_have_no_answer() -> None:
    few = " ".join(["word"] * (MIN_TAGGED_WORDS - 1)) + " 12 ! " * 90
    assert line_of(few, None) is None
    backend = load_backend(SHIPPED_MODELS["fasttext"])
    found = backend.probabilities(["", few, "中文" * 900], [None] * 3)
    assert all(np.isnan(rows).all() for rows in found.values())


def test_a_line_holds_words_numbers_signs_and_the_address() -> None:
    line = line_of("Été 2024: a+b\n" + "word " * MIN_TAGGED_WORDS, "http://a.org/Long-Path")
    assert line is not None
    assert line.split()[:7] == ["ete", "0", ":", "a", "+", "b", "\\n"]
    assert line.split()[-5:] == ["@http", "@a", "@org", "@long", "@path"]
    assert line_of("word " * 5000, None) == line_of("word " * SEEN_CHARS, None)
    assert line_of("\ud800 word " * MIN_TAGGED_WORDS, None) is not None


def test_pairs_are_hashed_as_fasttext_does() -> None:
    # FNV-1a of "a" is 0xe40c292c (Noll's test vectors); signed, because fastText keeps int32.
    first = 0xE40C292C - (1 << 32)
    rows = features("a a", {"a": 0, "</s>": 1}, num_buckets=1 << 16)
    pair = (first * 116049371 + first) % (1 << 64) % (1 << 16)
    assert rows[:4].tolist() == [0, 0, 1, 2 + pair]
    assert len(rows) == 5


CAN_TRAIN = hasattr(fasttext, "train_supervised")


@pytest.mark.skipif(not CAN_TRAIN, reason="the module fasttext is fasttext-predict: no training")
def test_what_is_trained_is_what_fasttext_predicts(tmp_path: Path) -> None:
    from filters.taggers.training.train_fasttext import train

    assert importlib.util.find_spec("torch")
    heads = (HeadSpec("depth", "ordinal", (0, 1)), HeadSpec("domain", "nominal", ("law", "art")))
    documents = [
        {"id": f"site{n}.org", "text": ("court plea judge " if n % 2 else "paint sky art ") * 20}
        for n in range(90)
    ]
    labels: dict[str, dict[str, int | str]] = {
        one["id"]: {"depth": n % 2, "domain": "law" if n % 2 else "art"}
        for n, one in enumerate(documents)
    }
    made = []
    for name in ("first", "second"):
        train(documents, labels, heads, tmp_path / name, report=lambda _line: None)
        made.append((tmp_path / name / "model.ftz").read_bytes())
    assert made[0] == made[1]
    backend = load_backend(tmp_path / "first")
    found = backend.probabilities([one["text"] for one in documents], [None] * 90)
    assert found["domain"].argmax(axis=1).tolist() == [1 - n % 2 for n in range(90)]


@pytest.mark.skipif(CAN_TRAIN, reason="this module fasttext can train")
def test_training_without_the_module_that_trains_is_refused() -> None:
    from filters.taggers.training.train_fasttext import check_fasttext

    with pytest.raises(ConfigError, match="cannot train: install fasttext"):
        check_fasttext()
