from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.cells import parse_cells
from mixtures.supply import Count, Supply
from pipeline.errors import SchemaError
from tests.mixtures.corpora import corpus, mixture, stage, supply_of

TWO_STAGES = mixture(stage("one", web=60, code=40), stage("two", code=100))

documents = st.lists(st.tuples(st.sampled_from(["web", "code", "talk"]), st.integers(1, 50)))


def counts(supply: Supply) -> dict[tuple[int | None, ...], Count]:
    """Totals by the components that take a cell."""
    found = {}
    bins = supply.cells()
    for cell in parse_cells(bins, TWO_STAGES):
        taken = tuple(None if slot is None else slot.component for slot in cell.slots)
        found[taken] = bins[cell.key].count
    return found


@given(documents, st.randoms(use_true_random=False), st.integers(1, 4))
def test_supply_is_the_same_from_any_batches_merged_in_any_order(
    rows: list[tuple[str, int]], random: Random, parts: int
) -> None:
    sources = {name: [n for s, n in rows if s == name] for name in ("web", "code", "talk")}
    whole = corpus(**sources)
    order = list(range(len(rows)))
    random.shuffle(order)
    pieces = [supply_of(whole.take(order[part::parts]), TWO_STAGES) for part in range(parts)]
    left = pieces[0]
    for piece in pieces[1:]:
        left = Supply.merge([left, piece])
    assert left.table == Supply.merge(reversed(pieces)).table
    assert left.table == supply_of(whole, TWO_STAGES).table
    assert Supply.merge([left, Supply.merge([])]).table == left.table
    cells = {"web": (0, None), "code": (1, 0), "talk": (None, None)}
    assert counts(left) == {
        cells[name]: Count(len(of_name), sum(of_name))
        for name, of_name in sources.items()
        if of_name
    }


def test_bins_add_up_and_spread() -> None:
    [bins] = supply_of(corpus(web=[10] * 5000), TWO_STAGES).cells().values()
    assert bins.tokens.sum() == 50_000
    assert len(bins.bins) > 4_200
    assert (np.diff(bins.bins) > 0).all()


def test_supply_survives_its_table() -> None:
    supply = supply_of(corpus(web=[3, 4], talk=[5]), TWO_STAGES)
    assert Supply.read(supply.table).table == supply.table
    assert Supply.merge([]).cells() == {}


def test_foreign_table_is_refused() -> None:
    with pytest.raises(SchemaError, match="not a supply table"):
        Supply.read(pa.table({"a": [1]}))
