"""Any Hugging Face classifier: its outputs become heads, and each text is judged alone."""

from pathlib import Path

import numpy as np
import pytest

from filters.taggers.classifier import ClassifierAnnotator, ClassifierConfig
from pipeline.errors import ConfigError
from tests.support.document_rows import SOURCE_FILE, documents_of
from tests.support.tiny_encoder import write_classifier, write_small_llm

TEXTS = ("a proof of the theorem", "buy shoes now. " * 300, "x", "ab cd ef " * 40)
SILENT = ("", " \n\t", "+-*/ .. ,,")


def annotator(folder: Path, **config: object) -> ClassifierAnnotator:
    return ClassifierAnnotator("edu", ClassifierConfig(model=str(folder), **config))


def test_a_regression_is_a_level_with_its_score(tmp_path: Path) -> None:
    import torch

    folder = write_classifier(tmp_path, num_labels=1)
    made = annotator(folder)
    assert made.columns.names == ["level", "level_score"]
    rows = made.annotate(documents_of(*TEXTS)).to_pylist()
    from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    for text, row in zip(TEXTS, rows, strict=True):
        pieces = tokenizer(text, return_tensors="pt")["input_ids"]
        pieces = (
            torch.cat([pieces[:, :511], pieces[:, -1:]], 1) if pieces.shape[1] > 512 else pieces
        )
        with torch.no_grad():
            score = float(model(input_ids=pieces).logits)
        wanted = min(max(score, 0.0), 5.0)
        assert row["level_score"] == pytest.approx(wanted, abs=2e-3)
        assert row["level"] == int(np.floor(row["level_score"] + 0.5))


def test_classes_that_exclude_each_other_are_one_head(tmp_path: Path) -> None:
    names = {0: "LABEL spam", 1: "ham", 2: "News"}
    made = annotator(write_classifier(tmp_path, num_labels=3, id2label=names))
    assert made.columns.names == ["label", "label_confidence"]
    for row in made.annotate(documents_of(*TEXTS)).to_pylist():
        assert row["label"] in names.values()
        assert 1 / 3 <= row["label_confidence"] <= 1


def test_classes_that_do_not_are_heads_of_their_own(tmp_path: Path) -> None:
    config = {
        "num_labels": 2,
        "id2label": {0: "Severe toxicity", 1: "insult"},
        "problem_type": "multi_label_classification",
    }
    made = annotator(write_classifier(tmp_path, **config))
    assert made.columns.names == [
        "severe_toxicity",
        "severe_toxicity_score",
        "insult",
        "insult_score",
    ]
    for row in made.annotate(documents_of(*TEXTS)).to_pylist():
        assert row["insult"] == (row["insult_score"] >= 0.5)


def test_nothing_is_said_of_source_files_and_texts_without_words(tmp_path: Path) -> None:
    made = annotator(write_classifier(tmp_path, num_labels=1))
    silent = made.annotate(documents_of(*SILENT, TEXTS[0]))
    assert silent.column("level").null_count == len(SILENT)
    assert silent.column("level_score").is_valid().to_pylist()[-1]
    (source_file,) = made.annotate(documents_of("print(1)", code=SOURCE_FILE)).to_pylist()
    assert set(source_file.values()) == {None}


def test_every_text_is_judged_alone(tmp_path: Path) -> None:
    made = annotator(write_classifier(tmp_path, num_labels=1))
    texts = [*TEXTS, *SILENT, "word " * 5000, "\N{CJK UNIFIED IDEOGRAPH-4E2D}" * 3000]
    together = made.annotate(documents_of(*texts)).column("level_score").to_pylist()
    alone = [made.annotate(documents_of(text)).column("level_score")[0].as_py() for text in texts]
    assert [one is None for one in together] == [one is None for one in alone]
    seen = [(a, b) for a, b in zip(together, alone, strict=True) if a is not None]
    assert np.allclose(*zip(*seen, strict=True), atol=2e-3)


def test_a_small_llm_without_padding_judges_every_text_alone(tmp_path: Path) -> None:
    made = annotator(write_small_llm(tmp_path, num_labels=3))
    together = made.annotate(documents_of(*TEXTS)).to_pylist()
    alone = [made.annotate(documents_of(text)).to_pylist()[0] for text in TEXTS]
    assert [row["label"] for row in together] == [row["label"] for row in alone]
    for one, other in zip(together, alone, strict=True):
        assert one["label_confidence"] == pytest.approx(other["label_confidence"], abs=2e-3)


def test_another_model_is_another_version(tmp_path: Path) -> None:
    first = write_classifier(tmp_path / "first", num_labels=1)
    second = write_classifier(tmp_path / "second", num_labels=2)
    assert annotator(first).version == annotator(first).version != annotator(second).version


def test_what_is_no_classifier_is_refused_before_a_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"has no config\.json"):
        annotator(tmp_path / "empty")
    with pytest.raises(ConfigError, match="download: true fetches it"):
        annotator(Path("nobody/has-such-a-model"))
    folder = write_classifier(tmp_path / "model", num_labels=1)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="safetensors"):
        annotator(folder)
    with pytest.raises(ValueError, match="lowest and the highest"):
        ClassifierConfig(model="m", levels=(5, 0))


def test_names_that_make_no_columns_are_refused(tmp_path: Path) -> None:
    config = {
        "num_labels": 2,
        "id2label": {0: "+1", 1: "1"},
        "problem_type": "multi_label_classification",
    }
    with pytest.raises(ConfigError, match="no different column names"):
        annotator(write_classifier(tmp_path, **config))
