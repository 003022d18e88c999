"""Writing windows: tokens gathered as asked, copies drawn as solved, nothing but the promised."""

import dataclasses

import pyarrow as pa
import pytest

from mixtures.joining import NO_SEPARATOR
from mixtures.solution import ComponentSolution, StageSolution
from mixtures.spec import MixtureConfig
from mixtures.windows import WindowLayout
from pipeline.errors import InvariantError
from pipeline.records.document import document_id
from pipeline.records.manifest import ShardEntry
from pipeline.transforms import windows
from pipeline.transforms.windows import StagePlan, draw_copies


def plan(*, whole_copies: int, num_partitions: int) -> StagePlan:
    mixture = MixtureConfig.model_validate(
        {
            "seed": 3,
            "stages": [
                {
                    "name": "one",
                    "sequence_tokens": 16,
                    "components": [{"name": "all", "weight": 100}],
                }
            ],
        }
    )
    component = ComponentSolution(
        name="all",
        weight=100.0,
        share_ratio=1.0,
        max_epochs=4.0,
        supply_documents=40,
        supply_tokens=400,
        target_tokens=400 * whole_copies,
        expected_tokens=400 * whole_copies,
        whole_copies=whole_copies,
        extra_bins=(),
    )
    solution = StageSolution(
        name="one",
        sequence_tokens=16,
        budget_tokens=400 * whole_copies,
        unassigned_documents=0,
        components=(component,),
    )
    layout = WindowLayout(sequence_tokens=16, mtp_depth=1, eod_id=1, pad_id=0)
    return StagePlan(
        mixture=mixture,
        solution=solution,
        layout=layout,
        num_partitions=num_partitions,
        separators=(NO_SEPARATOR,),
    )


def documents(count: int) -> pa.RecordBatch:
    return pa.record_batch({"id": [document_id("s", str(n)) for n in range(count)]})


def test_every_copy_is_drawn_once_and_lies_in_partition_and_order() -> None:
    drawn = draw_copies(documents(40), plan(whole_copies=2, num_partitions=3)).to_pydict()
    assert sorted(zip(drawn["row"], drawn["copy"], strict=True)) == [
        (row, copy) for row in range(40) for copy in range(2)
    ]
    assert drawn["partition"] == sorted(drawn["partition"])
    assert set(drawn["partition"]) == {0, 1, 2}
    assert drawn["order"] == sorted(drawn["order"])


def test_the_copies_of_two_batches_are_those_of_their_concatenation() -> None:
    whole, stage = documents(40), plan(whole_copies=1, num_partitions=3)
    apart = [draw_copies(part, stage) for part in (whole.slice(0, 13), whole.slice(13))]
    together = draw_copies(whole, stage)
    columns = ("order", "partition", "component", "copy")
    merged = pa.concat_tables(apart).sort_by("order").select(columns)
    assert merged.equals(together.select(columns))


@pytest.mark.parametrize(("tokens", "is_kept"), [(400, True), (399, False), (401, False)])
def test_a_stage_with_other_tokens_than_solved_is_refused(tokens: int, is_kept: bool) -> None:
    solution = plan(whole_copies=1, num_partitions=1).solution
    ledger = {"ledger": {"component": {"all": {"documents": 40, "tokens": tokens}}}}
    entry = ShardEntry(windows.DOCUMENTS, 0, "x", 40, 1, "ab", ledger)
    entries = {
        windows.DOCUMENTS: [entry],
        windows.RUNS: [dataclasses.replace(entry, output=windows.RUNS)],
    }
    if is_kept:
        assert windows._count(entries, solution).kept == 40
        return
    with pytest.raises(InvariantError, match=f"{tokens} tokens written, the solution promised 400"):
        windows._count(entries, solution)
