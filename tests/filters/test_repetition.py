from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.repetition import duplicate_ratios, top_ngram_char_ratios


def test_the_first_of_equal_pieces_is_no_duplicate() -> None:
    assert duplicate_ratios(["ab", "ab", "c", "ab"]) == (2 / 4, 4 / 7)
    assert duplicate_ratios(["a"]) == (0.0, 0.0)


def ratios(*runs: list[str]) -> tuple[float, ...]:
    total_chars = len(" ".join(word for run in runs for word in run))
    return top_ngram_char_ratios(runs, total_chars=total_chars)


def test_top_ngrams_are_measured_in_characters() -> None:
    # 29 characters; "to be" occurs twice: 10 of them. No 3-gram repeats.
    text = "to be or not and to be or-not"
    assert ratios(text.split()) == pytest.approx((10 / 29, 0, 0))


def test_nothing_repeats_in_different_words() -> None:
    assert ratios(["a", "b", "c", "d", "e"]) == (0.0, 0.0, 0.0)
    assert ratios(["a"]) == (0.0, 0.0, 0.0)


def test_one_word_over_and_over_is_all_of_the_text() -> None:
    assert ratios(["spam"] * 50) == (1.0, 1.0, 1.0)


def test_the_share_is_of_the_whole_text() -> None:
    assert top_ngram_char_ratios([["a", "b", "a", "b"]], total_chars=60)[0] == 6 / 60


def test_no_ngram_crosses_from_one_run_to_the_next() -> None:
    assert ratios(["find", "the"], ["find", "the"])[1:] == (0.0, 0.0)
    assert ratios(["find"], ["find"], [], ["find"]) == (0.0, 0.0, 0.0)


@given(st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=12), max_size=4))
def test_top_ngrams_equal_a_plain_count(runs: list[list[str]]) -> None:
    total = len(" ".join(word for run in runs for word in run))
    expected = []
    for n in (2, 3, 4):
        ngrams = [tuple(run[i : i + n]) for run in runs for i in range(len(run) - n + 1)]
        top = Counter(ngrams).most_common(1)  # the first one met among equals
        repeats = bool(top) and top[0][1] > 1
        expected.append(min(1, len(" ".join(top[0][0])) * top[0][1] / total) if repeats else 0)
    assert ratios(*runs) == pytest.approx(tuple(expected))
