"""The corpora with planted duplicates are what the benchmarks of deduplication take them for."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dedup.corpus import VOCABULARY, Kind, Plan, edit, make_vocabulary, plant, write
from benchmarks.dedup.ragged import Ragged, join, stack
from benchmarks.dedup.true_similarity import index_shingles
from filters.dedup.exact import text_key
from filters.dedup.url import url_key

PLAN = Plan(
    drawn=900,
    near={0.5: 200, 0.8: 200, 0.95: 200},
    exact=100,
    url=100,
    pages=(5, 8),
    words=(60, 600),
)

rows_of_numbers = st.lists(st.lists(st.integers(0, 99), max_size=5), min_size=1, max_size=6)


def ragged(rows: list[list[int]]) -> Ragged:
    values = np.array([value for row in rows for value in row], np.int32)
    return Ragged(values, np.cumsum([len(row) for row in rows]))


def listed(rows: Ragged) -> list[list[int]]:
    return [part.tolist() for part in np.split(rows.values, rows.ends[:-1])]


@given(rows_of_numbers, st.data())
def test_rows_are_taken_sliced_and_joined_like_lists(rows, data):
    order = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8))
    first = data.draw(st.integers(0, len(rows)))
    given_rows = ragged(rows)
    assert listed(stack([given_rows, given_rows])) == rows + rows
    assert listed(join([given_rows, given_rows])) == [row + row for row in rows]
    taken = given_rows.take(np.array(order, np.int64))
    assert len(taken) == len(order)
    assert order == [] or listed(taken) == [rows[row] for row in order]
    part = given_rows.slice(first, len(rows))
    assert len(part) == len(rows) - first
    assert first == len(rows) or listed(part) == rows[first:]


@given(rows_of_numbers)
def test_rows_are_cropped_like_lists(rows):
    starts = np.array([len(row) // 2 for row in rows])
    lengths = np.array([len(row) - len(row) // 2 for row in rows])
    assert listed(ragged(rows).crop(starts, lengths)) == [row[len(row) // 2 :] for row in rows]


def test_there_are_as_many_words_as_promised_and_no_two_alike():
    words = make_vocabulary()
    assert len(set(words)) == len(words) == VOCABULARY


def test_every_kind_is_planted_as_often_as_asked_for():
    corpus = plant(PLAN, seed=3)
    counts = {kind: int((corpus.kinds == kind).sum()) for kind in Kind}
    assert counts == {
        Kind.DRAWN: 900,
        Kind.NEAR: 600,
        Kind.EXACT: 100,
        Kind.URL: 100,
        Kind.PAGE: 40,
    }
    assert len(corpus) == PLAN.documents
    originals = corpus.pairs(Kind.NEAR, Kind.EXACT, Kind.URL)[:, 0]
    assert len(np.unique(originals)) == 800
    assert (corpus.kinds[originals] == Kind.DRAWN).all()


@pytest.mark.parametrize("similarity", [0.5, 0.65, 0.8, 0.95])
def test_edited_copies_have_about_the_similarity_asked_for(similarity):
    plan = Plan(drawn=600, near={similarity: 600}, words=(100, 900))
    corpus = plant(plan, seed=4)
    found = index_shingles(corpus.texts()).jaccard(corpus.pairs(Kind.NEAR))
    assert abs(found.mean() - similarity) < 0.01
    assert found.std() < 0.04


def test_an_edit_never_leaves_a_document():
    rows = ragged([[1] * 100, [2] * 100])
    edited = edit(rows, np.array([0.5, 0.5]), np.random.default_rng(0))
    assert (edited.lengths <= 100).all()
    assert (edited.lengths >= 50).all()


def test_documents_drawn_apart_have_nothing_in_common():
    corpus = plant(Plan(drawn=500, words=(60, 600)), seed=5)
    pairs, _ = index_shingles(corpus.texts()).similar_pairs(0.05)
    assert len(pairs) == 0


def test_exact_copies_differ_in_white_space_alone():
    corpus = plant(PLAN, seed=6)
    texts = corpus.texts()
    for original, copy in corpus.pairs(Kind.EXACT).tolist():
        one, other = texts[original].as_py(), texts[copy].as_py()
        assert one != other
        assert text_key(one) == text_key(other)


def test_address_copies_are_other_texts_under_one_address():
    corpus = plant(PLAN, seed=7)
    urls = corpus.urls().to_pylist()
    keys = [url_key(url) for url in urls]
    pairs = corpus.pairs(Kind.URL)
    for original, copy in pairs.tolist():
        assert urls[original] != urls[copy]
        assert keys[original] == keys[copy]
    assert len(set(keys)) == len(corpus) - len(pairs)
    assert index_shingles(corpus.texts()).jaccard(pairs).max() < 0.05


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path):
    for name, seed in (("one", 8), ("two", 8), ("three", 9)):
        write(plant(PLAN, seed=seed), tmp_path / name)
    one, two, three = (
        (tmp_path / name / "part-00000.parquet").read_bytes() for name in ("one", "two", "three")
    )
    assert one == two != three
