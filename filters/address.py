"""The address annotator: where a document comes from, and which blocklist holds it.

Documents in; host, registered domain, depth of the path and the blocklist's name out, all null for
a document without an address that names a host. No list is shipped: the usual ones (UT1's of the
University of Toulouse, which FineWeb applies, arXiv 2406.17557) have licences of their own and
change every day.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from filters.rowwise import batch_of_rows
from filters.word_lists import WordList, read_lists, version_of

COLUMNS = pa.schema(
    [
        pa.field("host", pa.string()),  # lower case, without port and user
        pa.field("domain", pa.string()),  # registered, by the public suffix list; null for an IP
        pa.field("path_depth", pa.int32()),  # parts of the path that are not empty
        pa.field("blocklist", pa.string()),  # the first, in the recipe's order; null: none
    ]
)

_WORD = re.compile(r"[^\W_]+")


class Blocklist(BaseModel):
    """Files of a list: one entry a line, # begins a comment, plain or gzip."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    domains: list[str] = Field(
        default_factory=list,
        description="Files of domains, which hold their subdomains, or of addresses without their "
        "scheme, such as example.org/forum, which hold all below",
    )
    words: list[str] = Field(
        default_factory=list,
        description="Files of words; an address is held that has one between its signs",
    )


class AddressConfig(BaseModel):
    """Settings of the address annotator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    blocklists: dict[str, Blocklist] = Field(
        default_factory=dict, description="Lists by the name that address.blocklist gives"
    )


class AddressAnnotator:
    """Looks at each document's address."""

    name = "address"
    columns = COLUMNS

    def __init__(self, config: AddressConfig) -> None:
        """Read the lists; ConfigError when one can't be read or is empty."""
        self._domains: dict[str, frozenset[str]] = {}
        self._words: dict[str, frozenset[str]] = {}
        read: list[WordList] = []
        for name, one in config.blocklists.items():
            place = f"annotate.address.blocklists.{name}"
            domains = read_lists(one.domains, field=f"{place}.domains")
            words = read_lists(one.words, field=f"{place}.words")
            self._domains[name] = frozenset(map(_bare, domains.entries))
            self._words[name] = frozenset(words.entries)
            read += [domains, words]
        self.version = version_of(*read)

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        rows = [self._row(url) for url in documents.column("url").to_pylist()]
        return batch_of_rows(rows, COLUMNS)

    def _row(self, url: str | None) -> tuple[str | None, str | None, int | None, str | None]:
        host, path = _split(url or "")
        if not host:
            return None, None, None, None
        depth = sum(1 for part in path.split("/") if part)
        return host, registered_domain(host), depth, self._blocklist(host, path)

    def _blocklist(self, host: str, path: str) -> str | None:
        if not self._domains:
            return None
        places = set(_places(host, path))
        words = {word.lower() for word in _WORD.findall(f"{host} {path}")}
        for name, domains in self._domains.items():
            if not (places.isdisjoint(domains) and words.isdisjoint(self._words[name])):
                return name
        return None


@lru_cache(maxsize=1 << 16)
def registered_domain(host: str) -> str | None:
    """The part of ``host`` that someone registered, such as ``bbc.co.uk``; None for an IP."""
    from tld import get_fld

    domain: str | None = get_fld(f"//{host}", fix_protocol=True, fail_silently=True)
    return domain


def _split(url: str) -> tuple[str, str]:
    """Host in lower case without its last dot, and path; two empty texts where there is no host."""
    try:
        parsed = urlsplit(url.strip())
        return (parsed.hostname or "").rstrip("."), parsed.path
    except ValueError:  # brackets that hold no address
        return "", ""


def _places(host: str, path: str) -> Iterator[str]:
    """The host, the domains above it, and each of them with the beginnings of the path."""
    labels = host.split(".")
    domains = [".".join(labels[at:]) for at in range(len(labels))]
    yield from domains
    beginning = ""
    for part in path.lower().split("/"):
        if part:
            beginning += f"/{part}"
            yield from (f"{domain}{beginning}" for domain in domains[:2])


def _bare(entry: str) -> str:
    """An entry without scheme, ``www.`` and the slash at its end."""
    return re.sub(r"^(?:https?:)?//", "", entry).removeprefix("www.").rstrip("/")
