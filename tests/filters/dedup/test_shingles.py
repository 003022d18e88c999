import re
from random import Random

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.dedup.config import ShingleUnit
from filters.dedup.shingle_kernels import MAX_WORD_BYTES
from filters.dedup.shingles import hash_shingles
from pipeline.compilation import compile_kernel

UNSPACED = r"\u0e01-\u0e3a\u0e40-\u0e4e\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\U00020000-\U0002a6df"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
TOKEN = re.compile(rf"{WORD.pattern}|[^\w\s]")
FORMAT = re.compile("[\u00ad\u200d\ufeff]")

ALPHABET = (
    "abcXYZ019_ \t\n.,;:!?'\"()[]{}$\\+-=<>"
    "\u00e4\u00c4\u00df\u00e9\u00b5\u03b1\u03a9\u0416\u0436\u05d0\u0627"  # letters of other scripts
    "\u201c\u2014\u2026\u2208\u20ac\u3001\u3002\uff01"  # punctuation and symbols
    "\u4f60\u597d\u3042\u30a2\u0e01\u0e34\u0e49\U00020000"  # unspaced scripts
    "\U0001d400\U0001f600"  # beyond the table: taken for letters
    "\u00a0\u2003\u3000\x1f\x85"  # white space
    "\u00ad\u200d\ufeff"  # format characters
)
UNITS = st.sampled_from(("words", "characters", "code"))


def units_of(text: str, unit: ShingleUnit) -> list[str]:
    """The rule of a unit again, by regular expression."""
    text = FORMAT.sub("", text)
    if unit == "characters":
        return [character.lower() for character in " ".join(text.split())]
    marked = text.replace("\U0001f600", "\U0001d400")  # an emoji counts as a letter
    pattern = WORD if unit == "words" else TOKEN
    found = [text[match.start() : match.end()] for match in pattern.finditer(marked)]
    return [word.lower() for word in found] if unit == "words" else found


def shingles_of(text: str, unit: ShingleUnit, size: int) -> list[str]:
    units = units_of(text, unit)
    joint = "" if unit == "characters" else " "
    return [joint.join(units[i : i + size]) for i in range(len(units) - size + 1)]


def hashes_of(text: str, size: int, unit: ShingleUnit = "words") -> list[int]:
    return [xxhash.xxh32_intdigest(shingle.encode()) for shingle in shingles_of(text, unit, size)]


def compute(
    texts: pa.Array, *, size: int = 5, unit: ShingleUnit = "words", block_shingles: int = 1 << 15
) -> list[list[int]]:
    rows: list[list[int]] = [[] for _ in range(len(texts))]
    blocks = hash_shingles(texts, unit=unit, size=size, block_shingles=block_shingles)
    for block in blocks:
        assert len(block.hashes) <= block_shingles
        begin = 0
        for i, end in enumerate(block.ends.tolist()):
            rows[block.first_row + i] += block.hashes[begin:end].tolist()
            begin = end
    return rows


def column(*texts: str) -> pa.Array:
    return pa.array(texts, pa.large_string())


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.text(alphabet=ALPHABET, max_size=60), max_size=5),
    UNITS,
    st.integers(1, 6),
    st.integers(1, 9),
)
def test_hashes_are_those_of_the_rule_of_the_unit_in_blocks_of_any_size(
    texts: list[str], unit: ShingleUnit, size: int, block_shingles: int
) -> None:
    expected = [hashes_of(text, size, unit) for text in texts]
    found = compute(column(*texts), unit=unit, size=size, block_shingles=block_shingles)
    assert found == expected


@pytest.mark.parametrize("unit", ["words", "characters", "code"])
@pytest.mark.parametrize("alphabet", ["ab \n", "ab (\u00e9 ", ALPHABET])
@pytest.mark.parametrize("size", [1, 3, 16, 21, 50])
def test_long_texts_are_hashed_in_many_steps_like_short_ones(
    unit: ShingleUnit, alphabet: str, size: int
) -> None:
    random = Random(f"{unit} {alphabet} {size}")
    texts = ["".join(random.choices(alphabet, k=length)) for length in (5000, 0, 1024, 1023, 3)]
    expected = [hashes_of(text, size, unit) for text in texts]
    for block_shingles in (1000, 1024, 1 << 15):
        found = compute(column(*texts), unit=unit, size=size, block_shingles=block_shingles)
        assert found == expected


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text(max_size=40), max_size=4), UNITS)
def test_any_text_is_taken(texts: list[str], unit: ShingleUnit) -> None:
    encoded = [text.encode("utf-8", "replace").decode() for text in texts]
    assert len(compute(pa.array(encoded, pa.string()), unit=unit)) == len(texts)


