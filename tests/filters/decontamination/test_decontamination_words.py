import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.decontamination.kernels import WEAK_BIT
from filters.decontamination.words import hash_column, word_hashes
from tests.support.strategies import texts


def words(text: str) -> list[int]:
    return [int(one) for one in word_hashes(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Cat, sat.", "the cat sat"),
        ("$x^{2} + 1$", "\\(x^2+1\\)"),
        ("$\\dfrac{a}{b}$", "\\[\\frac{a}{b}\\]"),
        ("\\left( y \\right)", "(y)"),
        ("1,234 sheep", "1234 sheep"),
        ("it's so", "it\u2019s so"),
        ("na\u00efve caf\u00e9", "nai\u0308ve cafe\u0301"),
        ("\ufb01ne \ufb03x", "fine ffix"),
        ("\uff21\uff22\uff23 \uff11\uff12", "abc 12"),
        ("\U0001d465 = \U0001d7d9", "x = 1"),
        ("x_1", "x_{1}"),
        ("> quoted\n- item", "quoted\nitem"),
        ("soft\u00adware", "software"),
    ],
)
def test_spellings_of_the_same_words_are_equal(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12 sheep", "13 sheep"),
        ("a + b", "a - b"),
        ("x < 1", "x > 1"),
        ("1, 234", "1234"),
        ("\u4e2d\u6587", "\u6587\u4e2d"),
        ("x^2", "x2"),
    ],
)
def test_what_differs_in_meaning_stays_apart(one: str, other: str) -> None:
    assert words(one) != words(other)


def test_numbers_signs_and_single_letters_are_weak() -> None:
    hashes = word_hashes("42 + x \u00e9 word \u4e2d \u0416")
    assert (hashes & WEAK_BIT).astype(bool).tolist() == [True] * 4 + [False] * 3


def test_a_lone_surrogate_breaks_nothing() -> None:
    assert words("one \ud800 two") == words("one ? two")


@given(texts())
def test_the_case_of_ascii_letters_does_not_matter(text: str) -> None:
    assert words(text) == words("".join(one.lower() if one.isascii() else one for one in text))


LATIN = st.characters(max_codepoint=0x24F) | st.sampled_from("\u0301\u0308\u0327\u1e69\u1ea4")


@example("0-\u00c0", "NFD")
@given(st.text(LATIN), st.sampled_from(["NFC", "NFD"]))
def test_how_accents_are_composed_does_not_matter(text: str, form: str) -> None:
    assert words(text) == words(unicodedata.normalize(form, text))


@given(texts(), texts())
def test_a_column_is_hashed_like_its_texts(one: str, other: str) -> None:
    column = pa.array(["before", one, other, None], pa.large_string()).slice(1)
    hashes, ends = hash_column(column)
    assert hashes.tolist() == [*words(one), *words(other)]
    assert ends.tolist() == [len(words(one)), len(hashes), len(hashes)]


@given(texts(), texts())
def test_lines_have_the_words_of_their_parts(one: str, other: str) -> None:
    joined = word_hashes(f"{one}\n\n{other}")
    assert np.array_equal(joined, np.concatenate([word_hashes(one), word_hashes(other)]))
