"""Mixtures and made-up corpora for the tests of supply, solver and sampling."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mixtures.spec import MixtureConfig
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


def mixture(*stages: dict[str, Any], seed: int = 5) -> MixtureConfig:
    return MixtureConfig.model_validate({"seed": seed, "stages": list(stages)})


def stage(
    name: str = "one",
    *,
    sequence_tokens: int = 64,
    budget_tokens: int | None = None,
    **weights: float | dict[str, object],
) -> dict[str, Any]:
    """A stage of components that each take the source of their name.

    A weight is a number, or a dictionary of the component's fields.
    """
    components = []
    for component, weight in weights.items():
        fields = weight if isinstance(weight, dict) else {"weight": weight}
        where = [{"column": "source", "allowed": [component]}]
        components.append({"name": component, "where": where, **fields})
    return {
        "name": name,
        "sequence_tokens": sequence_tokens,
        "budget_tokens": budget_tokens,
        "components": components,
    }