def test_shingle_is_lower_case_words_joined_by_single_spaces() -> None:
    text = "The  quick,\nBROWN fox\u2014jumps"
    assert compute(column(text)) == [[xxhash.xxh32_intdigest(b"the quick brown fox jumps")]]


def test_numbers_and_underscores_are_kept() -> None:
    assert compute(column("x_1 = 3.5"), size=3) == [
        [xxhash.xxh32_intdigest(b"x_1 3 5")],
    ]


def test_characters_are_lower_case_with_single_spaces_and_none_at_the_ends() -> None:
    assert compute(column("\n A\t\u00a0 B\u00e9. "), unit="characters", size=5) == [
        [xxhash.xxh32_intdigest("a b\u00e9.".encode())]
    ]


def test_a_shingle_of_characters_may_begin_or_end_with_a_space() -> None:
    expected = [xxhash.xxh32_intdigest(shingle) for shingle in (b"a ", b" b")]
    assert compute(column("a   b"), unit="characters", size=2, block_shingles=1) == [expected]


def test_tokens_of_code_keep_case_and_count_every_sign() -> None:
    text = 'if x_1 != "Yes":  # 3.5'
    tokens = ["if", "x_1", "!", "=", '"', "Yes", '"', ":", "#", "3", ".", "5"]
    assert compute(column(text), unit="code", size=12) == [
        [xxhash.xxh32_intdigest(" ".join(tokens).encode())]
    ]


def test_white_space_between_tokens_of_code_does_not_count() -> None:
    one_way = "def f(a, b):\n\treturn a+b\n"
    other = "def f( a,b ) :\r\n    return a + b"
    rows = compute(column(one_way, other), unit="code", size=3)
    assert rows[0] == rows[1] != []


def test_every_code_point_of_an_unspaced_script_is_a_word() -> None:
    expected = [xxhash.xxh32_intdigest(s.encode()) for s in ("\u4f60 \u597d", "\u597d abc")]
    assert compute(column("\u4f60\u597d\u3002abc"), size=2) == [expected]


def test_soft_hyphens_and_joiners_do_not_split_words() -> None:
    assert compute(column("de\u00addupli\u200dcate"), size=1) == [
        [xxhash.xxh32_intdigest(b"deduplicate")]
    ]


def test_combining_marks_stay_with_their_word() -> None:
    assert compute(column("cafe\u0301"), size=1) == [
        [xxhash.xxh32_intdigest("cafe\u0301".encode())]
    ]


def test_an_endless_word_is_cut_at_code_points() -> None:
    run = "\u00e9" * (MAX_WORD_BYTES + 1)  # two bytes each
    pieces = ["\u00e9" * (MAX_WORD_BYTES // 2)] * 2 + ["\u00e9"]
    for block_shingles in (1, 2, 100):
        assert compute(column(run), size=1, block_shingles=block_shingles) == [
            [xxhash.xxh32_intdigest(piece.encode()) for piece in pieces]
        ]
    ascii_run = compute(column("a" * (MAX_WORD_BYTES + 1)), size=2)
    assert ascii_run == [[xxhash.xxh32_intdigest(b"a" * MAX_WORD_BYTES + b" a")]]


def test_a_slice_is_read_at_its_offset() -> None:
    texts = column("one two", "three four", "five six seven", "eight")
    assert compute(texts.slice(1, 2), size=2) == [
        hashes_of("three four", 2),
        hashes_of("five six seven", 2),
    ]


def test_fewer_words_than_a_shingle_give_none() -> None:
    assert compute(column("one two three four", "", " \n")) == [[], [], []]


def test_null_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        compute(pa.array(["a", None], pa.large_string()))


def test_kernel_runs_where_nothing_can_be_cached() -> None:
    namespace: dict[str, object] = {}
    exec("def total(values):\n    return values.sum()", namespace)  # noqa: S102 - code without a file
    total = namespace["total"]
    assert callable(total)
    assert compile_kernel(total)(np.arange(5)) == 10
