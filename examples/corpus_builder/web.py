"""Writes `web/` and `wet/`: crawl files made of the chosen pages and of what real crawls add.

Page bodies are the packages' own bytes. HTTP headers are plausible, not captured; dates are fixed.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from corpus_builder import warc
from corpus_builder.archives import PackageFiles
from corpus_builder.packages import POSTGRESQL_DOC, SCIPY_DOC, SQLITE_DOC
from corpus_builder.pages import GENERAL, MATHEMATICS, Page, PageSet, select_pages

_FIRST_CRAWL = datetime(2024, 5, 18, 2, 0, tzinfo=UTC)
_SECOND_CRAWL = datetime(2024, 6, 22, 14, 0, tzinfo=UTC)
_INTERVAL = timedelta(seconds=3)

URL_VARIANTS = (
    # (address of a page above, the same page's other address)
    (
        "https://docs.python.org/3.11/tutorial/classes.html",
        "http://docs.python.org/3.11/tutorial/classes.html",
    ),
    (
        "https://docs.python.org/3.11/faq/design.html",
        "https://docs.python.org/3.11/faq/design.html?utm_source=newsletter&utm_medium=email",
    ),
    ("https://docs.python.org/3.11/index.html", "https://docs.python.org/3.11/"),
    (
        "https://docs.python.org/3.11/library/math.html",
        "https://docs.python.org/3.11/library/math.html?highlight=gcd",
    ),
    ("https://www.sqlite.org/faq.html", "https://www.sqlite.org/faq.html?gclid=EAIaIQobChMI"),
    ("https://www.sqlite.org/whentouse.html", "http://sqlite.org/whentouse.html"),
    ("https://www.sqlite.org/testing.html", "https://WWW.SQLITE.ORG/testing.html"),
    (
        "https://docs.djangoproject.com/en/3.2/intro/overview/",
        "https://docs.djangoproject.com/en/3.2/intro/overview",
    ),
    (
        "https://www.postgresql.org/docs/15/mvcc-intro.html",
        "https://www.postgresql.org:443/docs/15/mvcc-intro.html",
    ),
    (
        "https://httpd.apache.org/docs/2.4/ja/logs.html",
        "https://httpd.apache.org/docs/2.4/ja/logs.html?fbclid=IwAR0",
    ),
    ("https://go.dev/ref/mem", "https://go.dev/ref/mem/"),
)
"""Addresses that name a page already present: scheme, tracking parameter, port, case, slash."""

MIRRORED = (
    "https://docs.scipy.org/doc/scipy-1.10.1/tutorial/fft.html",
    "https://docs.scipy.org/doc/scipy-1.10.1/tutorial/integrate.html",
    "https://docs.scipy.org/doc/scipy-1.10.1/tutorial/linalg.html",
    "https://docs.scipy.org/doc/scipy-1.10.1/tutorial/interpolate/1D.html",
)
"""Pages whose exact copy also stands at `/doc/scipy/`: exact duplicates under another address."""

WET_ONLY = PageSet(
    package=POSTGRESQL_DOC,
    root="usr/share/doc/postgresql-doc-15/html/",
    url="https://www.postgresql.org/docs/15/{path}",
    pattern=r"(arrays|charset|collation|ddl-(basics|constraints|partitioning)|dml[\w-]*|history"
    r"|how-parallel-query-works|libpq-connect|plpgsql-(control-structures|overview)|sql-select"
    r"|routine-vacuuming|wal-(intro|reliability))\.html",
    purpose="plain text of pages that are in no WARC",
)


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One line of `licenses.csv`: a record's address and where its content comes from."""

    file: str
    url: str
    date: datetime
    package: str
    license: str
    purpose: str


