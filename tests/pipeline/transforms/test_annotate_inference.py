"""Annotating through RunInference gives what annotating without it gives."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.address import Address, stamp
from pipeline.transforms.annotate import AnnotateDocuments, annotate_batch
from pipeline.transforms.annotate_inference import with_failures, without_failures
from tests.pipeline.transforms.measuring import Length, build_length, documents_of
from tests.support.beam import run_transform

TEXTS = st.lists(st.sampled_from(["", "a", "four", "RAISE", "x RAISE y"]), max_size=8)


@given(TEXTS)
def test_failures_pass_beside_the_measures_and_out_again(texts: list[str]) -> None:
    outcome = annotate_batch(documents_of(*texts), [Length()])
    back = without_failures(with_failures(outcome))
    assert back.kept.equals(outcome.kept)
    assert back.failed.equals(outcome.failed)
    assert back.rejected.equals(outcome.rejected)


def test_both_ways_give_the_same_tables(tmp_path) -> None:
    first, second = documents_of("a", "RAISE", "four"), documents_of("x RAISE y", "", first=3)
    batches = [
        stamp(first, Address(shard=0, num_shards=1, sequence=0, is_last=False)),
        stamp(second, Address(shard=0, num_shards=1, sequence=1, is_last=True)),
    ]
    ways = []
    for has_encoder in (False, True):
        folder = tmp_path / str(has_encoder)
        folder.mkdir()
        transform = AnnotateDocuments(build_length, has_encoder=has_encoder)
        ways.append(run_transform(transform, batches, folder))
    plain, inferred = ways
    assert inferred["failed"].num_rows == 2
    for name, table in plain.items():
        assert isinstance(table, pa.Table)
        without_trace = [column for column in table.column_names if column != "traceback"]
        assert inferred[name].select(without_trace).equals(table.select(without_trace)), name
