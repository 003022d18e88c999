"""The ledger: tokens of a stage by component, source, topic, quality and language.

Kept twice: as solved, from the supply and the solution, and as realised, from the documents of the
shards. A component's tokens are exact in both. Finer entries are what a random draw of whole
documents makes of them, so they differ by chance, and a difference beyond chance fails the run.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mixtures.cells import parse_cells
from mixtures.solution import MixtureSolution
from mixtures.spec import MixtureConfig
from mixtures.supply import Bins, Supply
from pipeline.errors import InvariantError
from pipeline.records.manifest import Statistics

DIMENSIONS = {
    "source": "source",
    "topic": "tagger.topic",
    "quality": "tagger.quality",
    "language": "language.code",
}
"""What a ledger is kept by, beside the component, and the column each is read from. Quality is a
score from 0 to 1, kept by its first decimal. A missing column or value is ``NO_VALUE``."""

NO_VALUE = "none"

COUNTS_SCHEMA = pa.schema(
    [
        pa.field("cell", pa.string(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in DIMENSIONS),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("squares", pa.float64(), nullable=False),  # sum of tokens squared, by document
    ]
)
"""The supply by cell and dimensions."""

SOLVED_SCHEMA = pa.schema(
    [
        pa.field("stage", pa.string(), nullable=False),
        pa.field("component", pa.string(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in DIMENSIONS),
        pa.field("tokens", pa.float64(), nullable=False),  # expected
        pa.field("variance", pa.float64(), nullable=False),  # of the draw, in tokens squared
    ]
)

MAX_DEVIATIONS = 6.0
"""Standard deviations a realised entry may lie from the solved one: a normal variable lies farther
once in 5 * 10^8, far less often than there are entries in all ledgers of a run."""

Entry = tuple[str, ...]
"""Component, then the dimensions in their order."""

ENTRY_NAMES = ("component", *DIMENSIONS)


@dataclass(frozen=True)
class Realised:
    """What an entry came to.

    ``unique_tokens`` are of first copies in the stage, ``new_tokens`` of first copies in the run.
    """

    documents: int
    tokens: int
    unique_tokens: int
    new_tokens: int


def count_supply(
    columns: pa.RecordBatch, cells: pa.DictionaryArray, *, num_tokens: pa.Array
) -> pa.Table:
    """Count a batch of documents by cell and dimensions: ``COUNTS_SCHEMA``, sorted.

    ``cells`` (``mixtures.cells.assign_cells``) and ``num_tokens`` stand beside ``columns``.
    """
    tokens = num_tokens.cast(pa.int64())
    squares = pc.power(tokens.cast(pa.float64()), 2)
    arrays = [cells.dictionary_decode(), *_dimensions(columns), tokens, squares]
    return merge_counts([pa.table(arrays, schema=COUNTS_SCHEMA)])


def merge_counts(tables: Iterable[pa.Table]) -> pa.Table:
    """Add tables of ``COUNTS_SCHEMA``."""
    keys = COUNTS_SCHEMA.names[:-2]
    table = pa.concat_tables([COUNTS_SCHEMA.empty_table(), *tables])
    table = table.sort_by([(key, "ascending") for key in keys])
    sums = table.group_by(keys, use_threads=False).aggregate(
        [("tokens", "sum"), ("squares", "sum")]
    )
    return sums.rename_columns(COUNTS_SCHEMA.names).cast(COUNTS_SCHEMA)


def solved_ledger(
    counts: pa.Table, supply: Supply, mixture: MixtureConfig, solution: MixtureSolution
) -> pa.Table:
    """What every stage should hold: ``SOLVED_SCHEMA``, from ``COUNTS_SCHEMA``."""
    bins = supply.cells()
    cells = parse_cells(bins, mixture)
    keys = counts["cell"].to_pylist()
    parts = []
    for number, stage in enumerate(solution.stages):
        drawn = {
            cell.key: _draw_of(
                bins[cell.key],
                stage.cells.get(cell.key, ()),
                is_joined=cell.is_joined(mixture),
            )
            for cell in cells
        }
        components = {
            cell.key: slot.component for cell in cells if (slot := cell.slots[number]) is not None
        }
        rows = [row for row, key in enumerate(keys) if drawn[key].copies and key in components]
        copies = np.array([drawn[keys[row]].copies for row in rows], np.float64)
        spread = np.array([drawn[keys[row]].spread for row in rows], np.float64)
        of_stage = counts.take(pa.array(rows, pa.int64()))
        takers = [stage.components[components[keys[row]]].name for row in rows]
        parts.append(
            pa.table(
                [
                    pa.array([stage.name] * len(rows), pa.string()),
                    pa.array(takers, pa.string()),
                    *(of_stage[name] for name in DIMENSIONS),
                    pa.array(of_stage["tokens"].to_numpy() * copies),
                    pa.array(of_stage["squares"].to_numpy() * spread),
                ],
                schema=SOLVED_SCHEMA,
            )
        )
    names = SOLVED_SCHEMA.names[:-2]
    table = pa.concat_tables(parts).sort_by([(name, "ascending") for name in names])
    sums = table.group_by(names, use_threads=False).aggregate(
        [("tokens", "sum"), ("variance", "sum")]
    )
    return sums.rename_columns(SOLVED_SCHEMA.names).cast(SOLVED_SCHEMA)


def count_realised(documents: pa.Table) -> dict[Entry, Realised]:
    """Count a shard's documents: a row for each copy, with ``component``, ``copy`` and ``seen``."""
    tokens = documents["num_tokens"].cast(pa.int64())
    batch = documents.combine_chunks()
    dimensions = [pa.chunked_array([array]) for array in _dimensions(batch)]
    table = pa.table(
        [
            documents["component"],
            *dimensions,
            tokens,
            pc.if_else(pc.equal(documents["copy"], 0), tokens, 0),
            pc.if_else(pc.equal(documents["seen"], 0), tokens, 0),
        ],
        names=[*ENTRY_NAMES, "tokens", "unique", "new"],
    )
    sums = table.group_by([*ENTRY_NAMES], use_threads=False).aggregate(
        [("tokens", "count"), ("tokens", "sum"), ("unique", "sum"), ("new", "sum")]
    )
    return {
        tuple(row[name] for name in ENTRY_NAMES): Realised(
            documents=row["tokens_count"],
            tokens=row["tokens_sum"],
            unique_tokens=row["unique_sum"],
            new_tokens=row["new_sum"],
        )
        for row in sums.to_pylist()
    }


