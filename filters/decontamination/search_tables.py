"""What the search reads for each word of a document: an index's grams, turned into tables."""

from dataclasses import dataclass

import numpy as np

from filters.decontamination.index import Index
from filters.decontamination.kernels import (
    STRONG_MASK,
    Flags,
    Float32Array,
    Int32Array,
    Int64Array,
    UInt64Array,
    build_table,
)

MAX_GRAM_UNITS = 24
"""A gram of more units tells nothing: it is how questions are put, or plain English. It is searched
for only on behalf of units that have little else, and counts little when a unit is judged."""

MIN_TELLING_WORDS = 2
"""Words of a telling gram that are no numbers, signs or letters."""

MIN_SEARCHED_GRAMS = 3
"""Grams searched for on behalf of each unit that has so many, however many others have them too: an
item that is made of template text is found where all of it stands."""

MAX_TEMPLATE_UNITS = 400
"""A gram of more units is not searched for even then: a document would name all those units."""

CANDIDATE_SHARE = 0.45
"""Share of a unit's searched grams that makes it worth a look in a document."""

BLOOM_BITS_PER_GRAM = 12


@dataclass(frozen=True, eq=False)
class SearchTables:
    """Tables over the searched grams; of every gram of the index its weight, and if it is telling.

    The weight is the inverse document frequency ln((U + 1) / n) of a gram that n of U units have,
    over its greatest value, ln(U + 1): so 1 is a gram of one unit, whatever else is in the index.
    Outside code it is lessened by the share of weak words, as others have the same formulas.
    """

    slots: UInt64Array
    numbers: Int32Array
    bloom: UInt64Array
    posting_offsets: Int32Array
    postings: Int32Array
    needed_hits: Int32Array  # by unit
    weights: Float32Array  # by place; 0 for weak grams but of code
    is_telling: Flags  # by place

    @classmethod
    def build(cls, index: Index, *, max_needed_hits: int) -> "SearchTables":
        """Tables in which ``max_needed_hits`` searched grams always make a unit a candidate."""
        num_units = len(index.units)
        unit_of = np.repeat(np.arange(num_units, dtype=np.int64), np.diff(index.ends, prepend=0))
        keys, inverse = _number_distinct(index.grams)
        # One row for each unit and gram, unit by unit, the rarest grams first.
        pairs = np.sort(unit_of << 32 | inverse)
        pairs = pairs[np.diff(pairs, prepend=-1) != 0]
        unit_of_pair, gram_of_pair = pairs >> 32, pairs & 0xFFFFFFFF
        units_of_gram = np.bincount(gram_of_pair, minlength=len(keys))
        frequency = units_of_gram[gram_of_pair]
        order = np.lexsort((frequency, unit_of_pair))
        unit_of_pair, gram_of_pair = unit_of_pair[order], gram_of_pair[order]
        frequency = frequency[order]
        firsts = np.searchsorted(unit_of_pair, np.arange(num_units))
        rank = np.arange(len(order)) - firsts[unit_of_pair]
        is_searched = (frequency <= MAX_GRAM_UNITS) | (
            (rank < MIN_SEARCHED_GRAMS) & (frequency <= MAX_TEMPLATE_UNITS)
        )
        searched, number = np.unique(gram_of_pair[is_searched], return_inverse=True)
        by_gram = np.argsort(number, kind="stable")
        postings = unit_of_pair[is_searched][by_gram].astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=len(searched)))])
        per_unit = np.bincount(postings, minlength=num_units)
        per_unit = np.minimum(per_unit, _stem_grams(index, per_unit))
        needed = np.clip(np.ceil(CANDIDATE_SHARE * per_unit), 1, max_needed_hits)
        weights = np.log((num_units + 1) / units_of_gram) / np.log(num_units + 1)
        strong_words = index.grams & STRONG_MASK
        is_code = np.array([index.items[unit.item].is_code for unit in index.units], np.bool_)
        strong_shares = np.where(is_code[unit_of], 1, strong_words / float(STRONG_MASK))
        size = 1 << max(4, int(2 * len(searched)).bit_length())
        bits = 1 << max(10, int(BLOOM_BITS_PER_GRAM * len(searched)).bit_length())
        return cls(
            *build_table(keys[searched], size, bits),
            offsets.astype(np.int32),
            postings,
            needed.astype(np.int32),
            (weights[inverse] * strong_shares).astype(np.float32),
            (strong_words >= MIN_TELLING_WORDS) & (units_of_gram[inverse] <= MAX_GRAM_UNITS),
        )


def _number_distinct(grams: UInt64Array) -> tuple[UInt64Array, Int64Array]:
    """The different grams in order, and the number of each gram among them.

    ``np.unique`` does the same through a hash table that misses the cache for each of millions.
    """
    order = np.argsort(grams, kind="stable")
    ordered = grams[order]
    is_first = np.ones(len(grams), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    numbers = np.empty(len(grams), np.int64)
    numbers[order] = np.cumsum(is_first) - 1
    return ordered[is_first], numbers


def _stem_grams(index: Index, per_unit: Int64Array) -> Int64Array:
    """Searched grams of each unit that stand in its stem, supposing them spread evenly over it."""
    shares = [
        index.items[unit.item].stem_words / unit.num_words
        if index.items[unit.item].stem_words and not unit.is_answer
        else 1.0
        for unit in index.units
    ]
    grams: Int64Array = np.maximum(1, per_unit * np.array(shares)).astype(np.int64)
    return grams
