import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synth.engines.sampling import RowSampling, draw, uniforms

SEEDS = st.integers(-(2**63), 2**64)


def draw_often(logits: list[float], *, temperature: float, top_p: float, num: int) -> np.ndarray:
    noise = uniforms(3, num)
    rows = RowSampling(
        np.full(num, temperature, np.float32), np.full(num, top_p, np.float32), noise
    )
    return draw(np.tile(np.array(logits, np.float32), (num, 1)), rows)


@given(SEEDS, st.integers(0, 50), st.integers(0, 50))
def test_noise_is_a_prefix_of_longer_noise_and_in_range(seed, short, more):
    long = uniforms(seed, short + more)
    assert np.array_equal(uniforms(seed, short), long[:short])
    assert ((long >= 0) & (long < 1)).all()


def test_seeds_have_noise_of_their_own():
    assert len({tuple(uniforms(seed, 4)) for seed in range(-50, 50)}) == 100


def test_tokens_come_as_often_as_the_softmax_says():
    tokens = draw_often([1.0, 0.0, 2.0, -1.0], temperature=0.5, top_p=1.0, num=20_000)
    weights = np.exp(np.array([1.0, 0.0, 2.0, -1.0]) / 0.5)
    shares = np.bincount(tokens, minlength=4) / 20_000
    assert np.abs(shares - weights / weights.sum()).max() < 0.01


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p():
    logits = np.log([0.1, 0.4, 0.3, 0.2])
    tokens = draw_often(list(logits), temperature=1.0, top_p=0.69, num=2_000)
    assert set(tokens) == {1, 2}
    tokens = draw_often(list(logits), temperature=1.0, top_p=0.71, num=2_000)
    assert set(tokens) == {1, 2, 3}


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=30), st.floats(0.01, 1))
def test_a_tiny_top_p_or_no_temperature_takes_the_likeliest(logits, top_p):
    likeliest = max(logits)
    assert logits[draw_often(logits, temperature=0.0, top_p=top_p, num=1)[0]] == likeliest
    assert logits[draw_often(logits, temperature=1.0, top_p=1e-6, num=1)[0]] == likeliest


@given(st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=30), st.floats(0.01, 1), SEEDS)
def test_a_row_draws_the_same_in_any_company(logits, top_p, seed):
    row = np.array(logits, np.float32)
    company = np.stack([row[::-1], row, row * 2])
    rows = RowSampling(
        np.array([0.5, 0.8, 0.0], np.float32),
        np.array([0.9, top_p, 1.0], np.float32),
        np.concatenate([uniforms(1, 1), uniforms(seed, 1), uniforms(2, 1)]),
    )
    alone = RowSampling(rows.temperatures[1:2], rows.top_ps[1:2], rows.uniforms[1:2])
    assert draw(company, rows)[1] == draw(row[None], alone)[0]
