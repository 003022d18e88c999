from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from filters.repetition import (
    REPEATED_NGRAM_SIZES,
    TOP_NGRAM_SIZES,
    count_duplicates,
    ngram_chars,
)

RUNS = st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=30), max_size=4)


def test_the_first_of_equal_pieces_is_no_duplicate() -> None:
    assert count_duplicates(["ab", "ab", "c", "ab"]) == (2, 4)
    assert count_duplicates(["a"]) == count_duplicates([]) == (0, 0)


def test_top_ngrams_are_measured_in_characters() -> None:
    top, _ = ngram_chars([["to", "be", "or", "not", "and", "to", "be", "or-not"]])
    assert top == [2 * len("to be"), len("to be or"), len("to be or not")]


def test_one_word_over_and_over_repeats_but_for_its_first_ngram() -> None:
    top, repeated = ngram_chars([["spam"] * 50])
    assert top[0] == 49 * len("spam spam")
    assert repeated[0] == (50 - 5) // 5 * 5 * len("spam")


def test_nothing_is_counted_where_no_run_is_long_enough() -> None:
    nothing = ([0] * len(TOP_NGRAM_SIZES), [0] * len(REPEATED_NGRAM_SIZES))
    assert ngram_chars([]) == ngram_chars([[]]) == ngram_chars([["a"], ["a"], []]) == nothing


def plain_top(runs: list[list[str]], n: int) -> int:
    ngrams = [tuple(run[i : i + n]) for run in runs for i in range(len(run) - n + 1)]
    if not ngrams:
        return 0
    ((ngram, count),) = Counter(ngrams).most_common(1)  # the first one met among equals
    return len(" ".join(ngram)) * count


def plain_repeated(runs: list[list[str]], n: int) -> int:
    seen: set[tuple[str, ...]] = set()
    chars = 0
    for run in runs:
        at = 0
        while at + n <= len(run):
            ngram = tuple(run[at : at + n])
            if ngram in seen:
                chars += len("".join(ngram))
                at += n
            else:
                seen.add(ngram)
                at += 1
    return chars


@given(RUNS)
def test_ngrams_equal_a_plain_count(runs: list[list[str]]) -> None:
    top, repeated = ngram_chars(runs)
    assert top == [plain_top(runs, n) for n in TOP_NGRAM_SIZES]
    assert repeated == [plain_repeated(runs, n) for n in REPEATED_NGRAM_SIZES]


@given(RUNS)
def test_no_more_repeats_than_there_is(runs: list[list[str]]) -> None:
    _, repeated = ngram_chars(runs)
    chars = sum(len(token) for run in runs for token in run)
    assert all(0 <= one <= chars for one in repeated)
