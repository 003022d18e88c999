from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.decontamination.annotator import DecontaminationAnnotator
from filters.decontamination.config import BenchmarkSet, DecontaminationConfig
from filters.decontamination.write_index import write_index
from pipeline.errors import ConfigError
from tests.filters.decontamination.benchmark_items import (
    CHOICES,
    CODE,
    LONG,
    SHORT,
    annotator_in,
    sets_in,
    write_jsonl,
)
from tests.support.document_rows import SOURCE_FILE, documents_of
from tests.support.strategies import NASTY_TEXTS, documents, texts

PROSE = (
    "The river rises in the hills behind the old town and turns the mills on its way to the sea. "
    "In spring the meadows on both banks stand under water, and the herons come back to nest. "
) * 20


@pytest.fixture(scope="module")
def annotator(tmp_path_factory: pytest.TempPathFactory) -> DecontaminationAnnotator:
    return annotator_in(tmp_path_factory.mktemp("benchmarks"))


def measured(annotator: DecontaminationAnnotator, text: str, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = annotator.annotate(documents_of(text, **more)).to_pylist()[0]
    return row


def inside(text: str) -> str:
    return f"{PROSE}\n\n{text}\n\n{PROSE}"


def test_a_question_is_named_with_all_that_is_known_of_it(
    annotator: DecontaminationAnnotator,
) -> None:
    assert measured(annotator, inside(LONG["question"])) == {
        "hits": 1,
        "score": 1.0,
        "benchmark": "made",
        "split": "test",
        "item": "made/long",
        "where": "question",
    }


def test_clean_text_has_no_hit(annotator: DecontaminationAnnotator) -> None:
    assert measured(annotator, PROSE) == {
        "hits": 0,
        "score": 0.0,
        "benchmark": None,
        "split": None,
        "item": None,
        "where": None,
    }


@pytest.mark.parametrize("item", [LONG, SHORT, CHOICES], ids=lambda item: item["id"])
@pytest.mark.parametrize(
    "edit",
    [
        str.upper,
        str.lower,
        lambda text: text.replace(" ", "\n"),
        lambda text: text.replace(",", "").replace("?", ""),
        lambda text: text.replace("$", ""),
        lambda text: text.replace("\\frac", "\\dfrac"),
    ],
    ids=["upper", "lower", "lines", "punctuation", "dollars", "dfrac"],
)
def test_how_a_question_is_written_does_not_hide_it(
    annotator: DecontaminationAnnotator, item: dict[str, str], edit: Any
) -> None:
    assert measured(annotator, inside(edit(item["question"])))["item"] == item["id"]


def test_a_changed_word_does_not_hide_a_question(annotator: DecontaminationAnnotator) -> None:
    found = measured(annotator, inside(LONG["question"].replace("sells", "trades")))
    assert found["item"] == "made/long"
    assert 0.6 < found["score"] < 1.0


def test_reordered_choices_do_not_hide_a_question(annotator: DecontaminationAnnotator) -> None:
    stem, *choices = CHOICES["question"].split("\n")
    said = [choice[3:] for choice in reversed(choices)]
    moved = "\n".join(
        [stem, *(f"{letter}. {one}" for letter, one in zip("ABCD", said, strict=True))]
    )
    assert measured(annotator, inside(moved))["item"] == "made/choices"


def test_half_of_a_short_question_is_no_hit(annotator: DecontaminationAnnotator) -> None:
    assert measured(annotator, "Which heron nests highest above the mills?")["hits"] == 0


def test_an_answer_behind_its_question_is_told(annotator: DecontaminationAnnotator) -> None:
    text = f"{SHORT['question']} It is {SHORT['answer']}."
    assert measured(annotator, inside(text))["where"] == "both"
    assert (
        measured(annotator, inside(f"{SHORT['answer']}. {SHORT['question']}"))["where"]
        == "question"
    )
    assert measured(annotator, inside(SHORT["answer"]))["hits"] == 0


def test_code_is_found_by_its_solution(annotator: DecontaminationAnnotator) -> None:
    solution = CODE["canonical_solution"].replace("    ", "\t")
    alone = measured(
        annotator, f"import os\n\ndef f(strands, twist):\n{solution}", code=SOURCE_FILE
    )
    assert (alone["benchmark"], alone["where"]) == ("made_code", "answer")
    whole = measured(annotator, CODE["prompt"] + solution, code=SOURCE_FILE)
    assert (whole["benchmark"], whole["where"], whole["hits"]) == ("made_code", "both", 1)


def test_every_item_of_a_document_is_counted(annotator: DecontaminationAnnotator) -> None:
    assert measured(annotator, f"{LONG['question']}\n{PROSE}\n{SHORT['question']}")["hits"] == 2


WORDS = [
    "heron",
    "mill",
    "river",
    "meadow",
    "ember",
    "lantern",
    "quarry",
    "thistle",
    "harbor",
    "violet",
    "copper",
    "saddle",
]
QUESTIONS = st.lists(st.sampled_from(WORDS), min_size=13, max_size=40).map(" ".join)


@given(QUESTIONS, texts(), texts(), st.lists(texts(), max_size=3))
def test_a_question_of_13_words_is_found_wherever_it_stands(
    tmp_path_factory: pytest.TempPathFactory,
    question: str,
    before: str,
    after: str,
    others: Sequence[str],
) -> None:
    path = tmp_path_factory.mktemp("set") / "items.jsonl"
    write_jsonl(path, {"benchmark": "b", "id": "1", "question": question})
    annotator = DecontaminationAnnotator(
        DecontaminationConfig(benchmarks=[BenchmarkSet(paths=[str(path)])])
    )
    column = pa.array([*others, f"{before}\n{question}\n{after}"], pa.large_string())
    *_, hits = annotator.find(column)
    assert [hit.item for hit in hits] == ["1"]


@given(documents(text=texts() | st.sampled_from([LONG["question"], inside(SHORT["question"])])))
def test_a_row_is_measured_alone(
    annotator: DecontaminationAnnotator, batch: pa.RecordBatch
) -> None:
    singles = [annotator.annotate(batch.slice(row, 1)) for row in range(len(batch))]
    whole = annotator.annotate(batch)
    assert whole.schema.equals(annotator.columns)
    assert whole.to_pylist() == [row for single in singles for row in single.to_pylist()]


@pytest.mark.parametrize("text", [*NASTY_TEXTS, "!" * 100_000, "a" * 300_000, "7 " * 50_000])
def test_strange_texts_hold_nothing(annotator: DecontaminationAnnotator, text: str) -> None:
    assert measured(annotator, text)["hits"] == 0


def test_a_source_with_one_item_finds_it_like_one_with_many(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "one.jsonl", SHORT)
    config = DecontaminationConfig(benchmarks=[BenchmarkSet(paths=[str(path)])])
    assert measured(DecontaminationAnnotator(config), inside(SHORT["question"]))["hits"] == 1


def test_words_of_many_questions_are_no_hit(tmp_path: Path) -> None:
    """How a benchmark puts its questions is told from what it asks."""
    put = "Read the following passage with care and then choose the one statement that must be true"
    rows = [
        {
            "benchmark": "b",
            "id": str(n),
            "question": f"{put}: {WORDS[n % 12]}{n} is {WORDS[n % 7]}{n}",
        }
        for n in range(60)
    ]
    path = write_jsonl(tmp_path / "many.jsonl", *rows)
    config = DecontaminationConfig(benchmarks=[BenchmarkSet(paths=[str(path)])])
    annotator = DecontaminationAnnotator(config)
    assert measured(annotator, inside(put))["hits"] == 0
    assert measured(annotator, inside(rows[7]["question"]))["item"] == "7"


def test_a_longer_ngram_wants_a_longer_run(tmp_path: Path) -> None:
    shared = inside(" ".join(LONG["question"].split()[:14]))
    assert measured(annotator_in(tmp_path), shared)["hits"] == 1
    assert measured(annotator_in(tmp_path, ngram_words=30), shared)["hits"] == 0


def test_an_index_finds_what_its_files_find(tmp_path: Path) -> None:
    clear = annotator_in(tmp_path)
    write_index(sets_in(tmp_path), str(tmp_path / "index"))
    hashed = DecontaminationAnnotator(DecontaminationConfig(indexes=[str(tmp_path / "index")]))
    assert hashed.version == clear.version
    for text in (LONG["question"], CHOICES["question"], CODE["canonical_solution"], PROSE):
        assert measured(hashed, inside(text)) == measured(clear, inside(text))


def test_the_version_changes_with_what_is_looked_for(tmp_path: Path) -> None:
    before = annotator_in(tmp_path)
    assert annotator_in(tmp_path).version == before.version
    sets = sets_in(tmp_path)
    write_jsonl(Path(sets[0].paths[0]), LONG, SHORT)
    after = DecontaminationAnnotator(DecontaminationConfig(benchmarks=sets))
    assert after.version != before.version


def test_nothing_to_look_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"annotate\.decontamination: no benchmark item"):
        DecontaminationAnnotator(DecontaminationConfig())
    path = write_jsonl(tmp_path / "few.jsonl", {"benchmark": "b", "question": "too few"})
    with pytest.raises(ConfigError, match="no benchmark item to look for"):
        DecontaminationAnnotator(
            DecontaminationConfig(benchmarks=[BenchmarkSet(paths=[str(path)])])
        )
