import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors import plain
from extractors.extraction import NotADocumentError


@pytest.mark.parametrize(
    ("payload", "charset", "expected"),
    [
        (b"one\ntwo\n", None, "one\ntwo\n"),
        (b"one\r\ntwo\rthree", None, "one\ntwo\nthree"),
        (b"\xef\xbb\xbftext", None, "text"),
        ("na\u00efve".encode("cp1252"), "windows-1252", "na\u00efve"),
        ("na\u00efve".encode(), "windows-1252", "na\u00efve"),
        ("text".encode("utf-16"), None, "text"),
        (b"a" * 100 + b"\0" + b"b", None, "a" * 100 + "b"),
        (b"  indented\n\n\n", None, "  indented\n\n\n"),
    ],
)
def test_text_keeps_everything_but_its_encoding_and_line_ends(
    payload: bytes, charset: str | None, expected: str
) -> None:
    found = plain.extract(payload, charset=charset)
    assert found.text == expected
    assert found.media_type == "text/plain"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "text.empty"),
        (b" \r\n\t", "text.empty"),
        (b"\xef\xbb\xbf\n", "text.empty"),
        (bytes(range(256)) * 4, "text.binary"),
    ],
)
def test_what_holds_no_text_is_judged_so(payload: bytes, reason: str) -> None:
    with pytest.raises(NotADocumentError) as caught:
        plain.extract(payload)
    assert caught.value.reason == reason


@given(st.binary(max_size=300), st.none() | st.sampled_from(["utf-8", "gbk", "utf-16", "no-such"]))
def test_any_bytes_are_text_or_judged(payload: bytes, charset: str | None) -> None:
    try:
        text = plain.extract(payload, charset=charset).text
    except NotADocumentError:
        return
    assert text.strip()
    assert not {"\0", "\r"} & set(text)
    text.encode()
