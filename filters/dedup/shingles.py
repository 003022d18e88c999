"""Texts -> hashes of their shingles, on the Arrow buffer, in blocks of bounded size.

A shingle is ``size`` consecutive units, and its hash is ``xxh32`` of its UTF-8 bytes with seed 0,
so any tool can compute it again. The unit is one of three:

``words``
    A word is a run of letters, digits, marks and underscores, in lower case. Scripts that put no
    space between words (Chinese, Japanese, Thai, Lao, Khmer, Myanmar and kin) have no such runs,
    so each of their code points is a word. A run longer than ``MAX_WORD_BYTES`` is cut.
    Everything else separates words, except format characters (soft hyphen, joiners), which are
    dropped. Words are joined by single spaces. Digits are kept as they are: templated problems
    differ in nothing else.

``code``
    Words by the same rule, but in the case they have, and every other code point that is neither
    white space nor a format character: a quote, a bracket, a sign of an operator. ``x += 3.5`` is
    the tokens ``x + = 3 . 5``: no grammar is needed, so comments and strings are tokens like the
    rest, and white space between tokens never counts, be it indentation or ``a+b`` for ``a + b``.
    Tokens are joined by single spaces.

``characters``
    A character is a code point, in lower case; a run of white space is one space, and none at
    either end of the text. Format characters are dropped. Characters are not joined by anything.

Lower case, classes of code points and white space: ``code_points``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filters.dedup.code_points import code_point_tables
from filters.dedup.config import ShingleUnit
from filters.dedup.shingle_kernels import Bytes, Hashes, Offsets, hash_block

BLOCK_SHINGLES = 1 << 15
"""Hashes of one block: 128 KiB stay in the second-level cache between hashing and signing."""


@dataclass(frozen=True)
class ShingleBlock:
    """Hashes of consecutive rows' shingles.

    The hashes of row ``first_row + i`` are ``hashes[ends[i - 1]:ends[i]]`` (from 0 for the first).
    The last row of a block may go on in the next block, under its own number again. The arrays
    are overwritten when the next block is asked for.
    """

    first_row: int
    hashes: Hashes
    ends: Offsets


def hash_shingles(
    texts: pa.Array, *, unit: ShingleUnit, size: int, block_shingles: int = BLOCK_SHINGLES
) -> Iterator[ShingleBlock]:
    """Hash every shingle of every text, in reading order, repeats included.

    Memory beside the texts is that of one block, however long a text is. A text of fewer than
    ``size`` units has no shingle. Raises ValueError when a text is null.
    """
    offsets, data = utf8_buffers(texts)
    classes, replacements = code_point_tables(unit)
    hashes = np.empty(block_shingles, np.uint32)
    ends = np.empty(len(texts), np.int64)
    position = np.array([0, offsets[0]], np.int64)
    is_joined = unit != "characters"
    while position[0] < len(texts):
        first_row = int(position[0])
        rows = hash_block(
            data, offsets, position, size, is_joined, classes, replacements, hashes, ends
        )
        yield ShingleBlock(first_row, hashes[: ends[rows - 1]], ends[:rows])


def utf8_buffers(texts: pa.Array) -> tuple[Offsets, Bytes]:
    """Offsets, shape (texts + 1,), and UTF-8 bytes of a column of texts, without a copy.

    Raises ValueError when a text is null.
    """
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null, none may be")
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    return (
        np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1],
        np.frombuffer(data if data is not None else b"", np.uint8),
    )
