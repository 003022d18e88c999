"""A tagger's life through the command line: sample, annotate, train, evaluate, on a real run."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import filters.taggers
import pipeline.tagger_evaluation
from filters.taggers.labels import (
    read_documents,
    read_labels,
    write_labels,
)
from filters.taggers.rubric import load_rubric
from filters.taggers.split import group_of, is_held_out
from pipeline.cli import EXIT_REFUSED, main
from tests.support.rubric_server import judge
from tests.support.tagger import ABSTAINS, KnowingBackend, label_rows
from tests.support.tiny_run import NUM_DOCUMENTS, make_run, text_of
from tests.synth.chat_server import MODEL, ChatServer

RUBRIC = load_rubric()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("tiny"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_sample_has_equal_shares_of_sources_and_ranges(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sample.jsonl"
    command = ["tag", "sample", str(run), "--documents", "10", "--by", "content.chars"]
    assert main([*command, "--out", str(out)]) == 0
    rows = lines(out)
    assert len({row["id"] for row in rows}) == 10
    assert {tuple(row) for row in rows} == {("id", "source", "url", "text", "sha256", "stratum")}
    texts = {text_of(number) for number in range(NUM_DOCUMENTS)}
    assert {row["text"] for row in rows} <= texts
    assert len({row["stratum"] for row in rows}) == 10, "two sources in five ranges"
    assert f"10 documents: {out}" in capsys.readouterr().out
    again = tmp_path / "again.jsonl"
    main([*command, "--out", str(again), "--direct_num_workers=3"])
    assert again.read_bytes() == out.read_bytes()


def test_a_sample_of_an_unknown_column_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sample.jsonl"
    command = ["tag", "sample", str(run), "--documents", "20", "--out", str(out)]
    assert main([*command, "--by", "prose.length"]) == EXIT_REFUSED
    assert "there is no such column" in capsys.readouterr().err
    assert main([*command, "--documents", "0"]) == EXIT_REFUSED
    assert not out.exists()


def test_a_sample_is_annotated_as_it_is_and_can_be_evaluated(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sample, labels = str(tmp_path / "sample.jsonl.xz"), str(tmp_path / "labels.jsonl.xz")
    page = tmp_path / "tagger.html"
    assert main(["tag", "sample", str(run), "--documents", "30", "--out", sample]) == 0
    with ChatServer(answer_of=judge) as server:
        command = ["tag", "annotate", sample, "--out", labels, "--model", MODEL]
        assert main([*command, "--endpoint", server.url]) == 0
    rows = read_labels(labels, RUBRIC)
    assert len(rows) == 30
    known = {
        document["text"]: row.labels
        for document, row in zip(read_documents(sample), rows, strict=True)
    }
    backend = KnowingBackend(RUBRIC, known, confidence=1.0)
    monkeypatch.setattr(pipeline.tagger_evaluation, "load_backend", lambda _folder: backend)
    command = ["tag", "evaluate", "models/knowing", labels, "--documents", sample]
    assert main([*command, "--out", str(page)]) == 0
    said = capsys.readouterr().out
    assert "30 labelled documents; left out: 0 labels without a document" in said
    numbers = json.loads((tmp_path / "tagger.json").read_text())
    assert numbers["model"] == "knowing"
    assert numbers["annotators"] == [MODEL]
    for head in numbers["heads"].values():
        assert head["macro_f1"] == 1
        assert head["calibration_error"] == 0
        assert head["weighted_kappa"] in ((1, None) if head["kind"] == "ordinal" else (None,))


def evaluated(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    documents: list[dict[str, Any]],
    *,
    confidence: float,
) -> dict[str, Any]:
    rows = label_rows(RUBRIC, documents)
    labels = tmp_path / "labels.jsonl"
    write_labels(str(labels), rows)
    known = {d["text"]: row.labels for d, row in zip(documents, rows, strict=True)}
    backend = KnowingBackend(RUBRIC, known, confidence)
    monkeypatch.setattr(pipeline.tagger_evaluation, "load_backend", lambda _folder: backend)
    sample = written(tmp_path / "sample.jsonl", documents)
    command = ["tag", "evaluate", "m", str(labels), "--documents", sample]
    assert main([*command, "--out", str(tmp_path / "tagger.html")]) == 0
    numbers: dict[str, Any] = json.loads((tmp_path / "tagger.json").read_text())
    return numbers


def test_an_evaluation_is_of_the_held_out_third_alone_and_sees_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [
        {"id": f"d{n}", "text": f"Text {n}.", "url": f"https://site-{n}.org/"} for n in range(900)
    ]
    numbers = evaluated(tmp_path, monkeypatch, documents, confidence=0.8)
    held = [document for document in documents if is_held_out(group_of(document))]
    assert numbers["held_out_documents"] == numbers["held_out_groups"] == len(held)
    domain = numbers["heads"]["domain"]
    assert sum(map(sum, domain["confusion"])) == len(held)
    assert domain["accuracy_ratio"] == pytest.approx(0.8, abs=0.06)
    assert domain["calibration_error"] < 0.06
    (full,) = [count for count in domain["reliability"]["documents"] if count]
    assert full == len(held)
    depth = numbers["heads"]["reasoning_depth"]
    assert 0.5 < depth["weighted_kappa"] < 0.95
    assert 0.5 < depth["spearman"] < 0.95


def test_documents_on_which_the_model_abstains_are_counted_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [{"id": f"d{n}", "text": f"Text {n}."} for n in range(60)]
    held = [document for document in documents if is_held_out(document["id"])]
    held[0]["text"] = ABSTAINS
    numbers = evaluated(tmp_path, monkeypatch, documents, confidence=1.0)
    for head in numbers["heads"].values():
        assert (head["documents"], head["abstained"]) == (len(held), 1)
        assert head["accuracy_ratio"] == 1


@pytest.mark.parametrize("verb", ["evaluate", "train"])
def test_labels_without_their_documents_are_refused(
    tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [{"id": f"d{n}", "text": f"Text {n}."} for n in range(9)]
    labels = str(tmp_path / "labels.jsonl")
    write_labels(labels, label_rows(RUBRIC, documents))
    for document in documents:
        document["text"] += " Changed."
    sample = written(tmp_path / "sample.jsonl", documents)
    model = ["m"] if verb == "evaluate" else []
    out = [] if verb == "evaluate" else ["--out", str(tmp_path / "model")]
    assert main(["tag", verb, *model, labels, "--documents", sample, *out]) == EXIT_REFUSED
    said = capsys.readouterr()
    assert "9 labels of another text" in said.out
    assert "label" in said.err


def test_a_missing_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = [{"id": f"d{n}", "text": f"Text {n}."} for n in range(9)]
    labels = str(tmp_path / "labels.jsonl")
    write_labels(labels, label_rows(RUBRIC, documents))
    sample = written(tmp_path / "sample.jsonl", documents)
    model = str(tmp_path / "none")
    assert main(["tag", "evaluate", model, labels, "--documents", sample]) == EXIT_REFUSED
    assert "cannot read the tagger's" in capsys.readouterr().err


def test_rules_are_tried_and_rejections_seen_on_a_real_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats", str(run), "--what-if", "prose.words>=40"]) == 0
    said = capsys.readouterr().out
    assert "prose.words>=40: replaces the recipe's rule (column: prose.words, min: 10.0)" in said
    (total,) = [line.split() for line in said.splitlines() if line.startswith("all ")]
    now = sum(number % 6 != 0 for number in range(NUM_DOCUMENTS))
    then = sum(number % 6 != 0 and 22 + number >= 40 for number in range(NUM_DOCUMENTS))
    assert total[1:5] == [str(NUM_DOCUMENTS), str(now), str(then), str(now - then)]
    assert main(["inspect", str(run), "--rejected", "prose.words", "--limit", "3"]) == 0
    said = capsys.readouterr().out
    assert said.count("broke content.chars.too_low") == 3, "the first rule that they broke"
    assert said.count("broke prose.words.too_low: 5") == 3
    assert f"\n{text_of(0)}\n" in said


needs_training = pytest.mark.skipif(
    find_spec("filters.taggers.training.train_tagger") is None or find_spec("torch") is None,
    reason="training needs torch",
)


@needs_training
def test_training_without_torch_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needing_it = ("filters.taggers.training.", "filters.taggers.encoders")
    loaded = [name for name in sys.modules if name.startswith(needing_it)]
    monkeypatch.delattr(filters.taggers, "encoders", raising=False)
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    documents = [{"id": f"d{n}", "text": f"Text {n}."} for n in range(9)]
    write_labels(str(tmp_path / "labels.jsonl"), label_rows(RUBRIC, documents))
    sample = written(tmp_path / "sample.jsonl", documents)
    command = ["tag", "train", str(tmp_path / "labels.jsonl"), "--documents", sample]
    assert main([*command, "--out", str(tmp_path / "model")]) == EXIT_REFUSED
    assert "pip install 'reasonmill[torch]'" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@needs_training
@pytest.mark.slow
def test_a_tagger_that_was_trained_is_evaluated(tmp_path: Path) -> None:
    """The labels have nothing to do with the texts: no head may look better than chance."""
    documents = [{"id": f"d{n}", "text": f"{text_of(n)} {text_of(n + 7)}"} for n in range(40)]
    labels = str(tmp_path / "labels.jsonl")
    write_labels(labels, label_rows(RUBRIC, documents))
    sample, model = written(tmp_path / "sample.jsonl", documents), str(tmp_path / "model")
    assert main(["tag", "train", labels, "--documents", sample, "--out", model]) == 0
    page = str(tmp_path / "page.html")
    command = ["tag", "evaluate", model, labels, "--documents", sample, "--out", page]
    assert main(command) == 0
    numbers = json.loads((tmp_path / "page.json").read_text())
    assert set(numbers["heads"]) == set(RUBRIC.by_name)
    assert numbers["heads"]["topic"]["macro_f1"] < 0.5


@needs_training
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "encoder"], "--kind encoder needs --encoder FOLDER"),
        (["--kind", "fasttext", "--encoder", "folder"], "a fasttext tagger is trained without one"),
    ],
)
def test_a_kind_without_what_it_needs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    command = ["tag", "train", "labels.jsonl", "--documents", "sample.jsonl", *options]
    assert main([*command, "--out", str(tmp_path / "model")]) == EXIT_REFUSED
    assert message in capsys.readouterr().err


@needs_training
def test_an_encoder_is_tuned_and_evaluated(tmp_path: Path) -> None:
    from tests.support.tiny_encoder import write_encoder

    documents = [{"id": f"d{n}", "text": f"{text_of(n)} {text_of(n + 7)}"} for n in range(60)]
    labels = str(tmp_path / "labels.jsonl")
    write_labels(labels, label_rows(RUBRIC, documents))
    sample, model = written(tmp_path / "sample.jsonl", documents), str(tmp_path / "model")
    (tmp_path / "bert").mkdir()
    encoder = str(write_encoder(tmp_path / "bert"))
    command = ["tag", "train", labels, "--documents", sample, "--out", model]
    assert main([*command, "--kind", "encoder", "--encoder", encoder]) == 0
    page = str(tmp_path / "page.html")
    assert main(["tag", "evaluate", model, labels, "--documents", sample, "--out", page]) == 0
    numbers = json.loads((tmp_path / "page.json").read_text())
    assert set(numbers["heads"]) == set(RUBRIC.by_name)
