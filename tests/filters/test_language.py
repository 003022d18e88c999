from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import filters.language
from filters.fasttext_model import FastTextModel
from filters.language import (
    MIN_SPAN_CHARS,
    LanguageAnnotator,
    LanguageConfig,
    split_paragraphs,
)
from pipeline.errors import ConfigError
from tests.support.document_rows import SOURCE_FILE, documents_of


@pytest.fixture(scope="module")
def annotator() -> LanguageAnnotator:
    return LanguageAnnotator(LanguageConfig())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("This is a sentence about the weather of tomorrow.", "en"),
        ("THIS IS A SENTENCE ABOUT THE WEATHER OF TOMORROW.", "en"),
        ("Das ist ein Satz \u00fcber das Wetter von morgen.", "de"),
        ("\u8fd9\u662f\u5173\u4e8e\u660e\u5929\u5929\u6c14\u7684\u4e00\u53e5\u8bdd\u3002", "zh"),
        ("Das ist ein Satz.\n\n```\nthis is the output of the program\n```\n", "de"),
        ("", None),
        ("123 + 456 = 579 !!", None),
        ("$x^2$ `the code of a program`", None),
        ("\0\n\r\x0b", None),
    ],
)
def test_the_language_is_that_of_the_prose(
    annotator: LanguageAnnotator, text: str, code: str | None
) -> None:
    measured = annotator.annotate(documents_of(text)).to_pylist()[0]
    assert measured["code"] == code
    assert (measured["score"] is None) == (code is None)


def test_a_clear_text_has_a_high_score(annotator: LanguageAnnotator) -> None:
    text = "The quick brown fox jumps over the lazy dog, and nobody knows why it does so. " * 20
    assert annotator.annotate(documents_of(text)).to_pylist()[0]["score"] > 0.9


def test_a_source_file_has_no_language(annotator: LanguageAnnotator) -> None:
    measures = annotator.annotate(documents_of("# some English here", code=SOURCE_FILE))
    assert set(measures.to_pylist()[0].values()) == {None}


ENGLISH = (
    "The river rises in the hills and flows to the sea, and it has carried boats for many years. "
    "People still fish there in the evening, and the children swim in it when the days are warm. "
    "Nobody knows how old the bridge is, but the mill beside it was built by their grandfathers."
)
GERMAN = (
    "Der Fluss entspringt in den Bergen und flie\u00dft ins Meer, er hat viele Jahre lang Boote "
    "getragen. Am Abend angeln dort noch immer Leute, und Kinder baden darin, wenn es warm ist. "
    "Niemand wei\u00df, wie alt die Br\u00fccke ist, aber die M\u00fchle daneben steht seit langem."
)


def test_another_language_has_its_share(annotator: LanguageAnnotator) -> None:
    text = f"{ENGLISH}\n\n{GERMAN}\n\n{ENGLISH}\n\n{ENGLISH}"
    (row,) = annotator.annotate(documents_of(text)).to_pylist()
    assert (row["code"], row["other_code"]) == ("en", "de")
    assert row["other_ratio"] == pytest.approx(len(GERMAN) / len(text), abs=0.02)


@pytest.mark.parametrize(
    "text", [ENGLISH, ENGLISH * 9, f"{ENGLISH}\n{ENGLISH}\nBerlin\nM\u00fcnchen"]
)
def test_one_language_has_no_other(annotator: LanguageAnnotator, text: str) -> None:
    (row,) = annotator.annotate(documents_of(text)).to_pylist()
    assert (row["other_code"], row["other_ratio"]) == (None, 0)


@given(st.lists(st.text("ab \n", max_size=400), max_size=8).map("\n".join))
def test_spans_hold_every_paragraph_in_order(prose: str) -> None:
    spans = split_paragraphs(prose)
    assert spans
    assert " ".join(spans).split() == prose.split()
    assert all(len(span) >= MIN_SPAN_CHARS for span in spans[:-1])


def test_only_the_first_characters_of_the_prose_are_looked_at() -> None:
    text = "This is a sentence in English. " * 10 + "Das ist ein Satz auf Deutsch. " * 200
    codes = [
        LanguageAnnotator(LanguageConfig(max_chars=chars))
        .annotate(documents_of(text))["code"][0]
        .as_py()
        for chars in (300, 10_000)
    ]
    assert codes == ["en", "de"]


def test_a_missing_package_is_refused_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters.language, "LID_PACKAGE", "no_such_package")
    with pytest.raises(ConfigError, match="language: the package no_such_package is not installed"):
        LanguageAnnotator(LanguageConfig())


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"language: cannot read the model .*lid.ftz"):
        FastTextModel(tmp_path / "lid.ftz", sha256="0" * 64, name="language")


def test_a_model_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lid.ftz").write_bytes(b"another model")
    with pytest.raises(ConfigError, match="damaged or of another version"):
        FastTextModel(tmp_path / "lid.ftz", sha256="0" * 64, name="language")
