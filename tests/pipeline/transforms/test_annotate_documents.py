import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records.address import Address, stamp
from pipeline.records.document import document_id, validate_batch
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.transforms.annotate import (
    IS_ANNOTATED,
    AnnotateDocuments,
    annotate_batch,
    measures_schema,
)
from tests.pipeline.transforms.measuring import Length, build_length, documents_of
from tests.support.beam import run_transform
from tests.support.strategies import documents

TEXTS = st.lists(st.sampled_from(["", "a", "four", "RAISE", "x RAISE y"]), max_size=8)


def kept_and_failed(outcome):
    return (
        [
            (row["length.chars"], row[IS_ANNOTATED])
            for row in outcome.kept.select(["length.chars", IS_ANNOTATED]).to_pylist()
        ],
        outcome.failed.column("id").to_pylist(),
    )


@given(TEXTS)
def test_every_document_keeps_its_row_and_those_that_raise_are_failed_too(texts):
    batch = documents_of(*texts)
    outcome = annotate_batch(batch, [Length()])
    assert outcome.kept.column("id").equals(batch.column("id"))
    measures, failed = kept_and_failed(outcome)
    assert measures == [(None, False) if "RAISE" in t else (len(t), True) for t in texts]
    ids = batch.column("id").to_pylist()
    assert failed == [i for i, text in zip(ids, texts, strict=True) if "RAISE" in text]
    assert outcome.rejected.num_rows == 0
    assert outcome.kept.schema.equals(measures_schema([Length()]))
    validate_batch(outcome.failed, FAILURE_SCHEMA)


@given(TEXTS, TEXTS)
def test_a_raising_row_costs_the_rows_beside_it_nothing_wherever_the_batch_is_cut(one, other):
    first, second = documents_of(*one), documents_of(*other, first=len(one))
    together = annotate_batch(pa.concat_batches([first, second]), [Length()])
    apart = [annotate_batch(part, [Length()]) for part in (first, second)]
    assert together.kept.equals(pa.concat_batches([outcome.kept for outcome in apart]))
    apart_ids = [i for outcome in apart for i in outcome.failed.column("id").to_pylist()]
    assert together.failed.column("id").to_pylist() == apart_ids


@given(documents(min_size=1))
def test_no_row_is_lost_from_any_documents(batch):
    outcome = annotate_batch(batch, [Length(raises_at="$")])
    assert outcome.kept.num_rows == batch.num_rows
    is_annotated = outcome.kept.column(IS_ANNOTATED).to_pylist()
    assert is_annotated.count(False) == outcome.failed.num_rows


def test_a_failure_says_what_to_try_again_and_why_it_failed():
    (failure,) = annotate_batch(documents_of("ok", "RAISE"), [Length()]).failed.to_pylist()
    assert "tests.pipeline.transforms.measuring.annotate:" in failure.pop("traceback")
    assert failure == {
        "id": document_id("web", "1"),
        "source": "web",
        "url": "http://x/1",
        "archive": "a.warc",
        "member": None,
        "offset": 1,
        "stage": "annotate",
        "error_type": "ValueError",
        "message": "cannot measure 'RAISE'",
    }


def test_one_annotator_that_raises_blanks_the_whole_row():
    annotators = [Length(), Length(name="second", raises_at="never")]
    (row,) = annotate_batch(documents_of("RAISE"), annotators).kept.to_pylist()
    assert row == {
        "id": document_id("web", "0"),
        "source": "web",
        "length.chars": None,
        "second.chars": None,
        IS_ANNOTATED: False,
    }


def test_batches_keep_their_addresses_and_shards_without_rows_their_piece(tmp_path):
    batches = [
        stamp(documents_of("one", "RAISE"), Address(0, 2, 0, is_last=True)),
        stamp(documents_of(), Address(1, 2, 0, is_last=True)),
    ]
    tables = run_transform(AnnotateDocuments(build_length), batches, tmp_path)
    assert tables["kept"].column("length.chars").to_pylist() == [3, None]
    assert tables["failed"].column("message").to_pylist() == ["cannot measure 'RAISE'"]
    assert tables["rejected"].num_rows == 0
    assert sorted(f.name[:11] for f in (tmp_path / "kept").iterdir()) == [
        "00000-00000",
        "00001-00000",
    ]
