"""Bytes to text, whatever was declared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractors.charset import decode, is_binary, make_sound

CHINESE = "\u4e2d\u6587\u7f51\u9875\u6d4b\u8bd5\u5185\u5bb9" * 3
JAPANESE = "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3067\u3059" * 3
KOREAN = "\ud55c\uad6d\uc5b4 \ud14d\uc2a4\ud2b8\uc785\ub2c8\ub2e4 " * 3
RUSSIAN = "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u043a\u0430\u043a " * 3


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(CHINESE, "gbk"), (JAPANESE, "shift_jis"), (KOREAN, "euc-kr"), (RUSSIAN, "koi8-r")],
)
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_legacy_encoding_is_believed_or_guessed(
    text: str, encoding: str, *, is_declared: bool
) -> None:
    assert decode(text.encode(encoding), declared=encoding if is_declared else None) == text


@pytest.mark.parametrize("declared", ["iso-8859-1", "gbk", "nonsense", "idna", "undefined", ""])
def test_utf_8_is_recognised_whatever_was_declared(declared: str) -> None:
    assert decode(CHINESE.encode(), declared=declared) == CHINESE


def test_truncated_utf_8_loses_one_character() -> None:
    assert decode(CHINESE.encode()[:-1], declared="gbk") == CHINESE[:-1] + "\ufffd"


def test_a_byte_order_mark_decides_and_is_dropped() -> None:
    assert decode(b"\xff\xfe" + RUSSIAN.encode("utf-16-le"), declared="koi8-r") == RUSSIAN
    assert decode(b"\xef\xbb\xbfabc") == "abc"


def test_a_meta_charset_counts_in_html_only() -> None:
    payload = b'<meta charset="windows-1251">' + "\u044f".encode("cp1251") * 3
    assert decode(payload, is_html=True).endswith("\u044f\u044f\u044f")


def test_a_stateful_encoding_is_not_taken_for_ascii() -> None:
    assert decode(JAPANESE.encode("iso-2022-jp"), declared="iso-2022-jp") == JAPANESE


def test_sound_text_holds_neither_nul_nor_half_a_character() -> None:
    assert make_sound("a\0b\ud800c") == "ab\ufffdc"


def test_pictures_are_binary_and_text_is_not() -> None:
    assert is_binary(bytes(range(256)) * 8)
    assert not is_binary(b"text\twith\x1b[1m colours\n" * 9)
    assert not is_binary(b"a\0b")
    assert not is_binary(b"\xff\xfe" + "text".encode("utf-16-le"))
    assert not is_binary("text".encode("utf-16-le"), declared="utf-16le")


@given(st.binary(max_size=300), st.sampled_from([None, "utf-16", "gbk", "iso-2022-jp", "x"]))
def test_any_bytes_become_text_that_can_be_stored(payload: bytes, declared: str | None) -> None:
    text = decode(payload, declared=declared, is_html=True)
    assert text.encode().decode() == text
    assert "\0" not in text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_utf_8_is_read_back(text: str) -> None:
    assert decode(text.encode()) == text
