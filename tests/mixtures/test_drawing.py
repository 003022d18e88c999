import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.drawing import draw

bins = st.lists(st.integers(0, 40), min_size=1, max_size=80).filter(any)


def extra(tokens: list[int], ranges: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Which bins the ranges hold; they must be ascending and apart."""
    is_extra = np.zeros(len(tokens), np.bool_)
    end = 0
    for low, high in ranges:
        assert end <= low < high <= len(tokens)
        is_extra[low:high] = True
        end = high
    return is_extra


@given(bins, st.floats(0, 5), st.floats(1, 2))
def test_draw_states_what_it_draws(tokens: list[int], epochs: float, slack: float) -> None:
    target = int(epochs * sum(tokens))
    drawn = draw(np.array(tokens), target_tokens=target, max_tokens=int(target * slack))
    of_extra = np.array(tokens)[extra(tokens, drawn.extra_bins)].sum()
    assert drawn.tokens == drawn.whole_copies * sum(tokens) + of_extra
    assert drawn.tokens <= target * slack


@given(bins, st.floats(0, 5))
def test_draw_below_target_misses_less_than_any_bin_left_out(
    tokens: list[int], epochs: float
) -> None:
    target = int(epochs * sum(tokens))
    drawn = draw(np.array(tokens), target_tokens=target, max_tokens=target)
    is_extra = extra(tokens, drawn.extra_bins)
    left_out = [n for n, chosen in zip(tokens, is_extra, strict=True) if n and not chosen]
    assert target - drawn.tokens < min(left_out, default=1)


@given(bins, st.floats(0, 5))
def test_room_above_the_target_never_takes_the_draw_farther_from_it(
    tokens: list[int], epochs: float
) -> None:
    target = int(epochs * sum(tokens))
    below = draw(np.array(tokens), target_tokens=target, max_tokens=target)
    either = draw(np.array(tokens), target_tokens=target, max_tokens=target + sum(tokens))
    assert abs(either.tokens - target) <= target - below.tokens
    assert abs(either.tokens - target) <= max(tokens) / 2


def test_bins_are_taken_in_order_and_the_last_by_size() -> None:
    drawn = draw(np.array([5, 0, 5, 9, 5, 0, 2, 1]), target_tokens=13, max_tokens=13)
    assert drawn.extra_bins == ((0, 3), (6, 8))
    assert drawn.tokens == 13


def test_one_exchange_closes_the_gap() -> None:
    drawn = draw(np.array([4, 4, 7]), target_tokens=11, max_tokens=11)
    assert (drawn.extra_bins, drawn.tokens) == (((1, 3),), 11)


def test_whole_copies_need_no_bins() -> None:
    drawn = draw(np.array([4, 0, 6]), target_tokens=30, max_tokens=30)
    assert (drawn.whole_copies, drawn.extra_bins, drawn.tokens) == (3, (), 30)


@pytest.mark.parametrize(("tokens", "target", "maximum"), [([5], 6, 5), ([0], 1, 1), ([5], -1, 5)])
def test_draw_that_cannot_be_is_refused(tokens: list[int], target: int, maximum: int) -> None:
    with pytest.raises(ValueError, match="cannot draw"):
        draw(np.array(tokens), target_tokens=target, max_tokens=maximum)
