import dataclasses

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.extraction import CodeFacts, Extraction, Structure
from extractors.routing import ExtractConfig
from extractors.sandbox import Failed, Ok, Rejected
from pipeline.records.address import Address, stamp
from pipeline.records.document import DOCUMENT_SCHEMA, validate_batch
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import merge_statistics
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.record_row import row, to_batch, unreadable
from pipeline.transforms.extract import (
    ExtractDocuments,
    summarize_documents,
    to_inputs,
    to_outcome,
)
from tests.support.beam import run_transform

OPTIONAL_TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=8)
EXTRACTIONS = st.builds(
    Extraction,
    text=st.text(st.characters(), max_size=20),  # lone surrogates too
    extractor=st.just("plain"),
    extractor_version=st.integers(1, 9),
    title=st.none() | st.text(st.characters(), max_size=4),
    media_type=OPTIONAL_TEXT,
    license=OPTIONAL_TEXT,
    structure=st.builds(Structure, formulas_found=st.none() | st.integers(0, 9)),
)
RESULTS = st.one_of(
    st.builds(Ok, EXTRACTIONS),
    st.builds(Rejected, st.sampled_from(["text.empty", "media_type.unsupported"]), OPTIONAL_TEXT),
    st.builds(Failed, st.sampled_from(["Crashed", "ValueError"]), st.text("ab"), st.none()),
    st.none(),
)


def records_of(results):
    """A record for each result; None makes one that could not be read."""
    return to_batch(
        [
            unreadable("web", "a.warc", offset=n, error_type="WarcRecordError", error_message="m")
            if result is None
            else row("web", "a.warc", offset=n, payload=b"x", url=f"http://x/{n}")
            for n, result in enumerate(results)
        ]
    )


@given(st.lists(RESULTS, max_size=12))
def test_every_record_becomes_exactly_one_row_of_one_table(results):
    records = records_of(results)
    outcome = to_outcome(records, results)
    ids = [i for table in outcome for i in table.column("id").to_pylist()]
    assert sorted(ids) == sorted(records.column("id").to_pylist())
    for table, schema in zip(
        outcome, (DOCUMENT_SCHEMA, REJECTION_SCHEMA, FAILURE_SCHEMA), strict=True
    ):
        validate_batch(table, schema)
    assert outcome.rejected.num_rows == sum(isinstance(result, Rejected) for result in results)


@given(st.lists(RESULTS, max_size=8), st.lists(RESULTS, max_size=8))
def test_where_a_batch_is_cut_changes_no_outcome(one, other):
    records = records_of([*one, *other])
    together = to_outcome(records, [*one, *other])
    apart = [
        to_outcome(records.slice(0, len(one)), one),
        to_outcome(records.slice(len(one)), other),
    ]
    for whole, *parts in zip(together, *apart, strict=True):
        assert whole.equals(pa.concat_batches(parts))


@given(st.lists(st.builds(Ok, EXTRACTIONS), max_size=8), st.integers(0, 8))
def test_statistics_of_documents_add_up_over_batches(results, cut):
    kept = to_outcome(records_of(results), results).kept
    parts = [kept.slice(0, cut), kept.slice(cut)]
    assert merge_statistics(map(summarize_documents, parts)) == summarize_documents(kept)


def test_statistics_count_characters_kinds_and_structure_by_source():
    texts = [
        Extraction(text="é" * 3, extractor="html", extractor_version=1, media_type="text/html")
    ]
    texts.append(dataclasses.replace(texts[0], structure=Structure(tables_found=2, tables_kept=1)))
    kept = to_outcome(records_of(texts), [Ok(text) for text in texts]).kept
    counted = summarize_documents(kept)["web"]
    assert (counted["documents"], counted["chars"]) == (2, 6)
    assert counted["media_types"] == {"text/html": 2}
    assert counted["structure"]["tables_found"] == 2
    assert counted["structure"]["tables_kept"] == 1
    assert counted["structure"]["posts_found"] == 0


def one_document(extraction, **record):
    records = to_batch([row("web", "a.warc", payload=b"x", offset=7, length=9, **record)])
    return to_outcome(records, [Ok(extraction)]).kept.to_pylist()[0]


TEXT = Extraction(text="t", extractor="html", extractor_version=3)


def test_a_document_keeps_where_it_came_from_and_says_what_extracted_it():
    document = one_document(TEXT, url="http://x/", license="MIT", media_type="text/html")
    assert document["provenance"] == {
        "archive": "a.warc",
        "member": None,
        "offset": 7,
        "length": 9,
        "extractor": "html",
        "extractor_version": 3,
    }
    assert (document["url"], document["license"], document["source"]) == ("http://x/", "MIT", "web")
    assert document["code"] is None
    assert document["lineage"] is None


