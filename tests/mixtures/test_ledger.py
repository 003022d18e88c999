import numpy as np
import pyarrow as pa
import pytest

from mixtures.cells import assign_cells
from mixtures.ledger import (
    ENTRY_NAMES,
    Realised,
    check_realised,
    count_realised,
    count_supply,
    merge_counts,
    solved_ledger,
)
from mixtures.spec import MixtureConfig
from pipeline.errors import InvariantError
from tests.mixtures.corpora import (
    Corpus,
    corpus,
    drawn,
    mixture,
    solve_for,
    stage,
    supply_of,
    with_column,
)

CONFIG = mixture(stage("one", web=60, code=40), stage("two", budget_tokens=64_000, web=100))


def mixed_corpus(count: int = 3000) -> Corpus:
    """Documents whose language and quality go with nothing else."""
    rng = np.random.default_rng(3)
    lengths = np.clip(rng.lognormal(4, 1, 2 * count), 3, 2000).astype(int)
    documents = corpus(web=lengths[:count].tolist(), code=lengths[count:].tolist())
    languages = rng.choice(["en", "de"], 2 * count, p=[0.8, 0.2]).tolist()
    languages[0] = None
    documents = with_column(documents, "language.code", pa.array(languages, pa.string()))
    return with_column(documents, "tagger.quality", pa.array(rng.random(2 * count), pa.float32()))


def realised_table(documents: Corpus, config: MixtureConfig, name: str) -> pa.Table:
    """The documents of a stage's shards."""
    sampled = drawn(documents, config, solve_for(documents, config), name)
    rows = pa.array(sampled.row)
    names = pa.array([component.name for component in config.stage(name).components])
    table = pa.Table.from_batches([documents.columns]).take(rows)
    for column, values in (
        ("component", names.take(pa.array(sampled.component))),
        ("copy", pa.array(sampled.copy)),
        ("seen", pa.array(sampled.seen)),
        ("num_tokens", pa.array(documents.num_tokens).take(rows)),
    ):
        table = table.append_column(column, values)
    return table


def solved_table(documents: Corpus, config: MixtureConfig) -> pa.Table:
    tokens = pa.array(documents.num_tokens)
    cells = assign_cells(documents.columns, config, {})
    counts = count_supply(documents.columns, cells, num_tokens=tokens)
    solution = solve_for(documents, config)
    return solved_ledger(counts, supply_of(documents, config), config, solution)


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_random_draw_agrees_with_the_solution(name: str) -> None:
    documents = mixed_corpus()
    realised = count_realised(realised_table(documents, CONFIG, name))
    solved = solved_table(documents, CONFIG)
    check_realised(name, realised, solved, max_error_percent=0.001)
    rows = [row for row in solved.to_pylist() if row["stage"] == name]
    for component in solve_for(documents, CONFIG).stage(name).components:
        tokens = sum(row["tokens"] for row in rows if row["component"] == component.name)
        assert tokens == pytest.approx(component.expected_tokens)


def test_a_draw_that_favours_a_language_is_refused() -> None:
    documents = mixed_corpus(20_000)
    config = mixture(stage("two", budget_tokens=1_000_000, web=100))
    table = realised_table(documents, config, "two")
    is_german = np.array(table["language.code"].to_pylist()) == "de"
    kept = np.flatnonzero(~is_german | (np.arange(len(table)) % 2 == 0))
    english = np.flatnonzero(~is_german)
    biased = table.take(pa.array(np.concatenate([kept, english[: len(table) - len(kept)]])))
    with pytest.raises(InvariantError, match=r"stage 'two'.* language .* tokens written"):
        check_realised(
            "two",
            count_realised(biased),
            solved_table(documents, config),
            max_error_percent=0.25,
        )


def test_counts_are_the_same_from_any_batches() -> None:
    documents = mixed_corpus(200)
    parts = [documents.take(part) for part in np.array_split(np.arange(400), 5)]
    counts = [
        count_supply(
            one.columns,
            assign_cells(one.columns, CONFIG, {}),
            num_tokens=pa.array(one.num_tokens),
        )
        for one in (documents, *parts)
    ]
    whole, merged = counts[0], merge_counts(counts[1:])
    assert merged.drop_columns("squares") == whole.drop_columns("squares")
    assert np.allclose(merged["squares"], whole["squares"])


def test_copies_are_told_from_first_uses() -> None:
    table = pa.table(
        {
            "component": ["web"] * 3,
            "num_tokens": pa.array([10, 10, 7], pa.int32()),
            "copy": pa.array([0, 1, 0], pa.int32()),
            "seen": pa.array([2, 3, 0], pa.int32()),
        }
    )
    entry = ("web", "none", "none", "none", "none")
    assert len(entry) == len(ENTRY_NAMES)
    assert count_realised(table) == {entry: Realised(3, 27, 17, 7)}
