"""Mixtures and made-up corpora for the tests of supply, solver and sampling."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mixtures.cells import assign_cells
from mixtures.quantiles import count_values, mixture_cuts
from mixtures.sampling import SampledCopies, sample
from mixtures.solution import MixtureSolution
from mixtures.solver import solve
from mixtures.spec import MixtureConfig
from mixtures.supply import Supply, measure_supply
from mixtures.upsampling import Cuts
from pipeline.records.document import document_id


@dataclass(frozen=True)
class Corpus:
    """Documents by id, source and tokens, row for row."""

    ids: pa.Array
    columns: pa.RecordBatch
    num_tokens: np.ndarray

    def take(self, rows: npt.ArrayLike) -> "Corpus":
        rows = np.asarray(rows, np.int64)
        return Corpus(self.ids.take(rows), self.columns.take(rows), self.num_tokens[rows])


def corpus(**sources: list[int]) -> Corpus:
    """One document for each number in ``sources``, of so many tokens."""
    names = [name for name, lengths in sources.items() for _ in lengths]
    tokens = [int(length) for lengths in sources.values() for length in lengths]
    ids = [document_id(name, str(number)) for number, name in enumerate(names)]
    return Corpus(
        pa.array(ids, pa.string()),
        pa.RecordBatch.from_pydict({"source": pa.array(names, pa.string())}),
        np.array(tokens, np.int64),
    )


def with_column(documents: Corpus, name: str, values: pa.Array) -> Corpus:
    """The corpus with one column more."""
    columns = documents.columns.append_column(name, values)
    return Corpus(documents.ids, columns, documents.num_tokens)


def mixture(*stages: dict[str, Any], seed: int = 5, **fields: object) -> MixtureConfig:
    """A mixture of columns that :func:`corpus` has, where documents may be few and large."""
    defaults = {"repetition": [{"max_epochs": 4}], "max_share_error_percent": 100}
    return MixtureConfig.model_validate(
        {"seed": seed, "stages": list(stages), **defaults, **fields}
    )


def cuts_for(documents: Corpus, config: MixtureConfig) -> Cuts:
    """Where the bands of the mixture's curves begin."""
    tokens = pa.array(documents.num_tokens)
    return mixture_cuts(config, count_values(documents.columns, config, num_tokens=tokens))


def supply_of(documents: Corpus, config: MixtureConfig) -> Supply:
    """The supply of all documents."""
    return measure_supply(
        documents.columns,
        assign_cells(documents.columns, config, cuts_for(documents, config)),
        config,
        ids=documents.ids,
        num_tokens=pa.array(documents.num_tokens),
    )


def solve_for(documents: Corpus, config: MixtureConfig) -> MixtureSolution:
    """The mixture, solved for all documents."""
    return solve(config, supply_of(documents, config), cuts_for(documents, config))


def drawn(
    documents: Corpus, config: MixtureConfig, solution: MixtureSolution, name: str = "one"
) -> SampledCopies:
    """The copies that a stage trains on."""
    return sample(documents.columns, documents.ids, mixture=config, solution=solution, stage=name)


def stage(
    name: str = "one",
    *,
    sequence_tokens: int = 64,
    budget_tokens: int | None = None,
    fields: dict[str, object] | None = None,
    **weights: float | dict[str, object],
) -> dict[str, Any]:
    """A stage of components that each take the source of their name.

    A weight is a number, or a dictionary of the component's fields.
    """
    components = []
    for component, weight in weights.items():
        amount = weight if isinstance(weight, dict) else {"weight": weight}
        where = [{"column": "source", "allowed": [component]}]
        components.append({"name": component, "where": where, **amount})
    return {
        "name": name,
        "sequence_tokens": sequence_tokens,
        "budget_tokens": budget_tokens,
        "components": components,
        **(fields or {}),
    }
