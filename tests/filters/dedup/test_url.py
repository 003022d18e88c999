import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.url import normalise_url, url_key

CANONICAL = "https://example.org/a/b?x=1&y=2"

SAME = [
    "http://example.org/a/b?x=1&y=2",
    "HTTPS://Example.ORG/a/b?x=1&y=2",
    "https://example.org:443/a/b?x=1&y=2",
    "http://example.org:80/a/b?x=1&y=2",
    "https://example.org./a/b?x=1&y=2",
    "https://user:secret@example.org/a/b?x=1&y=2",
    "https://example.org/a/b/?x=1&y=2",
    "https://example.org/a/b?x=1&y=2#section",
    "https://example.org/a/./c/../b?x=1&y=2",
    "https://example.org/%61/b?x=1&y=2",
    "https://example.org/a/b?y=2&x=1",
    "https://example.org/a/b?&x=1&&y=2&",
    "https://example.org/a/b?x=1&utm_source=feed&y=2&UTM_Medium=mail",
    "https://example.org/a/b?x=1&y=2&fbclid=IwAR0&gclid=1&_ga=2.1",
    "https://example.org/a/b;jsessionid=0A1B?x=1&y=2",
    "https://example.org/a/b?PHPSESSID=77&x=1&y=2",
    "  https://example.org/a/b?x=1&y=2\n",
]

DIFFERENT = [
    "https://www.example.org/a/b?x=1&y=2",
    "https://example.org:8080/a/b?x=1&y=2",
    "ftp://example.org/a/b?x=1&y=2",
    "https://example.org/A/b?x=1&y=2",
    "https://example.org/a//b?x=1&y=2",
    "https://example.org/a/b",
    "https://example.org/a/b?x=2&y=1",
    "https://example.org/a/b?x=1&x=2&y=2",
    # Parameters that courlan takes for trackers:
    "https://example.org/a/b?x=1&y=2&gallery=5",
    "https://example.org/a/b?x=1&y=2&game=2",
    "https://example.org/a/b?x=1&y=2&keyword=cat",
    "https://example.org/a/b?x=1&y=2&cid=88",
    "https://example.org/a/b?x=1&y=2&fbid=10150",
    "https://example.org/a/b?x=1&y=2&source=arxiv",
    "https://example.org/a/b?x=1&y=2&123",
]


@pytest.mark.parametrize("url", SAME)
def test_spellings_of_one_address_share_a_key(url: str) -> None:
    assert normalise_url(url) == normalise_url(CANONICAL)
    assert url_key(url) == url_key(CANONICAL)


@pytest.mark.parametrize("url", DIFFERENT)
def test_other_addresses_have_other_keys(url: str) -> None:
    assert url_key(url) != url_key(CANONICAL)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("http://m\u00fcller.de/\u00e4", "http://xn--mller-kva.de/%C3%A4"),
        ("http://example.org/%e4%bd%a0", "http://example.org/\u4f60"),
        ("http://example.org/~user", "http://example.org/%7Euser"),
        ("http://example.org/?q=a+b", "http://example.org/?q=a%20b"),
        ("http://example.org", "http://example.org/"),
        ("http://[::1]:80/x", "http://[::1]/x"),
    ],
)
def test_encodings_of_one_address_agree(left: str, right: str) -> None:
    assert normalise_url(left) == normalise_url(right)


def test_an_encoded_delimiter_is_not_the_delimiter() -> None:
    assert normalise_url("http://example.org/a%2Fb") != normalise_url("http://example.org/a/b")
    assert normalise_url("http://example.org/?a=1%262") != normalise_url(
        "http://example.org/?a=1&2"
    )


def test_normal_form_is_readable() -> None:
    assert normalise_url(CANONICAL) == "//example.org/a/b?x=1&y=2"
    assert normalise_url("ftp://Example.org/pub/") == "ftp://example.org/pub"


@pytest.mark.parametrize(
    "url",
    ["", "no address", "mailto:a@example.org", "/a/b", "http://", "http://example.org:99999/"],
)
def test_text_that_names_no_host_has_no_key(url: str) -> None:
    assert normalise_url(url) is None
    assert url_key(url) is None


def test_no_url_has_no_key() -> None:
    assert url_key(None) is None


@given(st.text())
def test_any_text_is_taken_without_an_exception(url: str) -> None:
    normalise_url(url)
    normalise_url(f"http://example.org/{url}")
    normalise_url(f"http://{url}")


@given(
    st.lists(
        st.sampled_from(["a=1", "b=2", "c", "d=%41", "e=%2f", "utm_id=3", "f=x y", "g=\u00e9"]),
        max_size=6,
    )
)
def test_normal_form_is_a_fixed_point(parameters: list[str]) -> None:
    once = normalise_url("http://Example.org/p/?" + "&".join(parameters))
    assert once is not None
    assert normalise_url("http:" + once) == once
