from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtures.sampling import partitions
from mixtures.solution import MixtureSolution
from mixtures.spec import MixtureConfig
from tests.mixtures.corpora import (
    Corpus,
    corpus,
    drawn,
    mixture,
    solve_for,
    stage,
    with_column,
)

CONFIG = mixture(stage("one", web=30, code=70), stage("two", web=100))


def copies(
    documents: Corpus, config: MixtureConfig, solution: MixtureSolution
) -> list[tuple[str, int, int]]:
    """What is drawn, by what it is: (id, copy, order)."""
    sampled = drawn(documents, config, solution)
    ids = documents.ids.take(sampled.row).to_pylist()
    return list(zip(ids, sampled.copy.tolist(), sampled.order.tolist(), strict=True))


lengths = st.lists(st.integers(1, 500), min_size=1, max_size=40)


@given(lengths, lengths, st.randoms(use_true_random=False), st.integers(1, 4))
def test_sample_is_the_same_from_any_batches_in_any_order(
    web: list[int], code: list[int], random: Random, parts: int
) -> None:
    documents = corpus(web=web, code=code)
    solution = solve_for(documents, CONFIG)
    order = list(range(len(documents.num_tokens)))
    random.shuffle(order)
    in_parts = [
        copy
        for part in range(parts)
        for copy in copies(documents.take(order[part::parts]), CONFIG, solution)
    ]
    assert sorted(in_parts) == sorted(copies(documents, CONFIG, solution))


@given(lengths, lengths)
def test_sample_holds_exactly_the_tokens_the_solution_expects(
    web: list[int], code: list[int]
) -> None:
    documents = corpus(web=web, code=code)
    solution = solve_for(documents, CONFIG)
    sampled = drawn(documents, CONFIG, solution)
    tokens = documents.num_tokens[sampled.row]
    realised = [int(tokens[sampled.component == number].sum()) for number in range(2)]
    assert realised == [c.expected_tokens for c in solution.stage("one").components]


@given(lengths, lengths)
def test_copies_of_a_document_are_numbered_from_0(web: list[int], code: list[int]) -> None:
    documents = corpus(web=web, code=code)
    sampled = drawn(documents, CONFIG, solve_for(documents, CONFIG))
    for row in range(len(documents.num_tokens)):
        numbers = sampled.copy[sampled.row == row].tolist()
        assert numbers == list(range(len(numbers)))


@given(lengths, lengths, st.floats(0.1, 3.9), st.floats(0.1, 3.9))
def test_run_uses_no_document_twice_before_it_has_used_all_once(
    web: list[int], code: list[int], first: float, second: float
) -> None:
    """Over both stages: a cell's documents differ by at most one copy, and `seen` counts them."""
    documents = corpus(web=web, code=code)
    scale = 1.0 if first + second <= 4 else 3.9 / (first + second)
    config = mixture(
        stage("one", web={"epochs": first * scale}, code={"epochs": 1}),
        stage("two", web={"epochs": second * scale}),
    )
    solution = solve_for(documents, config)
    uses: dict[int, list[int]] = {row: [] for row in range(len(web))}
    for name in ("one", "two"):
        sampled = drawn(documents, config, solution, name)
        for row, seen in zip(sampled.row.tolist(), sampled.seen.tolist(), strict=True):
            if row < len(web):
                uses[row].append(seen)
    assert all(seen == list(range(len(seen))) for seen in uses.values())
    counts = [len(seen) for seen in uses.values()]
    assert max(counts) - min(counts) <= 1
    assert max(counts) <= 4


def test_fresh_component_takes_what_no_earlier_stage_used() -> None:
    documents = corpus(web=[10] * 1000)
    config = mixture(
        stage("one", budget_tokens=6_400, web=100),
        stage("two", web={"weight": 100, "is_fresh": True}),
    )
    solution = solve_for(documents, config)
    one, two = (drawn(documents, config, solution, name) for name in ("one", "two"))
    assert not set(one.row.tolist()) & set(two.row.tolist())
    assert len(set(two.row.tolist())) == len(two.row)
    assert len(one.row) + len(two.row) == 640 + 358  # of 360 that are left, whole windows


def test_upsampling_draws_by_percentile_and_drops_the_bottom() -> None:
    """OLMo 3's curve: nothing of the bottom 40%, the top 5% seven times as often."""
    rng = np.random.default_rng(1)
    scores = rng.permutation(2000) / 2000
    documents = with_column(corpus(web=[10] * 2000), "score", pa.array(scores))
    curve = {
        "column": "score",
        "bands": [{"factor": 0}, {"min": 40, "factor": 1}, {"min": 95, "factor": 7}],
    }
    config = mixture(
        stage("one", web={"epochs": 1, "upsample": [curve]}), repetition=[{"max_epochs": 7}]
    )
    solution = solve_for(documents, config)
    copies = np.bincount(drawn(documents, config, solution).row, minlength=2000)
    low, high = solution.cuts["one", "web", 0][None]
    assert abs(low - 0.4) < 0.001
    assert abs(high - 0.95) < 0.001
    assert copies[scores < low].max() == 0
    middle = copies[(scores >= low) & (scores < high)]
    assert set(middle) <= {0, 1}
    assert middle.mean() > 0.98  # whole windows leave out a few
    assert set(copies[scores >= high]) <= {6, 7}


