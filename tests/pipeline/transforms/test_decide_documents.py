import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.rule import Rule
from pipeline.errors import InvariantError, SchemaError
from pipeline.records.document import DOCUMENT_SCHEMA, validate_batch
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms.annotate import IS_ANNOTATED, annotate_batch, measures_schema
from pipeline.transforms.decide import (
    KEPT_SCHEMA,
    DecideDocuments,
    decide_batch,
    join_measures,
)
from tests.pipeline.transforms.measuring import Length, documents_of
from tests.support.beam import run_transform

SHORT = Rule(column="length.chars", min=3)
LONG = Rule(column="length.chars", max=5)
TEXTS = st.lists(st.sampled_from(["", "ab", "abc", "abcde", "abcdef", "RAISE"]), max_size=10)
RULES = st.lists(
    st.builds(
        lambda low, span, null: Rule(
            column="length.chars", min=low, max=low + span, when_null=null
        ),
        st.integers(0, 4),
        st.integers(0, 4),
        st.sampled_from(["keep", "reject"]),
    ),
    max_size=3,
)


def joined(*texts, first=0):
    """Documents with their measures and row numbers, as the transform reads them."""
    batch = documents_of(*texts, first=first)
    measures = annotate_batch(batch, [Length()]).kept
    table = join_measures([batch.select(["id", "source", "url", "provenance"]), measures])
    rows = pa.array(range(first, first + len(texts)), pa.int64())
    return table.append_column("document_row", rows)


@given(TEXTS, RULES)
def test_every_annotated_row_is_kept_or_rejected_once(texts, rules):
    batch = joined(*texts)
    kept, rejected, failed = decide_batch(batch, rules)
    annotated = [row for row, ok in enumerate(batch.column(IS_ANNOTATED).to_pylist()) if ok]
    kept_rows = kept.column("row").to_pylist()
    rejected_rows = rejected.column("offset").to_pylist()
    assert sorted(kept_rows + rejected_rows) == annotated
    assert failed.num_rows == 0
    lengths = {row: len(texts[row]) for row in annotated}
    assert kept_rows == [
        row for row in annotated if all(r.min <= lengths[row] <= r.max for r in rules)
    ]
    validate_batch(kept, KEPT_SCHEMA)
    validate_batch(rejected, REJECTION_SCHEMA)


@given(TEXTS, TEXTS, RULES)
def test_where_a_batch_is_cut_changes_no_decision(one, other, rules):
    together = decide_batch(joined(*one, *other), rules)
    apart = [decide_batch(part, rules) for part in (joined(*one), joined(*other, first=len(one)))]
    for whole, *parts in zip(together, *apart, strict=True):
        assert whole.equals(pa.concat_batches(parts))


def test_a_rejection_says_which_rules_were_broken_and_where_the_document_lies():
    batch = joined("abc", "abcdefg", "a")
    _, rejected, _ = decide_batch(batch, [SHORT, LONG, Rule(column="length.chars", min=2)])
    long, short = rejected.to_pylist()
    assert (long["reason"], short["reason"]) == ("length.chars.too_high", "length.chars.too_low")
    assert (
        short["broken_rules"]
        == [{"rule": "length.chars.too_low", "column": "length.chars", "value": "1"}] * 2
    )
    assert {name: long[name] for name in ("url", "archive", "member", "offset", "stage")} == {
        "url": "http://x/1",
        "archive": "a.warc",
        "member": None,
        "offset": 1,
        "stage": "decide",
    }


def write(folder, output, shard, batches, schema):
    writer = TableWriter(folder.table(output, shard, len(SHARDS)), schema)
    for batch in batches:
        writer.write(batch)
    writer.close()


SHARDS = [["abc"] * 600 + ["RAISE", "a"], [], ["abcdefg"]]


def stored(tmp_path, *, measured=SHARDS):
    """Documents and their measures in shards; ``measured`` may be of other texts."""
    folder = StageFolder(str(tmp_path / "stage"))
    for shard, texts in enumerate(SHARDS):
        batch = documents_of(*texts)
        measures = annotate_batch(documents_of(*measured[shard]), [Length()]).kept
        write(folder, "documents", shard, [batch], DOCUMENT_SCHEMA)
        pieces = [measures.slice(0, 100), measures.slice(100)]
        write(folder, "measures", shard, pieces, measures_schema([Length()]))
    return folder


def decide_stored(folder, tmp_path, rules):
    transform = DecideDocuments(
        documents=(folder, "documents"),
        sidecars=((folder, "measures"),),
        num_shards=len(SHARDS),
        rules=rules,
    )
    return run_transform(transform, range(len(SHARDS)), tmp_path / "out")


def test_rows_are_numbered_within_their_shard_over_all_its_batches(tmp_path):
    tables = decide_stored(stored(tmp_path), tmp_path, [SHORT, LONG])
    assert tables["kept"].column("row").to_pylist() == list(range(600))
    assert tables["rejected"].column("reason").to_pylist() == [
        "length.chars.too_low",
        "length.chars.too_high",
    ]
    assert tables["rejected"].column("offset").to_pylist() == [601, 0]
    assert tables["failed"].num_rows == 0


def test_without_rules_every_annotated_row_is_kept(tmp_path):
    tables = decide_stored(stored(tmp_path), tmp_path, [])
    assert tables["kept"].num_rows == 602
    assert tables["rejected"].num_rows == 0


def test_a_null_that_no_rule_explains_stops_the_run():
    rules = [Rule(column="length.chars", min=1)]
    table = joined("abc").set_column(4, "length.chars", pa.nulls(1, pa.int32()))
    with pytest.raises(SchemaError, match=r"length\.chars is null for 1 rows"):
        decide_batch(table, rules)


def test_measures_of_other_documents_stop_the_run(tmp_path):
    swapped = [["x"] * 602, [], ["y"]]
    folder = stored(tmp_path, measured=swapped)
    measures = annotate_batch(documents_of("y", first=7), [Length()]).kept
    write(folder, "measures", 2, [measures], measures_schema([Length()]))
    with pytest.raises(InvariantError, match="does not belong to these documents: its ids differ"):
        decide_stored(folder, tmp_path, [SHORT])


def test_fewer_measures_than_documents_stop_the_run(tmp_path):
    folder = stored(tmp_path, measured=[["x"] * 601, [], ["y"]])
    with pytest.raises(SchemaError, match="differ in rows"):
        decide_stored(folder, tmp_path, [SHORT])