def nest(entries: Mapping[Entry, Realised]) -> Statistics:
    """Counts by component, then by each dimension in turn: what a manifest holds and adds up."""
    nested: Statistics = {}
    for entry, realised in sorted(entries.items()):
        place = nested
        for value in entry:
            place = place.setdefault(value, {})
        place.update(asdict(realised))
    return nested


def unnest(nested: Statistics) -> dict[Entry, Realised]:
    """Undo :func:`nest`."""
    level: list[tuple[Entry, Statistics]] = [((), nested)]
    for _ in ENTRY_NAMES:
        level = [((*entry, key), deeper) for entry, part in level for key, deeper in part.items()]
    return {entry: Realised(**counts) for entry, counts in level}


def check_realised(
    stage: str,
    realised: Mapping[Entry, Realised],
    solved: pa.Table,
    *,
    max_error_percent: float,
) -> None:
    """Compare a written stage with the solution's ledger.

    Raises InvariantError when an entry, or the sum over all entries that share a value, differs by
    more than ``max_error_percent`` of the stage and by more than chance.
    """
    rows = solved.filter(pc.equal(solved["stage"], stage)).to_pylist()
    stage_tokens = sum(one.tokens for one in realised.values())
    wanted: dict[Entry, list[float]] = {}
    found: dict[Entry, float] = {}
    for row in rows:
        entry = tuple(row[name] for name in ENTRY_NAMES)
        for sums in (entry, *_marginals(entry)):
            total = wanted.setdefault(sums, [0.0, 0.0])
            total[0] += row["tokens"]
            total[1] += row["variance"]
    for entry, counted in realised.items():
        for sums in (entry, *_marginals(entry)):
            found[sums] = found.get(sums, 0.0) + counted.tokens
    for entry in sorted(wanted.keys() | found.keys()):
        tokens, variance = wanted.get(entry, (0.0, 0.0))
        difference = found.get(entry, 0.0) - tokens
        if abs(difference) > max(
            max_error_percent / 100 * stage_tokens, MAX_DEVIATIONS * math.sqrt(variance)
        ):
            what = ", ".join(
                f"{name} {value}" for name, value in zip(ENTRY_NAMES, entry, strict=True) if value
            )
            raise InvariantError(
                f"stage {stage!r}, {what}: {found.get(entry, 0.0):,.0f} tokens written, "
                f"{tokens:,.0f} solved; the difference is more than {max_error_percent:g}% of the "
                f"stage and more than {MAX_DEVIATIONS:g} standard deviations of the draw"
            )


def _marginals(entry: Entry) -> list[Entry]:
    """The entry with all but one of its values left empty, for each of them."""
    return [
        tuple(value if place == kept else "" for place, value in enumerate(entry))
        for kept in range(len(entry))
    ]


@dataclass(frozen=True)
class _DrawOfCell:
    copies: float  # of the average token
    spread: float  # variance of a document's copies; infinite where it is not known


def _draw_of(
    bins: Bins, runs: Iterable[tuple[int, int, int, int]], *, is_joined: bool
) -> _DrawOfCell:
    copies = np.zeros(len(bins.bins), np.int64)
    for low, high, _, of_stage in runs:
        first, last = np.searchsorted(bins.bins, [low, high])
        copies[first:last] = of_stage
    total = int(bins.tokens.sum())
    spread = float(copies.var())
    if is_joined and spread:
        # Documents of a unit are drawn together, so theirs are not the squares that count.
        spread = math.inf
    return _DrawOfCell(float((copies * bins.tokens).sum()) / total, spread)


def _dimensions(columns: pa.RecordBatch | pa.Table) -> list[pa.Array]:
    return [_dimension(columns, name, column) for name, column in DIMENSIONS.items()]


def _dimension(columns: pa.RecordBatch | pa.Table, name: str, column: str) -> pa.Array:
    if column not in columns.schema.names:
        return pa.array([NO_VALUE] * columns.num_rows, pa.string())
    values = columns.column(column)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if name == "quality":
        tenths = pc.min_element_wise(pc.floor(pc.multiply(values.cast(pa.float64()), 10)), 9)
        values = tenths.cast(pa.int8())
    return pc.fill_null(values.cast(pa.string()), NO_VALUE)
