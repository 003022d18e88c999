"""What a page says of itself: title, language, date, canonical address and licence."""

import datetime as dt
import json
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from extractors.html.page import Page
from pipeline.storage.licenses import spdx_of_url

MAX_TITLE_CHARS = 500
FIRST_YEAR = 1990
"""No page is older than the web; earlier dates are a clock's zero."""

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:Z|[+-]\d\d:?\d\d)?)?"
)
DATE_METAS = (
    "article:published_time", "datepublished", "og:published_time", "date", "dc.date",
    "dc.date.issued", "dcterms.date", "dcterms.created", "citation_publication_date",
    "citation_date", "pubdate", "publishdate", "publish-date", "parsely-pub-date", "sailthru.date",
)  # fmt: skip
"""Names of dates of publication, best first; dates of change are left out."""

LICENSE_METAS = ("dc.rights", "dcterms.rights", "dcterms.license", "dc.license", "license")


@dataclass(frozen=True)
class Metadata:
    """Fields of ``Extraction``, None where the page is silent."""

    title: str | None
    declared_language: str | None
    published_at: str | None
    canonical_url: str | None
    license: str | None


def read(page: Page, url: str | None) -> Metadata:
    """The page's own statements; addresses are made absolute against ``url``."""
    metas: dict[str, str] = {}
    for attributes in page.metas:
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        content = (attributes.get("content") or "").strip()
        if name and content:
            metas.setdefault(name.strip().lower(), content)
        elif (attributes.get("http-equiv") or "").lower() == "content-language" and content:
            metas.setdefault("content-language", content)
    return Metadata(
        title=_title(page, metas),
        declared_language=_language(page, metas),
        published_at=_date(page, metas),
        canonical_url=_canonical_url(page, metas, url),
        license=_license(page, metas, url),
    )


def _title(page: Page, metas: dict[str, str]) -> str | None:
    for candidate in (metas.get("og:title"), page.title, page.heading):
        title = " ".join((candidate or "").split())
        if title:
            return title[:MAX_TITLE_CHARS]
    return None


def _language(page: Page, metas: dict[str, str]) -> str | None:
    for candidate in (page.language, metas.get("content-language"), metas.get("og:locale")):
        if match := LANGUAGE.match((candidate or "").strip()):
            return match.group().replace("_", "-")
    return None


def _date(page: Page, metas: dict[str, str]) -> str | None:
    stated = [_json_ld_value(text, "datePublished") for text in page.json_ld]
    stated += [metas.get(name) for name in DATE_METAS]
    stated += page.times[:1]
    for candidate in stated:
        if candidate and (date := _iso_date(candidate)):
            return date
    return None


def _iso_date(stated: str) -> str | None:
    """The ISO 8601 date or time that ``stated`` begins with; None when it is none."""
    match = DATE.match(stated.strip().replace("/", "-"))
    if match is None:
        return None
    try:
        date = dt.date(*(int(part) for part in match.groups()))
    except ValueError:
        return None
    return match.group().strip().replace(" ", "T", 1) if date.year >= FIRST_YEAR else None


def _json_ld_value(text: str, key: str) -> str | None:
    """The first string under ``key`` in a JSON-LD script, which is often not quite JSON."""
    match = re.search(rf'"{key}"\s*:\s*("(?:[^"\\]|\\.)*")', text)
    if match is None:
        return None
    try:
        value = json.loads(match.group(1), strict=False)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _canonical_url(page: Page, metas: dict[str, str], url: str | None) -> str | None:
    for attributes in page.links:
        if "canonical" in (attributes.get("rel") or "").lower().split():
            return _absolute(attributes.get("href"), url)
    return _absolute(metas.get("og:url"), url)


def _license(page: Page, metas: dict[str, str], url: str | None) -> str | None:
    addresses = [
        _absolute(attributes.get("href"), url)
        for attributes in page.links
        if "license" in (attributes.get("rel") or "").lower().split()
    ]
    addresses += [_json_ld_value(text, "license") for text in page.json_ld]
    addresses += [metas.get(name) for name in LICENSE_METAS]
    for address in addresses:
        if address and address.startswith(("http:", "https:")):
            return spdx_of_url(address)
    return None


def _absolute(address: str | None, url: str | None) -> str | None:
    if not address or not address.strip():
        return None
    try:
        absolute = urljoin(url or "", address.strip())
        return absolute if urlsplit(absolute).scheme in ("http", "https") else None
    except ValueError:
        return None