def write_web(files: PackageFiles, corpus: Path) -> None:
    """Write both WARCs, the WET and the licence listing of their records."""
    mathematics = list(select_pages(files, MATHEMATICS))
    general = list(select_pages(files, GENERAL))
    captures = [
        *_write_mathematics(files, mathematics, corpus / "web" / "mathematics.warc.gz"),
        *_write_general(general, corpus / "web" / "general.warc.gz"),
        *_write_wet(files, mathematics, corpus / "wet" / "pages.warc.wet.gz"),
    ]
    with (corpus / "web" / "licenses.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "url", "fetched_at", "package", "license", "purpose"])
        for capture in captures:
            writer.writerow(
                [
                    capture.file,
                    capture.url,
                    capture.date.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    capture.package,
                    capture.license,
                    capture.purpose,
                ]
            )


def _write_mathematics(files: PackageFiles, pages: list[Page], path: Path) -> Iterator[Capture]:
    """Responses only, as single-purpose crawls write them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    by_url = {page.url: page for page in pages}
    copies = [
        replace(
            by_url[url], url=url.replace("/scipy-1.10.1/", "/scipy/"), purpose="exact duplicate"
        )
        for url in MIRRORED
    ]
    root = "usr/share/doc/python-scipy-doc/html/_static/"
    others = [
        _asset(files, root + "pygments.css", "text/css"),
        _asset(files, root + "plus.png", "image/png"),
    ]
    with path.open("wb") as stream:
        stream.write(_opening(path.name, "Mathematics, statistics, physics and astronomy"))
        for page, date in _visits([*pages, *copies, *others], _FIRST_CRAWL):
            stream.write(warc.gzip_member(_response(page, date, path.name)))
            yield _capture(path, page, date)


def _write_general(pages: list[Page], path: Path) -> Iterator[Capture]:
    """Requests and responses, a second visit to some pages, and answers that are no page."""
    by_url = {page.url: page for page in pages}
    variants = [
        replace(by_url[url], url=other, purpose=f"URL duplicate of {url}")
        for url, other in URL_VARIANTS
    ]
    seen = {}
    with path.open("wb") as stream:
        stream.write(_opening(path.name, "Programming, databases, languages"))
        for page, date in _visits(pages, _FIRST_CRAWL + timedelta(days=4)):
            seen[page.url] = date
            request = warc.request(url=page.url, date=date, filename=path.name)
            stream.write(warc.gzip_member(request))
            stream.write(warc.gzip_member(_response(page, date, path.name)))
            yield _capture(path, page, date)
        for page, date in _visits(variants, _SECOND_CRAWL):
            stream.write(warc.gzip_member(_response(page, date, path.name)))
            yield _capture(path, page, date)
        end = _SECOND_CRAWL + len(variants) * _INTERVAL
        for record, capture in _odd_records(by_url, seen, end, path):
            stream.write(warc.gzip_member(record))
            yield capture


def _odd_records(
    by_url: dict[str, Page], seen: dict[str, datetime], start: datetime, path: Path
) -> Iterator[tuple[bytes, Capture]]:
    """Answers that hold no page, or whose body must be decoded first."""
    name = path.name
    own = Page(
        url="https://www.sqlite.org/no-such-page.html",
        body=b"<html><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>",
        modified_seconds=int(start.timestamp()),
        content_type="text/html",
        package=SQLITE_DOC,
        purpose="HTTP 404; the body is the script's own",
    )
    message = warc.http_message("404 Not Found", {"Content-Type": "text/html"}, own.body)
    yield _odd(own, start, message, path)

    moved = replace(own, url="https://www.sqlite.org/index", body=b"", purpose="HTTP 301, no body")
    headers = {"Location": "https://www.sqlite.org/index.html", "Content-Length": "0"}
    message = warc.http_message("301 Moved Permanently", headers, b"")
    yield _odd(moved, start + _INTERVAL, message, path)

    page = by_url["https://www.sqlite.org/howtocorrupt.html"]
    purpose = "body kept as sent: Content-Encoding gzip"
    page = replace(page, url=page.url + "?as=gzip", purpose=purpose)
    date = start + 2 * _INTERVAL
    sent = warc.gzip_member(page.body)
    headers = _headers(page, date, len(sent)) | {"Content-Encoding": "gzip"}
    yield _odd(page, date, warc.http_message("200 OK", headers, sent), path)

    page = by_url["https://www.sqlite.org/isolation.html"]
    purpose = "body kept as sent: Transfer-Encoding chunked"
    page = replace(page, url=page.url + "?as=chunked", purpose=purpose)
    date = start + 3 * _INTERVAL
    headers = _headers(page, date, 0) | {"Transfer-Encoding": "chunked"}
    del headers["Content-Length"]
    chunks = [page.body[first : first + 4096] for first in range(0, len(page.body), 4096)]
    sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    yield _odd(page, date, warc.http_message("200 OK", headers, sent), path)

    page = by_url["https://www.sqlite.org/about.html"]
    page = replace(page, purpose="revisit record: unchanged since the first visit, no payload")
    date = start + 4 * _INTERVAL
    record = warc.revisit(
        url=page.url, date=date, first_date=seen[page.url], body=page.body, filename=name
    )
    yield record, _capture(path, page, date)


def _odd(page: Page, date: datetime, message: bytes, path: Path) -> tuple[bytes, Capture]:
    record = warc.response(
        url=page.url, date=date, message=message, body=page.body, filename=path.name
    )
    return record, _capture(path, page, date)


def _write_wet(files: PackageFiles, pages: list[Page], path: Path) -> Iterator[Capture]:
    """Plain text of pages that are in no WARC, and of a few that are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = [*select_pages(files, (WET_ONLY,))]
    chosen += [page for page in pages if "/tutorial/interpolate/" in page.url]
    with path.open("wb") as stream:
        stream.write(_opening(path.name, "Plain text of pages"))
        for page, date in _visits(chosen, _FIRST_CRAWL + timedelta(days=9)):
            text = extract_plain_text(page.body.decode("utf-8"), main_content=False)
            record = warc.conversion(
                url=page.url, date=date, text=text, language="eng", filename=path.name
            )
            stream.write(warc.gzip_member(record))
            yield _capture(path, page, date)


def _visits(pages: list[Page], start: datetime) -> Iterator[tuple[Page, datetime]]:
    """Pages in an order that mixes sites, as a polite crawler visits them, each with its time."""
    order = sorted(pages, key=lambda page: hashlib.sha256(page.url.encode()).digest())
    for number, page in enumerate(order):
        yield page, start + number * _INTERVAL


def _opening(filename: str, description: str) -> bytes:
    info = warc.warcinfo(filename=filename, date=_FIRST_CRAWL, description=description)
    return warc.gzip_member(info)


def _headers(page: Page, date: datetime, length_bytes: int) -> dict[str, str]:
    return {
        "Date": warc.http_date(date.timestamp()),
        "Server": "nginx",
        "Content-Type": page.content_type,
        "Content-Length": str(length_bytes),
        "Last-Modified": warc.http_date(page.modified_seconds),
        "Connection": "keep-alive",
    }


def _response(page: Page, date: datetime, filename: str) -> bytes:
    message = warc.http_message("200 OK", _headers(page, date, len(page.body)), page.body)
    return warc.response(
        url=page.url, date=date, message=message, body=page.body, filename=filename
    )


def _asset(files: PackageFiles, path: str, content_type: str) -> Page:
    relative = path.removeprefix("usr/share/doc/python-scipy-doc/html/")
    return Page(
        url=f"https://docs.scipy.org/doc/scipy-1.10.1/{relative}",
        body=files.read_one(SCIPY_DOC, path),
        modified_seconds=int(_FIRST_CRAWL.timestamp()),
        content_type=content_type,
        package=SCIPY_DOC,
        purpose="not a page",
    )


def _capture(path: Path, page: Page, date: datetime) -> Capture:
    return Capture(
        file=f"{path.parent.name}/{path.name}",
        url=page.url,
        date=date,
        package=page.package.label,
        license=page.package.license,
        purpose=page.purpose,
    )