@pytest.mark.parametrize(
    ("found", "declared", "expected"),
    [
        ("text/html", "text/plain", "text/html"),
        (None, "text/plain", "text/plain"),
        (None, None, "application/octet-stream"),
    ],
)
def test_what_an_input_was_recognised_as_goes_before_what_it_was_declared(
    found, declared, expected
):
    extraction = dataclasses.replace(TEXT, media_type=found)
    assert one_document(extraction, media_type=declared)["media_type"] == expected


def test_a_licence_the_input_states_goes_before_the_sources():
    assert one_document(dataclasses.replace(TEXT, license="CC0-1.0"), license="MIT")["license"] == (
        "CC0-1.0"
    )


def code_facts(license_class):
    return CodeFacts(
        language="Python",
        license_class=license_class,
        is_generated=False,
        is_vendored=False,
        is_minified=False,
        is_test=True,
    )


@pytest.mark.parametrize(
    ("found", "license_id", "expected"),
    [
        ("unknown", "MIT", "permissive"),
        ("unknown", None, "unknown"),
        ("copyleft", "MIT", "copyleft"),
    ],
)
def test_a_file_without_a_licence_of_its_own_has_the_class_of_its_sources(
    found, license_id, expected
):
    extraction = dataclasses.replace(TEXT, code=code_facts(found))
    code = one_document(extraction, license=license_id)["code"]
    assert (code["license_class"], code["language"], code["is_test"]) == (expected, "Python", True)


def test_rejections_and_failures_name_the_stage_and_the_reason():
    results = [Rejected("text.empty", "0 bytes"), Failed("Crashed", "signal 11", None), None]
    _, rejected, failed = to_outcome(records_of(results), results)
    (rejection,) = rejected.to_pylist()
    assert (rejection["stage"], rejection["reason"]) == ("extract", "extract.text.empty")
    assert rejection["broken_rules"] == [
        {"rule": "extract.text.empty", "column": None, "value": "0 bytes"}
    ]
    crashed, unread = failed.to_pylist()
    assert (crashed["stage"], crashed["error_type"], crashed["message"], crashed["url"]) == (
        "extract",
        "Crashed",
        "signal 11",
        "http://x/1",
    )
    assert (unread["stage"], unread["error_type"], unread["offset"]) == (
        "read",
        "WarcRecordError",
        2,
    )


def test_a_text_that_utf8_cannot_store_fails_alone():
    results = [Ok(TEXT), Ok(dataclasses.replace(TEXT, title="\ud800")), Ok(TEXT)]
    kept, _, failed = to_outcome(records_of(results), results)
    assert kept.num_rows == 2
    assert failed.column("error_type").to_pylist() == ["UnicodeEncodeError"]
    assert failed.column("message").to_pylist()[0].startswith("title holds half a surrogate pair")


def test_extractors_get_what_is_known_and_nothing_for_what_was_not_read():
    records = to_batch(
        [
            row(
                "s",
                "a.zip",
                member="b.py",
                payload=b"x",
                media_type="t/x",
                charset="utf-8",
                url="u",
            ),
            unreadable("s", "a.zip", error_type="E", error_message="m"),
            row("s", "c.html", payload=b""),
        ]
    )
    one, none, other = to_inputs(records)
    assert none is None
    assert (one.payload, one.path, one.media_type, one.charset, one.url) == (
        b"x",
        "b.py",
        "t/x",
        "utf-8",
        "u",
    )
    assert (other.payload, other.path, other.media_type) == (b"", "c.html", None)


def test_records_of_real_batches_are_extracted_in_a_sandbox(tmp_path):
    page = (
        b"<html><title>T</title><body><p>" + b"A paragraph of plain words. " * 20 + b"</p></body>"
    )
    batches = [
        stamp(
            to_batch(
                [
                    row("web", "a.warc", payload=page, offset=0, media_type="text/html"),
                    unreadable("web", "a.warc", offset=1, error_type="E", error_message="m"),
                    row("web", "a.warc", payload=b"", offset=2, media_type="text/html"),
                    row("web", "a.warc", payload=b"\x89PNG", offset=3, media_type="image/png"),
                ]
            ),
            Address(0, 2, 0, is_last=True),
        ),
        stamp(to_batch([]), Address(1, 2, 0, is_last=True)),
    ]
    tables = run_transform(ExtractDocuments(ExtractConfig()), batches, tmp_path)
    (document,) = tables["kept"].to_pylist()
    assert "A paragraph of plain words." in document["text"]
    assert tables["rejected"].column("reason").to_pylist() == [
        "extract.text.empty",
        "extract.media_type.unsupported",
    ]
    assert tables["failed"].column("offset").to_pylist() == [1]
