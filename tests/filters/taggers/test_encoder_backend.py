"""The encoder tagger: tuned on labels, written and read again."""

import json
from pathlib import Path

import numpy as np
import pytest

from filters.annotation import AnnotateConfig, build_annotators, have_encoders
from filters.annotator import Annotator
from filters.taggers.backend import MIN_TAGGED_WORDS, HeadSpec, load_backend
from filters.taggers.encoder_backend import MAX_SHOWN_CHARS, shown
from filters.taggers.quality import CascadeConfig, QualityAnnotator, QualityConfig, ScreenConfig
from filters.taggers.training.train_encoder import train
from pipeline.errors import ConfigError
from tests.support.document_rows import documents_of
from tests.support.tiny_encoder import write_encoder

HEADS = (
    HeadSpec("depth", "ordinal", (0, 1, 2), not_applicable=0),
    HeadSpec("domain", "nominal", ("law", "art")),
)
LAW, ART = "lll llll ll lllll ", "aaa aaaa aa aaaaa "


def rows(count: int) -> tuple[list[dict[str, str]], dict[str, dict[str, int | str]]]:
    documents = [
        {"id": f"site{number}.org", "text": (LAW if number % 2 else ART) * 8}
        for number in range(count)
    ]
    labels: dict[str, dict[str, int | str]] = {
        one["id"]: {"depth": 1 + number % 2, "domain": "law" if number % 2 else "art"}
        for number, one in enumerate(documents)
    }
    return documents, labels


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    documents, labels = rows(1200)
    encoder = write_encoder(folder / "bert")
    out = folder / "tagger"
    train(documents, labels, HEADS, out, encoder=encoder, report=lambda _line: None, rubric=1)
    return out


def test_it_learns_what_it_is_shown(model: Path) -> None:
    found = load_backend(model).probabilities([LAW * 8, ART * 8], [None, None])
    assert found["domain"].argmax(axis=1).tolist() == [0, 1]
    for head in HEADS:
        assert found[head.name].sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_it_abstains_where_there_are_few_words(model: Path) -> None:
    few = " ".join(["word"] * (MIN_TAGGED_WORDS - 1))
    found = load_backend(model).probabilities(["", few, LAW * 8], [None] * 3)
    assert np.isnan(found["domain"]).all(axis=1).tolist() == [True, True, False]
    assert np.isnan(load_backend(model).probabilities([], [])["domain"]).size == 0


def test_a_damaged_model_is_refused(model: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    stated = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps({**stated, "version": 0}))
    with pytest.raises(ConfigError, match="of version 0"):
        load_backend(copy)
    (copy / "output.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="damaged or of another version"):
        load_backend(copy)


def test_a_long_text_is_shown_by_its_beginning_middle_and_end() -> None:
    text = "a" * 2000 + "m" * 2000 + "z" * 2000
    seen = shown(text, None)
    assert len(seen) <= MAX_SHOWN_CHARS + 2
    assert (seen[0], seen[2000], seen[-1]) == ("a", "m", "z")
    assert shown("x", "http://a.org") == "http://a.org\nx"
    assert shown("\ud800", None) == "?"


def annotators(model: Path) -> tuple[Annotator, ...]:
    cascade = CascadeConfig(
        screens=(ScreenConfig(model=str(model), min_confidence=0.99),), heads=("domain",)
    )
    config = QualityConfig(model=str(model), cascade=cascade)
    return build_annotators(AnnotateConfig(quality=config, tagger=None))


def test_a_cascade_of_encoders_says_which_of_them_answered(model: Path) -> None:
    made = annotators(model)
    (quality,) = [one for one in made if isinstance(one, QualityAnnotator)]
    assert have_encoders(made)
    assert not have_encoders(build_annotators(AnnotateConfig()))
    measures = quality.annotate(documents_of(LAW * 8, "", ART * 8))
    assert measures.schema.equals(quality.columns)
    assert set(measures.column("step").to_pylist()) <= {0, 1}
