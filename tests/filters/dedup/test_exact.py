import unicodedata

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.exact import normalise_text, text_key


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
