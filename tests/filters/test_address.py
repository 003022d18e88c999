"""Addresses are taken apart, and looked up in the lists of the recipe."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from filters.address import AddressAnnotator, AddressConfig, Blocklist
from pipeline.errors import ConfigError
from tests.support.document_rows import documents_of


def rows(urls: list[str | None], **lists: Blocklist) -> list[dict[str, object]]:
    documents = documents_of(*(["text"] * len(urls)))
    place = documents.schema.get_field_index("url")
    documents = documents.set_column(place, documents.field(place), pa.array(urls, pa.string()))
    annotator = AddressAnnotator(AddressConfig(blocklists=lists))
    made: list[dict[str, object]] = annotator.annotate(documents).to_pylist()
    return made


@pytest.mark.parametrize(
    ("url", "host", "domain", "depth"),
    [
        ("https://News.BBC.co.uk:443/a/b/?q=1", "news.bbc.co.uk", "bbc.co.uk", 2),
        ("http://user@example.org./", "example.org", "example.org", 0),
        ("http://192.0.2.7/x", "192.0.2.7", None, 1),
        ("http://[2001:db8::1]/", "2001:db8::1", None, 0),
    ],
)
def test_an_address_is_taken_apart(url: str, host: str, domain: str | None, depth: int) -> None:
    (row,) = rows([url])
    assert row == {"host": host, "domain": domain, "path_depth": depth, "blocklist": None}


def test_what_names_no_host_has_no_measures() -> None:
    for row in rows([None, "", "no address", "file:///etc/x", "http://[broken"]):
        assert set(row.values()) == {None}


def test_a_domain_holds_its_subdomains_and_an_address_what_is_below(tmp_path: Path) -> None:
    path = tmp_path / "list.txt.gz"
    path.write_bytes(gzip.compress(b"# a list\nbad.org\nhttps://www.mixed.net/forum/ # this\n"))
    bad = Blocklist(domains=[str(path)])
    urls = {
        "http://bad.org/": "bad",
        "https://www.a.bad.org/x": "bad",
        "http://notbad.org/": None,
        "http://bad.org.uk/": None,
        "http://mixed.net/forum/1": "bad",
        "http://www.mixed.net/Forum": "bad",
        "http://mixed.net/": None,
        "http://mixed.net/forums": None,
    }
    found = rows(list(urls), bad=bad)
    assert {url: row["blocklist"] for url, row in zip(urls, found, strict=True)} == urls


def test_a_word_is_found_between_signs_only_and_the_first_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("Casino\n")
    (tmp_path / "domains").write_text("b.org\n")
    first = Blocklist(words=[str(tmp_path / "words")])
    second = Blocklist(domains=[str(tmp_path / "domains")])
    urls = [
        "http://a.org/best-CASINO/",
        "http://casino.b.org/",
        "http://a.org/casinos",
        "http://b.org/",
    ]
    found = [row["blocklist"] for row in rows(urls, gambling=first, other=second)]
    assert found == ["gambling", "gambling", None, "other"]


def test_other_lists_are_another_version(tmp_path: Path) -> None:
    path = tmp_path / "list"
    config = AddressConfig(blocklists={"bad": Blocklist(domains=[str(path)])})
    path.write_text("a.org\n")
    first = AddressAnnotator(config).version
    path.write_text("a.org\nb.org\n")
    assert AddressAnnotator(config).version != first


def test_a_list_that_is_missing_empty_or_no_text_is_refused(tmp_path: Path) -> None:
    def build(name: str) -> None:
        AddressAnnotator(
            AddressConfig(blocklists={"bad": Blocklist(domains=[str(tmp_path / name)])})
        )

    with pytest.raises(ConfigError, match=r"blocklists\.bad\.domains: no file is named"):
        build("missing")
    (tmp_path / "empty").write_text("# nothing\n\n")
    with pytest.raises(ConfigError, match="no entry"):
        build("empty")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="cannot read the list"):
        build("bytes")
