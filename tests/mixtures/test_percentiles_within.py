"""Curves whose percentiles are taken apart for each value of a text column."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.cells import check_columns
from mixtures.quantiles import count_values, merge_values, mixture_cuts
from mixtures.solution import MixtureSolution
from mixtures.spec import MixtureConfig
from mixtures.upsampling import MAX_GROUPS, UpsamplingSpec, band_numbers
from pipeline.errors import ConfigError, InvariantError, SchemaError
from tests.mixtures.corpora import Corpus, corpus, drawn, mixture, solve_for, stage, with_column

BANDS = [{"factor": 0}, {"min": 40, "factor": 1}, {"min": 90, "factor": 7}]
PLAIN: dict[str, Any] = {"column": "score", "bands": BANDS}
APART = {**PLAIN, "within": "topic"}
NULL_BAND = len(BANDS)

Row = tuple[str | None, float | None, int]
"""Topic, score and tokens of a document."""

ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "", "a", "数学"]),
        st.none() | st.floats(-50, 50, width=16) | st.just(float("nan")),
        st.integers(1, 100),
    ),
    min_size=1,
    max_size=60,
)


def config(curve: dict[str, Any]) -> MixtureConfig:
    return mixture(stage(web={"epochs": 1, "upsample": [curve]}), repetition=[{"max_epochs": 7}])


def documents(rows: list[Row]) -> Corpus:
    topics, scores, tokens = zip(*rows, strict=True)
    given = with_column(corpus(web=list(tokens)), "topic", pa.array(topics, pa.string()))
    return with_column(given, "score", pa.array(scores, pa.float64()))


def count(given: Corpus, curve: dict[str, Any]) -> pa.Table:
    return count_values(given.columns, config(curve), num_tokens=pa.array(given.num_tokens))


def bands(rows: list[Row], curve: dict[str, Any]) -> list[int]:
    given = documents(rows)
    cuts = mixture_cuts(config(curve), count(given, curve))["one", "web", 0]
    return band_numbers(given.columns, UpsamplingSpec.model_validate(curve), cuts).tolist()


@given(ROWS, st.lists(st.integers(0, 60), max_size=4), st.randoms())
def test_histograms_are_the_same_from_any_batches_in_any_order(
    rows: list[Row], ends: list[int], random: Any
) -> None:
    whole, order = documents(rows), [*range(len(rows))]
    random.shuffle(order)
    bounds = sorted([0, len(rows), *(min(end, len(rows)) for end in ends)])
    parts = [whole.take(order[a:b]) for a, b in itertools.pairwise(bounds)]
    assert merge_values(count(part, APART) for part in parts) == count(whole, APART)


@given(ROWS, st.integers(0, 60))
def test_bands_of_two_batches_are_those_of_their_concatenation(rows: list[Row], end: int) -> None:
    curve, columns = UpsamplingSpec.model_validate(APART), documents(rows).columns
    cuts = mixture_cuts(config(APART), count(documents(rows), APART))["one", "web", 0]
    apart = [
        band_numbers(part, curve, cuts)
        for part in (columns.slice(0, end), columns.slice(min(end, len(rows))))
    ]
    assert np.concatenate(apart).tolist() == band_numbers(columns, curve, cuts).tolist()


@given(ROWS)
def test_a_group_has_the_bands_it_has_alone(rows: list[Row]) -> None:
    together = bands(rows, APART)
    for topic in {topic for topic, _, _ in rows}:
        places = [place for place, row in enumerate(rows) if row[0] == topic]
        alone = bands([rows[place] for place in places], PLAIN)
        assert [together[place] for place in places] == alone


@given(ROWS, st.sampled_from([None, "", "a"]))
def test_one_group_has_the_bands_of_a_curve_without_within(
    rows: list[Row], topic: str | None
) -> None:
    of_topic = [(topic, score, tokens) for _, score, tokens in rows]
    assert bands(of_topic, APART) == bands(of_topic, PLAIN)


@given(ROWS)
def test_the_top_band_holds_its_share_of_each_group_to_within_a_value(rows: list[Row]) -> None:
    found = bands(rows, APART)
    for topic in {topic for topic, _, _ in rows}:
        of_topic = [
            (score, tokens, band)
            for (one, score, tokens), band in zip(rows, found, strict=True)
            if one == topic and band != NULL_BAND
        ]
        by_value = {score: 0 for score, _, _ in of_topic}
        for score, tokens, _ in of_topic:
            by_value[score] += tokens
        top = sum(tokens for _, tokens, band in of_topic if band == NULL_BAND - 1)
        missed = abs(top - sum(by_value.values()) / 10)
        assert missed <= max(by_value.values(), default=0)


@pytest.mark.parametrize("topic", ["", " ", "数学 🙂", "x" * 1_000_000, None])
def test_any_text_and_no_text_is_a_group_of_its_own(topic: str | None) -> None:
    worse = [(topic, score / 10, 10) for score in range(10)]
    better = [("other", score + 5.0, 10) for score in range(10)]
    assert bands([*worse, *better], APART) == 2 * [0, 0, 0, 0, 1, 1, 1, 1, 1, 2]


def test_a_group_without_a_score_has_no_cuts_and_needs_none() -> None:
    rows: list[Row] = [("a", 1.0, 10), ("b", None, 10), (None, float("nan"), 10)]
    given = documents(rows)
    assert set(mixture_cuts(config(APART), count(given, APART))["one", "web", 0]) == {"a"}
    assert bands(rows, APART) == [1, NULL_BAND, NULL_BAND]
    solution = solve_for(given, config({**APART, "null_factor": 0}))
    assert MixtureSolution.from_json(solution.to_json()) == solution


def test_a_group_that_was_not_measured_is_an_error() -> None:
    given = documents([("a", 1.0, 10), (None, 1.0, 10)])
    curve = UpsamplingSpec.model_validate(APART)
    with pytest.raises(InvariantError, match="upsample by 'score': the group None of within 'top"):
        band_numbers(given.columns, curve, {"a": (0.0, 1.0)})


def scattered(num_topics: int) -> Corpus:
    return documents([*((f"t{n}", 1.0, 10) for n in range(num_topics)), (None, 2.0, 10)])


def test_a_thousand_groups_are_taken() -> None:
    cuts = mixture_cuts(config(APART), count(scattered(MAX_GROUPS), APART))
    assert len(cuts["one", "web", 0]) == MAX_GROUPS + 1


TOO_MANY = "'one': component 'web': upsample by 'score': within 'topic' has more than 1,000 values"


def test_more_groups_are_refused_in_a_batch() -> None:
    with pytest.raises(ConfigError, match=TOO_MANY):
        count(scattered(MAX_GROUPS + 1), APART)


def test_more_groups_are_refused_over_all_batches() -> None:
    whole = scattered(MAX_GROUPS + 1)
    parts = [whole.take(part) for part in np.array_split(np.arange(len(whole.ids)), 2)]
    values = merge_values(count(part, APART) for part in parts)
    with pytest.raises(ConfigError, match=TOO_MANY):
        mixture_cuts(config(APART), values)


@pytest.mark.parametrize(
    ("within", "message"),
    [
        ("lost", "stage 'one': component 'web': upsample: no column 'lost'"),
        ("year", "stage 'one': component 'web': upsample: column 'year' is int64; text is needed"),
        ("tag.lost", "component 'web': upsample: column 'tag.lost': 'tag' is struct"),
    ],
)
def test_a_column_that_is_missing_or_no_text_is_named(within: str, message: str) -> None:
    tag = pa.struct([("topic", pa.string())])
    columns = [("source", pa.string()), ("score", pa.float32()), ("year", pa.int64()), ("tag", tag)]
    with pytest.raises(SchemaError, match=message):
        check_columns(pa.schema(columns), config({**PLAIN, "within": within}))


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_within_takes_a_path_and_any_kind_of_text(kind: pa.DataType) -> None:
    topics = pa.array(["a", "b", None, "a"], pa.string())
    tag = pa.StructArray.from_arrays([topics.cast(kind)], ["topic"])
    given = with_column(corpus(web=[10] * 4), "tag", tag)
    given = with_column(given, "score", pa.array([1.0, 2.0, 3.0, 4.0]))
    curve = {**PLAIN, "within": "tag.topic"}
    assert set(mixture_cuts(config(curve), count(given, curve))["one", "web", 0]) == {
        "a",
        "b",
        None,
    }


def test_every_domain_gives_its_best_and_none_is_lost() -> None:
    """A domain whose scores all lie below the other's is dropped whole without ``within``."""
    rng = np.random.default_rng(4)
    low, high = rng.permutation(1000) / 1000, 1 + rng.permutation(2000) / 2000
    rows: list[Row] = [("poems", score, 10) for score in low.tolist()]
    rows += [("physics", score, 10) for score in high.tolist()]
    given = documents(rows)

    def draw(curve: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        solution = MixtureSolution.from_json(solve_for(given, config(curve)).to_json())
        copies = np.bincount(drawn(given, config(curve), solution).row, minlength=3000)
        return copies[:1000], copies[1000:]

    poems, _ = draw(PLAIN)
    assert poems.max() == 0
    for copies, scores in zip(draw(APART), (low, high - 1), strict=True):
        # Values are told apart to a part in 4,096, and whole windows leave out a few documents.
        assert copies[scores < 0.399].max() == 0
        assert copies[(scores > 0.401) & (scores < 0.899)].mean() > 0.98
        assert set(copies[scores > 0.901].tolist()) <= {6, 7}
