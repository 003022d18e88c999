"""What WARC records become: payloads, metadata, and what is no document."""

import gzip
import zlib
from datetime import UTC, datetime

import pytest

from pipeline.records.document import document_id
from pipeline.storage.warc import CONVERSIONS
from tests.pipeline.storage.warc_files import lying, plain, read, response, warc, zipped

PACKINGS = pytest.mark.parametrize("pack", [zipped, plain])


def chunked(body, size=7):
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


@PACKINGS
def test_a_response_becomes_its_payload_with_what_its_headers_state(pack):
    first = pack(response(b"one", url="http://x/1"))
    data = first + pack(
        response(b"two", headers=[b"Content-Type: application/pdf"], url="<http://y/>")
    )
    one, two = read(data)
    assert (one.payload, one.url, one.media_type, one.charset) == (
        b"one",
        "http://x/1",
        "text/html",
        "utf-8",
    )
    assert (two.payload, two.url, two.media_type, two.charset) == (
        b"two",
        "http://y/",
        "application/pdf",
        None,
    )
    assert one.fetched_at == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (one.offset, two.offset) == (0, len(first))
    assert two.id == document_id("s", f"a.warc\0\0{len(first)}")


@PACKINGS
def test_records_that_hold_no_document_are_counted_by_type(pack):
    data = pack(
        warc("warcinfo", b"software: x", content_type="application/warc-fields"),
        warc("request", b"GET / HTTP/1.1\r\n\r\n", content_type="application/http"),
        response(b"page"),
        warc("metadata", b"a: b", content_type="application/warc-fields"),
        warc("request", b"GET / HTTP/1.1\r\n\r\n", content_type="application/http"),
        warc("conversion", b"text", content_type="text/plain"),
    )
    ignored = {"warc.request": 10}
    assert [row.payload for row in read(data, ignored=ignored)] == [b"page"]
    assert ignored == {
        "warc.warcinfo": 1,
        "warc.request": 12,
        "warc.metadata": 1,
        "warc.conversion": 1,
    }


@PACKINGS
def test_wet_files_give_their_conversions(pack):
    data = pack(
        warc("warcinfo", b"", content_type="application/warc-fields"),
        warc("conversion", "Grüße".encode(), content_type="text/plain", url="http://x/"),
        warc("conversion", b"", content_type="text/plain; charset=utf-8", url="http://y/"),
    )
    ignored = {}
    one, two = read(data, types=CONVERSIONS, ignored=ignored)
    assert (one.payload, one.media_type, one.url) == ("Grüße".encode(), "text/plain", "http://x/")
    assert (two.payload, two.media_type, two.url) == (b"", "text/plain", "http://y/")
    assert ignored == {"warc.warcinfo": 1}


def test_resources_are_documents_of_their_own_content_type():
    (row,) = read(zipped(warc("resource", b"%PDF", content_type="application/pdf")))
    assert (row.payload, row.media_type) == (b"%PDF", "application/pdf")


BODY = b"<p>" + b"mathematics " * 20 + b"</p>"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], BODY),
        ([b"Transfer-Encoding: chunked"], chunked(BODY)),
        ([b"Content-Encoding: gzip"], gzip.compress(BODY)),
        ([b"Content-Encoding: deflate"], zlib.compress(BODY)),
        ([b"Content-Encoding: gzip", b"Transfer-Encoding: chunked"], chunked(gzip.compress(BODY))),
        ([b"Content-Encoding: identity"], BODY),
        ([b"X-Crawl-Content-Encoding: gzip"], BODY),
    ],
    ids=[
        "bare",
        "chunked",
        "gzip",
        "deflate",
        "chunked gzip",
        "identity",
        "decoded by the crawler",
    ],
)
@PACKINGS
def test_the_encodings_of_http_are_undone(pack, headers, body):
    (row,) = read(pack(response(body, headers=[b"Content-Type: text/html", *headers])))
    assert row.payload == BODY


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"Content-Encoding: gzip", BODY),
        (b"Content-Encoding: br", BODY),
        (b"Transfer-Encoding: chunked", BODY),
        (b"Transfer-Encoding: chunked", chunked(BODY)[:-20]),
    ],
    ids=["no gzip", "no brotli", "no chunks", "chunks cut short"],
)
@PACKINGS
def test_a_payload_that_is_not_encoded_as_it_says_fails_alone(pack, header, body):
    data = pack(response(b"one"), response(body, headers=[header]), response(b"two"))
    one, broken, two = read(data)
    assert (one.payload, two.payload) == (b"one", b"two")
    assert (broken.payload, broken.error_type, broken.url) == (
        None,
        "HttpPayloadError",
        "http://x/",
    )


@PACKINGS
def test_a_record_over_the_limit_is_unreadable_and_the_next_is_read(pack):
    data = pack(response(b"one"), response(b"x" * 5000, url="http://big/"), response(b"two"))
    one, large, two = read(data, limit=4096)
    assert (one.payload, two.payload) == (b"one", b"two")
    assert (large.error_type, large.url) == ("RecordTooLargeError", "http://big/")
    assert large.error_message == f"{5000 + 59} bytes, limit 4096"


@PACKINGS
def test_an_oversized_record_of_a_type_that_is_ignored_is_only_counted(pack):
    data = pack(warc("metadata", b"x" * 5000, content_type="text/plain"), response(b"two"))
    ignored = {}
    assert [row.payload for row in read(data, limit=4096, ignored=ignored)] == [b"two"]
    assert ignored == {"warc.metadata": 1}


@PACKINGS
def test_a_header_of_many_kilobytes_hides_no_record(pack):
    url = "http://x/" + "y" * 30_000
    data = pack(response(b"one"), response(b"two", url=url), response(b"three", url=url))
    first = len(pack(response(b"one")))
    assert [row.payload for row in read(data)] == [b"one", b"two", b"three"]
    assert [row.payload for row in read(data, 0, 1)] == [b"one"]
    assert [row.url for row in read(data, first)] == [url, url]


@PACKINGS
def test_a_length_that_fastwarc_overlooks_makes_a_record_unreadable_not_empty(pack):
    record = response(b"one").replace(b"Content-Length", b"content-length")
    assert [row.payload for row in read(pack(record, response(b"two")))] == [None, b"two"]


def test_bytes_of_a_url_that_are_no_utf8_are_replaced():
    record = response(b"one", url="http://x/CAFE").replace(b"CAFE", b"caf\xe9")
    (row,) = read(zipped(record))
    assert row.url == "http://x/caf\ufffd"


def test_an_empty_file_holds_no_record():
    assert read(b"") == []


def test_several_records_in_one_gzip_member_are_refused_with_the_remedy():
    data = gzip.compress(plain(*[response(b"x" * 100) for _ in range(4)]))
    (row,) = read(data)
    assert (row.offset, row.error_type) == (0, "WarcRecordError")
    assert row.error_message == "a gzip member holds several records; compress each one alone"
    slices = [*read(data, 0, 50), *read(data, 50, 100), *read(data, 100)]
    assert [row.offset for row in slices] == [0]


def test_a_first_record_over_the_limit_is_not_taken_for_several():
    data = zipped(response(b"x" * 200_000), response(b"two"))
    assert [row.error_type for row in read(data, limit=1000)] == ["RecordTooLargeError", None]


def test_a_first_record_that_claims_too_little_is_not_taken_for_several():
    data = zipped(lying(-5), response(b"two"))
    assert [row.payload for row in read(data)] == [None, b"two"]
