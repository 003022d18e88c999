import sys
import unicodedata

import pytest

from filters.dedup.code_points import LATER_FORMAT_CHARACTERS, WHITE_SPACE, code_point_tables
from filters.dedup.config import ShingleUnit
from filters.dedup.shingle_kernels import BMP_END, DROPPED, SEPARATOR, SINGLE, WORD


def characters_of(unit: ShingleUnit, kind: int) -> set[str]:
    classes, _ = code_point_tables(unit)
    return {chr(code_point) for code_point in (classes == kind).nonzero()[0].tolist()}


def test_white_space_is_what_str_split_takes_for_it() -> None:
    everything = map(chr, range(sys.maxunicode + 1))
    assert "".join(character for character in everything if character.isspace()) == WHITE_SPACE


def test_what_became_a_format_character_later_is_one() -> None:
    assert {unicodedata.category(character) for character in LATER_FORMAT_CHARACTERS} == {"Cf"}


@pytest.mark.parametrize("unit", ["characters", "code"])
def test_white_space_alone_separates_characters_and_tokens(unit: ShingleUnit) -> None:
    assert characters_of(unit, SEPARATOR) == set(WHITE_SPACE)
    assert characters_of(unit, DROPPED) >= set("\ufeff\u00ad\u200b\u200d")


def test_every_kept_character_is_a_unit() -> None:
    assert characters_of("characters", WORD) == set()


def test_words_of_code_are_words_of_text() -> None:
    assert characters_of("code", WORD) == characters_of("words", WORD)
    assert characters_of("code", SINGLE) >= characters_of("words", SINGLE) | set("'\"{}()+-=<>#;.")


def test_code_keeps_its_case_and_text_does_not() -> None:
    for unit in ("words", "characters"):
        assert code_point_tables(unit)[1][ord("\u00c4")] == ord("\u00e4")
    assert code_point_tables("code")[1].tolist() == list(range(BMP_END))
