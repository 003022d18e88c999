import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.drawing import Deck

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=80)


def deck(tokens: list[int]) -> Deck:
    return Deck(np.array(tokens, np.int64))


@given(sizes, st.floats(0, 5), st.floats(1, 2))
def test_draw_stays_below_the_maximum(tokens: list[int], epochs: float, slack: float) -> None:
    target = int(epochs * sum(tokens))
    of = deck(tokens)
    drawn = of.draw(target_tokens=target, max_tokens=int(target * slack))
    assert of.used == (drawn * tokens).sum() <= target * slack
    assert drawn.max() - drawn.min() <= 1


@given(sizes, st.floats(0, 5))
def test_draw_below_target_misses_less_than_any_bin_left_out(
    tokens: list[int], epochs: float
) -> None:
    target = int(epochs * sum(tokens))
    of = deck(tokens)
    drawn = of.draw(target_tokens=target, max_tokens=target)
    left_out = [n for n, copies in zip(tokens, drawn, strict=True) if copies == drawn.min()]
    assert target - of.used < min(left_out)


@given(sizes, st.floats(0, 5))
def test_room_above_the_target_never_takes_the_draw_farther_from_it(
    tokens: list[int], epochs: float
) -> None:
    target = int(epochs * sum(tokens))
    below, either = deck(tokens), deck(tokens)
    below.draw(target_tokens=target, max_tokens=target)
    either.draw(target_tokens=target, max_tokens=target + sum(tokens))
    assert abs(either.used - target) <= target - below.used
    assert abs(either.used - target) <= max(tokens) / 2


@given(sizes, st.lists(st.floats(0, 2.5), min_size=2, max_size=4))
def test_draws_in_turn_use_no_bin_twice_before_all_are_used(
    tokens: list[int], epochs: list[float]
) -> None:
    of = deck(tokens)
    total = 0
    for part in epochs:
        target = int(part * sum(tokens))
        drawn = of.draw(target_tokens=target, max_tokens=target)
        total += int((drawn * tokens).sum())
        assert target - int((drawn * tokens).sum()) < max(tokens)
        assert of.copies.max() - of.copies.min() <= 1
    assert of.used == total


def test_bins_are_taken_in_order_and_the_last_by_size() -> None:
    drawn = deck([5, 5, 9, 5, 2, 1]).draw(target_tokens=13, max_tokens=13)
    assert drawn.tolist() == [1, 1, 0, 0, 1, 1]


def test_one_exchange_closes_the_gap() -> None:
    drawn = deck([4] * 20 + [7]).draw(target_tokens=11, max_tokens=11)
    assert drawn.tolist() == [0, 1, *[0] * 18, 1]


def test_a_few_large_bins_are_chosen_for_their_sum() -> None:
    of = deck([3, 15, 30, 64, 70, 71, 85, 314])
    assert of.draw(target_tokens=412, max_tokens=412).tolist() == [1, 0, 1, 1, 0, 0, 0, 1]
    assert of.used == 411


def test_whole_copies_need_no_choice() -> None:
    assert deck([4, 6]).draw(target_tokens=30, max_tokens=30).tolist() == [3, 3]


def test_second_draw_begins_with_what_the_first_left() -> None:
    of = deck([5, 5, 5, 5])
    assert of.draw(target_tokens=10, max_tokens=10).tolist() == [1, 1, 0, 0]
    assert of.draw(target_tokens=15, max_tokens=15).tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(("tokens", "target", "maximum"), [([5], 6, 5), ([], 1, 1), ([5], -1, 5)])
def test_draw_that_cannot_be_is_refused(tokens: list[int], target: int, maximum: int) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        deck(tokens).draw(target_tokens=target, max_tokens=maximum)
