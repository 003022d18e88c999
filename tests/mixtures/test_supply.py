from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.spec import MixtureConfig, StageSpec
from mixtures.supply import UNASSIGNED, Count, Supply, assign, measure_supply
from pipeline.errors import InvariantError, SchemaError
from tests.mixtures.corpora import Corpus, corpus, mixture, stage

TWO_STAGES = mixture(stage("one", web=60, code=40), stage("two", code=100))


def measured(documents: Corpus, config: MixtureConfig = TWO_STAGES) -> Supply:
    return measure_supply(
        documents.columns, config, ids=documents.ids, num_tokens=pa.array(documents.num_tokens)
    )


def table(supply: Supply) -> list[dict[str, object]]:
    return supply.to_table().to_pylist()


def one_component(**condition: object) -> StageSpec:
    return StageSpec.model_validate(
        {
            "name": "s",
            "sequence_tokens": 64,
            "components": [{"name": "c", "where": [condition], "weight": 100}],
        }
    )


COLUMNS = pa.RecordBatch.from_pydict(
    {
        "source": pa.array(["web", "git", None]).dictionary_encode(),
        "tagger.quality": pa.array([0.25, 0.5, float("nan")]),
        "lineage": pa.array(
            [{"strategy": "qa", "rate": 1}, None, {"strategy": None, "rate": 3}],
            pa.struct([("strategy", pa.string()), ("rate", pa.int32())]),
        ),
        "is_test": pa.array([True, None, False]),
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ({"column": "source", "allowed": ["web", "books"]}, [0]),
        ({"column": "source", "is_null": True}, [2]),
        ({"column": "tagger.quality", "min": 0.25}, [0, 1]),
        ({"column": "tagger.quality", "min": 0.25, "max": 0.4}, [0]),
        ({"column": "tagger.quality", "is_null": False}, [0, 1, 2]),
        ({"column": "lineage.strategy", "is_null": False}, [0]),
        ({"column": "lineage.strategy", "is_null": True}, [1, 2]),
        ({"column": "lineage.rate", "max": 2.5}, [0]),
        ({"column": "lineage", "is_null": False}, [0, 2]),
        ({"column": "is_test", "allowed": [False]}, [2]),
    ],
)
def test_condition_holds_for_rows(condition: dict[str, object], rows: list[int]) -> None:
    components = assign(COLUMNS, one_component(**condition))
    assert np.flatnonzero(components == 0).tolist() == rows
    assert set(components.tolist()) <= {0, UNASSIGNED}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"column": "colour", "is_null": True}, "no column 'colour'; there are source"),
        ({"column": "lineage.colour", "is_null": True}, "without field 'colour'"),
        ({"column": "source.name", "is_null": True}, "without field 'name'"),
        ({"column": "source", "min": 1}, "min and max need a number"),
        ({"column": "is_test", "allowed": ["x"]}, "cannot be compared"),
    ],
)
def test_condition_on_the_wrong_column_is_refused(
    condition: dict[str, object], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        assign(COLUMNS, one_component(**condition))


def test_first_component_whose_conditions_all_hold_takes_the_document() -> None:
    spec = StageSpec.model_validate(
        {
            "name": "s",
            "sequence_tokens": 64,
            "components": [
                {
                    "name": "good-web",
                    "where": [
                        {"column": "source", "allowed": ["web"]},
                        {"column": "tagger.quality", "min": 0.9},
                    ],
                    "weight": 10,
                },
                {"name": "web", "where": [{"column": "source", "allowed": ["web"]}], "weight": 10},
                {"name": "rest", "weight": 80},
            ],
        }
    )
    assert assign(COLUMNS, spec).tolist() == [1, 2, 2]


documents = st.lists(st.tuples(st.sampled_from(["web", "code", "talk"]), st.integers(1, 50)))


@given(documents, st.randoms(use_true_random=False), st.integers(1, 4))
def test_supply_is_the_same_from_any_batches_merged_in_any_order(
    rows: list[tuple[str, int]], random: Random, parts: int
) -> None:
    sources = {name: [n for s, n in rows if s == name] for name in ("web", "code", "talk")}
    whole = corpus(**sources)
    order = list(range(len(rows)))
    random.shuffle(order)
    pieces = [measured(whole.take(order[part::parts])) for part in range(parts)]
    left = pieces[0]
    for piece in pieces[1:]:
        left = Supply.merge([left, piece])
    assert table(left) == table(Supply.merge(reversed(pieces))) == table(measured(whole))
    assert table(Supply.merge([left, Supply.empty(TWO_STAGES)])) == table(left)
    assert left.counts() == {
        ("one", "web"): Count(len(sources["web"]), sum(sources["web"])),
        ("one", "code"): Count(len(sources["code"]), sum(sources["code"])),
        ("two", "code"): Count(len(sources["code"]), sum(sources["code"])),
    }
    assert left.unassigned("one") == Count(len(sources["talk"]), sum(sources["talk"]))


def test_bins_add_up_and_spread() -> None:
    supply = measured(corpus(web=[10] * 5000))
    tokens = supply.bin_tokens("one", "web")
    assert tokens.sum() == 50_000
    assert (tokens > 0).sum() > 4_500


def test_stages_draw_in_different_orders() -> None:
    supply = measured(corpus(code=[10] * 100))
    one, two = (supply.bin_tokens(name, "code") for name in ("one", "two"))
    assert one.sum() == two.sum()
    assert not np.array_equal(one, two)


def test_supply_survives_its_table() -> None:
    supply = measured(corpus(web=[3, 4], talk=[5]))
    back = Supply.from_table(supply.to_table())
    assert back.cells == supply.cells
    assert table(back) == table(supply)
    assert Supply.from_table(Supply.empty(TWO_STAGES).to_table()).counts()["one", "web"].tokens == 0


def test_foreign_table_is_refused() -> None:
    with pytest.raises(SchemaError, match="not a supply table"):
        Supply.from_table(pa.table({"a": [1]}))


def test_supplies_of_two_mixtures_do_not_merge() -> None:
    with pytest.raises(InvariantError):
        Supply.merge([Supply.empty(TWO_STAGES), Supply.empty(mixture(stage(web=100)))])
