import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SchemaError
from pipeline.records.document import DOCUMENT_SCHEMA, document_id, validate_batch
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.record import RECORD_SCHEMA
from pipeline.records.rejection import REJECTION_SCHEMA

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("words", pa.int32())])


def two_rows(schema=SCHEMA):
    return pa.RecordBatch.from_pylist([{"id": "a", "words": 1}, {"id": "b"}], schema=schema)


def test_ids_of_an_earlier_release_still_hold():
    # Ids are in every table on disk and in every sample drawn by them: they may never change.
    assert document_id("crawl", "a.warc.gz\x00\x0017") == "9f7df5e9552d848bf95281d3c67e80ea"
    assert document_id("", "") == "7025e075d5e2f6cde3cc051a31f07660"


@given(st.text(), st.text())
def test_an_id_is_32_hex_characters_and_the_same_each_time(source, locator):
    assert re.fullmatch("[0-9a-f]{32}", document_id(source, locator))
    assert document_id(source, locator) == document_id(source, locator)


@given(st.tuples(st.text("ab"), st.text("ab")), st.tuples(st.text("ab"), st.text("ab")))
def test_ids_differ_where_source_or_locator_differs(one, other):
    assert (document_id(*one) == document_id(*other)) == (one == other)


def test_a_matching_batch_is_returned_as_is():
    rows = two_rows()
    assert validate_batch(rows, SCHEMA) is rows


def test_metadata_is_no_difference():
    rows = two_rows().replace_schema_metadata({"address": "1"})
    assert validate_batch(rows, SCHEMA) is rows


@pytest.mark.parametrize(
    "wrong",
    [
        pa.schema([SCHEMA.field("id")]),
        pa.schema([SCHEMA.field("words"), SCHEMA.field("id")]),
        SCHEMA.append(pa.field("extra", pa.string())),
        SCHEMA.set(1, pa.field("words", pa.int64())),
        SCHEMA.set(0, pa.field("id", pa.string(), nullable=True)),
    ],
    ids=["missing", "reordered", "added", "other type", "other nullability"],
)
def test_other_columns_are_refused_and_both_schemas_shown(wrong):
    with pytest.raises(SchemaError) as refused:
        validate_batch(pa.RecordBatch.from_pylist([{"id": "a"}], schema=wrong), SCHEMA)
    assert str(SCHEMA) in str(refused.value)
    assert str(wrong) in str(refused.value)


def test_nulls_where_none_are_allowed_are_refused():
    rows = pa.record_batch([pa.array(["a", None]), pa.array([1, 2], pa.int32())], schema=SCHEMA)
    with pytest.raises(SchemaError, match="'id' holds 1 nulls"):
        validate_batch(rows, SCHEMA)


@pytest.mark.parametrize(
    "schema", [DOCUMENT_SCHEMA, RECORD_SCHEMA, REJECTION_SCHEMA, FAILURE_SCHEMA]
)
def test_every_table_can_be_traced_to_its_input(schema):
    required = {"id", "source"}
    assert required <= {field.name for field in schema if not field.nullable}
    archive = schema.field("provenance" if "provenance" in schema.names else "archive")
    assert not archive.nullable