def test_curves_multiply_and_nulls_have_their_factor() -> None:
    documents = with_column(
        with_column(corpus(web=[10] * 400), "score", pa.array([None, 1.0] * 200, pa.float64())),
        "dedup.cluster_size",
        pa.array([1, 1, 9, 9] * 100),
    )
    curves = [
        {
            "column": "score",
            "scale": "value",
            "bands": [{"factor": 0}, {"min": 1.0, "factor": 1}],
            "null_factor": 2,
        },
        {
            "column": "dedup.cluster_size",
            "scale": "value",
            "bands": [{"factor": 1}, {"min": 5, "factor": 3}],
        },
    ]
    config = mixture(
        stage("one", sequence_tokens=100, web={"epochs": 1, "upsample": curves}),
        repetition=[{"max_epochs": 6}],
    )
    sampled = drawn(documents, config, solve_for(documents, config))
    copies = np.bincount(sampled.row, minlength=400).reshape(100, 4)
    assert copies.mean(axis=0).tolist() == [2, 1, 6, 3]


def test_document_no_component_takes_is_never_drawn() -> None:
    documents = corpus(web=[5] * 50, code=[5] * 50, talk=[5] * 50)
    solution = solve_for(documents, CONFIG)
    assert drawn(documents, CONFIG, solution).row.max() < 100
    assert solution.stage("one").unassigned_documents == 50


def heavy_tailed(count: int, seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    return np.clip(rng.lognormal(6.5, 1.4, count), 5, 200_000).astype(int).tolist()


@pytest.mark.parametrize("count", [400, 3_000, 30_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_shares_are_met_in_tokens_at_any_size(count: int, seed: int) -> None:
    """MiMo's stages: mathematics and code 70% +- 0.5, then synthetic 10% +- 0.25."""
    documents = corpus(
        web=heavy_tailed(count, seed),
        maths=heavy_tailed(count, seed + 10),
        code=heavy_tailed(count, seed + 20),
        synthetic=heavy_tailed(count // 4, seed + 30),
    )
    config = mixture(
        stage("two", sequence_tokens=8192, web=30, maths=40, code=30),
        stage("three", sequence_tokens=32768, web=27, maths=36, code=27, synthetic=10),
    )
    solution = solve_for(documents, config)
    for name, share, tolerance, members in (
        ("two", 70, 0.5, [1, 2]),
        ("three", 10, 0.25, [3]),
    ):
        sampled = drawn(documents, config, solution, name)
        tokens = documents.num_tokens[sampled.row]
        part = tokens[np.isin(sampled.component, members)].sum() / tokens.sum()
        assert abs(100 * part - share) < tolerance
        assert tokens.sum() <= solution.stage(name).budget_tokens
        missing = solution.stage(name).budget_tokens - tokens.sum()
        assert missing < 100  # far below a document, and far below a window


def test_seed_changes_the_sample() -> None:
    documents = corpus(web=[10] * 200, code=[10] * 200)
    other = mixture(*(s.model_dump() for s in CONFIG.stages), seed=6)
    one = {copy[:2] for copy in copies(documents, CONFIG, solve_for(documents, CONFIG))}
    two = {copy[:2] for copy in copies(documents, other, solve_for(documents, other))}
    assert one != two


def test_another_component_in_the_stage_redraws_no_other() -> None:
    documents = corpus(web=[10] * 400, code=[10] * 400)
    wide = mixture(stage("one", budget_tokens=1_920, web=50, code=50))
    narrow = mixture(stage("one", budget_tokens=960, web=100))

    def of_web(config: MixtureConfig) -> tuple[list[int], list[int]]:
        sampled = drawn(documents, config, solve_for(documents, config))
        rows = sampled.row < 400
        return sampled.row[rows].tolist(), sampled.order[rows].tolist()

    assert of_web(wide) == of_web(narrow)


@settings(max_examples=30)
@given(st.integers(1, 50))
def test_partitions_follow_one_another_in_the_order(num_partitions: int) -> None:
    order = np.random.default_rng(1).integers(0, 2**64, 5_000, dtype=np.uint64)
    numbers = partitions(np.sort(order), num_partitions=num_partitions)
    assert (np.diff(numbers) >= 0).all()
    sizes = np.bincount(numbers, minlength=num_partitions)
    assert len(sizes) == num_partitions
    assert sizes.min() > 0
    assert sizes.max() < 2 * 5_000 / num_partitions


def test_first_and_last_order_fall_into_first_and_last_partition() -> None:
    ends = np.array([0, 2**64 - 1], np.uint64)
    assert partitions(ends, num_partitions=7).tolist() == [0, 6]
