import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.dedup.config import ShingleUnit
from filters.dedup.minhash import draw_permutations, estimate_jaccard, sign

TEXTS = st.lists(st.text(alphabet="abc ", max_size=40), min_size=1, max_size=5)


def column(*texts: str) -> pa.Array:
    return pa.array(texts, pa.large_string())


def datasketch_signature(
    text: str, *, permutations: int, seed: int, shingle_words: int
) -> list[int]:
    sketch = MinHash(permutations, seed=seed, scheme="affine32", hashfunc=xxhash.xxh32_intdigest)
    words = text.split()
    for i in range(len(words) - shingle_words + 1):
        sketch.update(" ".join(words[i : i + shingle_words]).encode())
    return list(sketch.hashvalues)


@settings(deadline=None)  # the first call compiles
@given(TEXTS, st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_signatures_equal_those_of_datasketch(
    texts: list[str], permutations: int, seed: int, shingle_words: int
) -> None:
    drawn = draw_permutations(permutations, seed=seed)
    signatures, _ = sign(column(*texts), permutations=drawn, unit="words", size=shingle_words)
    for text, signature in zip(texts, signatures, strict=True):
        assert signature.tolist() == datasketch_signature(
            text, permutations=permutations, seed=seed, shingle_words=shingle_words
        )


@settings(deadline=None)  # the first call compiles
@given(TEXTS, st.integers(1, 7))
def test_blocks_change_nothing(texts: list[str], block_shingles: int) -> None:
    drawn = draw_permutations(16, seed=1)
    whole = sign(column(*texts), permutations=drawn, unit="words", size=2)
    parts = sign(
        column(*texts), permutations=drawn, unit="words", size=2, block_shingles=block_shingles
    )
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])


def test_a_text_longer_than_many_tiles_equals_datasketch() -> None:
    random = np.random.default_rng(7)
    text = " ".join(f"w{i}" for i in random.integers(0, 3000, 40_000))
    drawn = draw_permutations(112, seed=1)
    signatures, num_shingles = sign(column("short", text), permutations=drawn, unit="words", size=5)
    assert num_shingles.tolist() == [0, 39_996]
    assert signatures[1].tolist() == datasketch_signature(
        text, permutations=112, seed=1, shingle_words=5
    )


def test_a_text_without_shingles_has_the_signature_of_the_empty_set() -> None:
    signatures, num_shingles = sign(
        column("two words"), permutations=draw_permutations(16, seed=1), unit="words", size=5
    )
    assert num_shingles.tolist() == [0]
    assert signatures.tolist() == [[2**32 - 1] * 16]


@pytest.mark.parametrize(
    ("unit", "shingles"),
    [
        ("words", ["minhash for x", "for x 1"]),
        (
            "characters",
            [
                "min",
                "inh",
                "nha",
                "has",
                "ash",
                "sh ",
                "h f",
                " fo",
                "for",
                "or ",
                "r (",
                " (x",
                "(x+",
                "x+1",
                "+1)",
            ],
        ),
        ("code", ["MinHash for (", "for ( x", "( x +", "x + 1", "+ 1 )"]),
    ],
)
def test_shingles_of_every_unit_can_be_signed_with_datasketch_again(
    unit: ShingleUnit, shingles: list[str]
) -> None:
    theirs = MinHash(112, seed=1, scheme="affine32", hashfunc=xxhash.xxh32_intdigest)
    theirs.update_batch([shingle.encode() for shingle in shingles])
    ours, num_shingles = sign(
        column(" MinHash for (x+1)"),
        permutations=draw_permutations(112, seed=1),
        unit=unit,
        size=3,
    )
    assert num_shingles.tolist() == [len(shingles)]
    assert ours[0].tolist() == theirs.hashvalues.tolist()


def test_the_example_of_datasketch_gives_its_estimate() -> None:
    # https://ekzhu.com/datasketch/minhash.html
    left = (
        "minhash is a probabilistic data structure for estimating the similarity between datasets"
    )
    right = (
        "minhash is a probability data structure for estimating the similarity between documents"
    )
    theirs = [
        MinHash(128, scheme="affine32", hashfunc=xxhash.xxh32_intdigest) for _ in (left, right)
    ]
    for sketch, text in zip(theirs, (left, right), strict=True):
        sketch.update_batch([word.encode() for word in text.split()])
    signatures, _ = sign(
        column(left, right), permutations=draw_permutations(128, seed=1), unit="words", size=1
    )
    np.testing.assert_array_equal(signatures, [sketch.hashvalues for sketch in theirs])
    assert estimate_jaccard(signatures[:1], signatures[1:]) == [theirs[0].jaccard(theirs[1])]


@pytest.mark.parametrize("shared", [0, 300, 800, 900, 1000])
def test_estimate_is_within_four_standard_deviations(shared: int) -> None:
    left = [f"w{i}" for i in range(1000)]
    right = left[:shared] + [f"v{i}" for i in range(1000 - shared)]
    jaccard = shared / (2000 - shared)
    signatures, _ = sign(
        column(" ".join(left), " ".join(right)),
        permutations=draw_permutations(1024, seed=3),
        unit="words",
        size=1,
    )
    estimate = estimate_jaccard(signatures[:1], signatures[1:])[0]
    deviation = (jaccard * (1 - jaccard) / 1024) ** 0.5
    assert abs(estimate - jaccard) <= 4 * deviation
