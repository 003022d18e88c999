import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.words import _PLAIN_TEXT, _PLAIN_WORD, _word, has_word, tokens, words
from tests.support.strategies import texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("... -- !?", []),
        ("It's state-of-the-art.", ["It's", "state-of-the-art"]),
        ("don\u2019t x_y co-", ["don\u2019t", "x", "y", "co"]),
        ("cafe\u0301 na\u00efve", ["cafe\u0301", "na\u00efve"]),
        (  # Hindi: the vowel signs belong to the word
            "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
            ["\u0928\u092e\u0938\u094d\u0924\u0947", "\u0926\u0941\u0928\u093f\u092f\u093e"],
        ),
        (  # Chinese: pieces of two, begun anew after punctuation
            "\u4e2d\u6587\u7684\u3002\u6587\u5b57",
            ["\u4e2d\u6587", "\u7684", "\u6587\u5b57"],
        ),
        (  # Thai: pieces of four characters, marks included
            "\u0e1b\u0e23\u0e30\u0e40\u0e17\u0e28\u0e44\u0e17\u0e22",
            ["\u0e1b\u0e23\u0e30\u0e40", "\u0e17\u0e28\u0e44\u0e17", "\u0e22"],
        ),
        ("\ud55c\uad6d\uc5b4 \ub2e8\uc5b4", ["\ud55c\uad6d\uc5b4", "\ub2e8\uc5b4"]),
        ("PDF\u4e2d\u6587", ["PDF", "\u4e2d\u6587"]),
    ],
)
def test_words_of_many_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(texts())
def test_has_word_agrees_with_words(text: str) -> None:
    assert has_word(text) == bool(words(text))


@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0x2BFF)))
def test_the_faster_pattern_finds_the_same_words(text: str) -> None:
    plain = "".join(_PLAIN_TEXT.findall(text))
    assert _PLAIN_WORD.findall(plain) == _word().findall(plain)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't! It's I'll you\u2019re", "Do n't ! It 's I 'll you \u2019re"),
        ("well-known mother-in-law", "well - known mother - in - law"),
        ("3.5 10,000 1/2 11:30pm", "3.5 10,000 1/2 11:30pm"),
        ("Dr. J. Smith, e.g. in U.S. courts.", "Dr. J. Smith , e.g. in U.S. courts ."),
        ("end... of -- it \u2026", "end ... of -- it \u2026"),
        ("at example.org or http://a.b/c?d=1", "at example.org or http://a.b/c?d=1"),
        ("the end.Next line", "the end . Next line"),
        ("o'clock rock'n'roll", "o'clock rock'n'roll"),
        ("#tag 5% $3 (a)", "# tag 5 % $ 3 ( a )"),
        ("\u4e2d\u6587\u7684\u3002a-b", "\u4e2d\u6587 \u7684 \u3002 a-b"),
    ],
)
def test_tokens_are_cut_as_prose_is(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


@given(texts())
def test_tokens_hold_everything_but_blanks_and_marks(text: str) -> None:
    found = "".join(tokens(text))
    assert not any(character.isspace() for character in found)
    assert [c for c in found if c.isalnum()] == [c for c in text if c.isalnum()]


@given(texts(), texts())
def test_tokens_of_texts_with_a_blank_between_are_those_of_both(one: str, other: str) -> None:
    assert tokens(f"{one} {other}") == tokens(one) + tokens(other)
