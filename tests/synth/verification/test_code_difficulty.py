from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.verification.test_difficulty import (
    difficulty_groups,
    pass_rates,
    soft_score,
    strict_score,
)

OUTCOME = st.sampled_from([True, False, None])
MATRIX = st.integers(1, 8).flatmap(
    lambda tests: st.lists(
        st.lists(OUTCOME, min_size=tests, max_size=tests), min_size=1, max_size=8
    )
)


def test_an_example_by_hand() -> None:
    results = [
        [True, True, True, True, True, True],
        [True, True, True, True, False, False],
        [True, True, False, False, False, None],
    ]
    rates = pass_rates(results)
    assert rates == [1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 2]
    groups = difficulty_groups(rates)
    assert groups == (0, 0, 1, 1, 2, 2)
    assert strict_score([True, True, True, True, False, True], groups) == pytest.approx(2 / 3)
    assert soft_score([True, True, True, True, False, True], groups) == pytest.approx(5 / 6)
    assert strict_score([True, False, True, True, True, True], groups) == 0
    assert soft_score([True, False, True, True, True, True], groups) == pytest.approx(5 / 6)


def test_tests_that_never_ran_have_no_group_and_no_score() -> None:
    assert difficulty_groups(pass_rates([[True, None], [False, None]])) == (0, None)
    assert strict_score([None], (None,)) is None
    assert soft_score([None], (None,)) is None


def test_samples_must_have_the_same_tests() -> None:
    with pytest.raises(ValueError, match=r"\[1, 2\] tests"):
        pass_rates([[True], [True, False]])


@given(MATRIX, st.integers(1, 4))
def test_laws_of_the_scores(results: list[list[Any]], count: int) -> None:
    groups = difficulty_groups(pass_rates(results), count)
    known = sorted({group for group in groups if group is not None})
    assert known == list(range(len(known)))
    assert len(known) <= count
    for sample in results:
        strict, soft = strict_score(sample, groups), soft_score(sample, groups)
        if strict is None or soft is None:
            assert not known
            continue
        assert 0 <= strict <= soft + 1e-9 <= 1 + 2e-9
        for place, outcome in enumerate(sample):
            if not outcome:  # one more test passed costs nothing
                better = [*sample[:place], True, *sample[place + 1 :]]
                assert (strict_score(better, groups) or 0) >= strict
                assert (soft_score(better, groups) or 0) >= soft - 1e-9
    if known:
        everything = [True] * len(groups)
        assert strict_score(everything, groups) == soft_score(everything, groups) == 1


@given(MATRIX)
def test_groups_follow_the_pass_rates_and_not_the_order(results: list[list[Any]]) -> None:
    rates = pass_rates(results)
    groups = difficulty_groups(rates)
    assert difficulty_groups(rates[::-1]) == groups[::-1]
    ranked = [(g, r) for g, r in zip(groups, rates, strict=True) if g is not None and r is not None]
    for group, rate in ranked:
        assert all(rate >= other for number, other in ranked if number > group)
