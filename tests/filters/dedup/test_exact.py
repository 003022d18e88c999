import sys
import unicodedata

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.dedup.exact import normalise_text, text_key, text_keys

# Letters and what composes with them: marks of several classes, a jamo, signs of India.
COMPOSING = (
    "aeo\u00e9\u0301\u0323\u0345\u1100\u1161\u11a8\uac00"
    "\u0928\u093c\u094d\u09c7\u09be\u0e01\u0e34\u0e49"
)
OTHER = (
    "x \n\t\u00a0\u2000\u2003\u3000\x85\x1f\u4f60\u212b"
    "\U0001f600\U0001d15e\U00020000\U0002f800\U0010ffff"
)


def column(*texts: str) -> pa.Array:
    return pa.array(texts, pa.large_string())


def test_white_space_and_composition_do_not_count() -> None:
    composed = "caf\u00e9 au\u00a0lait\n\n\tpour  deux"
    decomposed = "  cafe\u0301 au lait pour deux\n"
    assert text_key(composed) == text_key(decomposed)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x\u00b2", "x2"),  # NFKC would merge these
        ("\u211d", "R"),
        ("Polish", "polish"),
        ("a+b", "a-b"),
        ("ab", "a b"),
    ],
)
def test_texts_that_mean_something_else_keep_their_own_key(left: str, right: str) -> None:
    assert text_key(left) != text_key(right)


def test_the_key_can_be_computed_by_any_tool() -> None:
    assert text_key(" Some\n text ") == xxhash.xxh3_128_digest(b"Some text")


@given(st.text())
def test_normal_form_is_a_fixed_point(text: str) -> None:
    once = normalise_text(text)
    assert normalise_text(once) == once


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_every_canonical_spelling_has_the_same_key(text: str) -> None:
    assert text_key(unicodedata.normalize("NFD", text)) == text_key(text)


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(
        st.text(alphabet=COMPOSING + OTHER, max_size=12)
        | st.text(alphabet=st.characters(codec="utf-8"), max_size=12),
        max_size=6,
    ),
    st.data(),
)
def test_keys_of_a_column_are_those_of_its_texts(texts: list[str], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(texts)))
    assert text_keys(column(*texts).slice(first)) == [text_key(text) for text in texts[first:]]


def test_keys_of_a_column_agree_for_every_code_point_beside_others() -> None:
    texts = [
        f"{before}{chr(code_point)}{after}"
        for code_point in range(0x20100)  # the tables end before
        if not 0xD800 <= code_point < 0xE000  # surrogates have no UTF-8
        for before, after in (("", ""), ("a ", " b"))
    ]
    assert text_keys(column(*texts)) == [text_key(text) for text in texts]


def test_every_composition_is_seen() -> None:
    texts = [
        unicodedata.normalize("NFD", chr(code_point))
        for code_point in range(sys.maxunicode + 1)
        if unicodedata.decomposition(chr(code_point)) or 0xAC00 <= code_point < 0xD7A4
    ]
    assert text_keys(column(*texts)) == [text_key(text) for text in texts]


def test_texts_longer_than_the_scratch_are_taken() -> None:
    texts = ["short", "long  " * 100_000, "", "\u00e9 " * 200_000, "e\u0301 " * 100_000, "last"]
    assert text_keys(column(*texts)) == [text_key(text) for text in texts]


def test_null_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        text_keys(pa.array(["a", None], pa.large_string()))
