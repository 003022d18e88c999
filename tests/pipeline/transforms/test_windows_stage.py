"""Writing windows: tokens gathered as asked, copies drawn as solved, nothing but the promised."""

import dataclasses

import pyarrow as pa
import pytest

from mixtures.cells import assign_cells
from mixtures.joining import NO_SEPARATOR
from mixtures.ledger import SOLVED_SCHEMA
from mixtures.solver import solve
from mixtures.spec import MixtureConfig
from mixtures.supply import measure_supply
from mixtures.windows import WindowLayout
from pipeline.errors import InvariantError
from pipeline.records.document import document_id
from pipeline.records.manifest import ShardEntry
from pipeline.transforms import windows
from pipeline.transforms.windows import StagePlan, draw_copies


def plan(*, epochs: int, num_partitions: int) -> StagePlan:
    """A stage that uses all of ``documents(40)``, of ten tokens each, ``epochs`` times."""
    mixture = MixtureConfig.model_validate(
        {
            "seed": 3,
            "repetition": [{"max_epochs": 4}],
            "stages": [
                {
                    "name": "one",
                    "sequence_tokens": 16,
                    "components": [{"name": "all", "epochs": epochs}],
                }
            ],
        }
    )
    given = documents(40)
    cells = assign_cells(given, mixture, {})
    supply = measure_supply(
        given, cells, mixture, ids=given.column("id"), num_tokens=pa.array([10] * 40)
    )
    return StagePlan(
        mixture=mixture,
        solution=solve(mixture, supply, {}),
        stage_name="one",
        layout=WindowLayout(sequence_tokens=16, mtp_depth=1, eod_id=1, pad_id=0),
        num_partitions=num_partitions,
        separators=(NO_SEPARATOR,),
    )


def documents(count: int) -> pa.RecordBatch:
    return pa.record_batch({"id": [document_id("s", str(n)) for n in range(count)]})


def test_every_copy_is_drawn_once_and_lies_in_partition_and_order() -> None:
    drawn = draw_copies(documents(40), plan(epochs=2, num_partitions=3)).to_pydict()
    assert sorted(zip(drawn["row"], drawn["copy"], strict=True)) == [
        (row, copy) for row in range(40) for copy in range(2)
    ]
    assert drawn["partition"] == sorted(drawn["partition"])
    assert set(drawn["partition"]) == {0, 1, 2}
    pairs = sorted(zip(drawn["order"], drawn["partition"], strict=True))
    assert [partition for _, partition in pairs] == drawn["partition"]


def test_the_copies_of_two_batches_are_those_of_their_concatenation() -> None:
    whole, stage = documents(40), plan(epochs=1, num_partitions=3)
    apart = [draw_copies(part, stage) for part in (whole.slice(0, 13), whole.slice(13))]
    together = draw_copies(whole, stage)
    columns = ("order", "partition", "component", "copy")
    merged = pa.concat_tables(apart).sort_by("order").select(columns)
    assert merged.equals(together.sort_by("order").select(columns))


@pytest.mark.parametrize(
    ("component", "source", "message"),
    [
        (400, 400, None),
        (399, 399, "399 tokens written, the solution promised 400"),
        (401, 401, "401 tokens written, the solution promised 400"),
        (400, 390, "tokens written, .* solved; the difference is more than"),
    ],
)
def test_a_stage_with_other_tokens_than_solved_is_refused(
    component: int, source: int, message: str | None
) -> None:
    def counted(tokens: int) -> dict[str, object]:
        counts = {"documents": 40, "tokens": tokens, "unique_tokens": tokens, "new_tokens": 0}
        return {"none": {"none": {"none": counts}}}

    sources = {"web": counted(source)}
    if component != source:
        sources["talk"] = counted(component - source)
    entry = ShardEntry(windows.DOCUMENTS, 0, "x", 40, 1, "ab", {"ledger": {"all": sources}})
    entries = {
        windows.DOCUMENTS: [entry],
        windows.RUNS: [dataclasses.replace(entry, output=windows.RUNS)],
    }
    row = {"stage": "one", "component": "all", "source": "web", "topic": "none"}
    row |= {"quality": "none", "language": "none", "tokens": 400.0, "variance": 0.0}
    solved = pa.Table.from_pylist([row], SOLVED_SCHEMA)
    stage = plan(epochs=1, num_partitions=1)
    if message is None:
        assert windows._count(entries, stage, solved).kept == 40
        return
    with pytest.raises(InvariantError, match=message):
        windows._count(entries, stage, solved)
