from hypothesis import given

from filters.taggers.normalization import (
    MAX_TAGGED_CHARS,
    quality_words,
    topic_words,
    with_pairs,
)
from tests.support.strategies import texts


def test_only_folded_words_and_numbers_are_left() -> None:
    assert topic_words("# Caf\u00e9\n\n**\u00dcber** 3.5 x_1") == [
        "cafe",
        "uber",
        "0",
        "0",
        "x",
        "0",
    ]


def test_only_the_beginning_counts() -> None:
    text = "a " * MAX_TAGGED_CHARS
    assert topic_words(text + "b") == topic_words(text) == ["a"] * (MAX_TAGGED_CHARS // 2)


def test_quality_words_are_those_of_the_prose() -> None:
    text = "one $two$ three\n\n```\nfour\n```\n\nfive"
    assert quality_words(text) == ["one", "three", "five"]
    assert topic_words(text) == ["one", "two", "three", "four", "five"]


def test_pairs_follow_the_words() -> None:
    assert with_pairs(["a", "b", "c"]) == ["a", "b", "c", "a_b", "b_c"]
    assert with_pairs(["a"]) == ["a"]
    assert with_pairs([]) == []


@given(texts())
def test_tokens_fit_the_format_of_the_training_file(text: str) -> None:
    for token in with_pairs(topic_words(text)):
        assert token.replace("_", "").isascii()
        assert token.replace("_", "").isalnum()
