"""The kernels of decontamination: bytes -> hashes of words -> grams -> units that a text may hold.

A *unit* is a benchmark item's question or answer; a *gram* is GRAM_WORDS consecutive words. They
stand in one module because numba's cache watches no other file (``compilation``).
"""

import numpy as np
import numpy.typing as npt

from pipeline.compilation import compile_kernel

GRAM_WORDS = 4
"""Words of a gram. An edited word spoils as many grams, and no more: short ones leave an edited
question recognisable. (decon, github.com/allenai/decon, has 5 tokens of a BPE vocabulary.)"""

SEPARATOR, WORD, SINGLE, DROPPED = range(4)
"""Classes of code points, as ``filters.dedup.code_points`` makes their tables."""

BMP_END = 0x10000
ALPHANUMERICS = range(0x1D400, 0x1D800)
"""Mathematical letters and digits; in the tables they stand behind the basic plane."""

EMPTY = np.uint64(0)

WEAK_BIT = np.uint64(1)
"""Set in the hash of a weak word: a number, a sign or a single letter. Lists and formulas of any
text share those."""

STRONG_BITS, STRONG_MASK = np.uint64(2), np.uint64(3)
"""The lowest bits of a gram are the number of its words that are not weak, at most three."""

Bytes = npt.NDArray[np.uint8]
UInt64Array = npt.NDArray[np.uint64]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_START, _PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a
_MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(31)
_POINT_BITS, _POINT_MASK = np.uint64(16), np.uint64(0xFFFF)
_POSSIBLE_MASK = np.uint64(4095)  # a text's few matches are told from the rest by one look
_ALPHANUMERICS_START, _ALPHANUMERICS_END = ALPHANUMERICS.start, ALPHANUMERICS.stop


@compile_kernel
def hash_words(
    data: Bytes,
    start: int,
    end: int,
    classes: Bytes,
    replacements: UInt64Array,
    ignored_commands: UInt64Array,
    hashes: UInt64Array,
) -> int:
    """Write the hashes of the words of ``data[start:end]`` into ``hashes``; returns their number.

    See ``words`` for what a word is. A replacement is up to three code points of 16 bits, the first
    one lowest. ``hashes`` needs room for a word for each byte.
    """
    made = 0
    at = start
    is_command = False
    while at < end:
        byte = data[np.uint64(at)]
        if byte < 128 and classes[byte] != WORD:
            is_command = byte == 92  # a backslash
            is_sign = (
                byte == 43 or byte == 61 or byte == 94 or byte == 60 or byte == 37
            )  # + = ^ < %
            if byte == 45 or byte == 62:  # - >
                before = data[np.uint64(at - 1)] if at > start else np.uint8(10)
                after = data[np.uint64(at + 1)] if at + 1 < end else np.uint8(10)
                # A minus is no hyphen and no bullet; a greater-than is no mark of a quotation.
                is_letter_before = 97 <= (before | 32) <= 122
                # After it, what is no ASCII reads as a letter: an accent may be composed or not.
                is_letter_after = 97 <= (after | 32) <= 122 or after >= 128
                is_sign = before != 10 and (
                    byte == 62
                    or not (
                        is_letter_before
                        or (is_letter_after and before != 32)
                        or before == 45
                        or after == 45
                    )
                )
            if is_sign:
                hashes[np.uint64(made)] = (_START ^ np.uint64(byte)) * _PRIME | WEAK_BIT
                made += 1
            at += 1
            continue
        key = _START
        length = 0
        num_digits = 0
        is_ascii = True
        while at < end:
            byte = data[np.uint64(at)]
            if byte < 128:
                if classes[byte] != WORD:
                    if (
                        byte == 44
                        and length > 0
                        and num_digits == length
                        and at + 1 < end
                        and 48 <= data[np.uint64(at + 1)] <= 57
                    ):
                        at += 1  # a comma between the digits of one number
                        continue
                    break
                key = (key ^ replacements[byte]) * _PRIME
                num_digits += byte < 58
                length += 1
                at += 1
                continue
            if byte < 0xE0:
                code = (np.int64(byte & 0x1F) << 6) | (data[np.uint64(min(at + 1, end - 1))] & 0x3F)
                width = 2
            elif byte < 0xF0:
                code = (
                    (np.int64(byte & 0x0F) << 12)
                    | (np.int64(data[np.uint64(min(at + 1, end - 1))] & 0x3F) << 6)
                    | (data[np.uint64(min(at + 2, end - 1))] & 0x3F)
                )
                width = 3
            else:
                code = np.int64(byte & 0x07)
                width = 4
                for step in range(1, 4):
                    code = (code << 6) | (data[np.uint64(min(at + step, end - 1))] & 0x3F)
            kind = np.uint8(WORD)
            points = np.uint64(0)
            if code < BMP_END:
                kind = classes[np.uint64(code)]
                points = replacements[np.uint64(code)]
            elif _ALPHANUMERICS_START <= code < _ALPHANUMERICS_END:
                kind = classes[np.uint64(code - _ALPHANUMERICS_START + BMP_END)]
                points = replacements[np.uint64(code - _ALPHANUMERICS_START + BMP_END)]
            if kind == SEPARATOR:
                if length == 0:
                    at += width
                    is_command = False
                break
            if kind == SINGLE and length > 0:
                break
            at += width
            if kind == DROPPED:
                continue
            if points == 0:
                key = (key ^ np.uint64(code)) * _PRIME
                is_ascii = False
                length += 1
            while points != 0:
                point = points & _POINT_MASK
                key = (key ^ point) * _PRIME
                is_ascii &= point < np.uint64(128)
                num_digits += np.uint64(48) <= point < np.uint64(58)
                length += 1
                points >>= _POINT_BITS
            if kind == SINGLE:
                break
        if length > 0:
            key = (key ^ (key >> _SHIFT)) * _MIX_2 | WEAK_BIT
            if num_digits < length and (length > 1 or not is_ascii):
                key ^= WEAK_BIT
            is_ignored = False
            if is_command:
                for command in ignored_commands:
                    is_ignored = is_ignored or command == key
            if not is_ignored:
                hashes[np.uint64(made)] = key
                made += 1
            is_command = False
    return made


@compile_kernel
def hash_texts(
    data: Bytes,
    offsets: Int64Array,
    classes: Bytes,
    replacements: UInt64Array,
    ignored_commands: UInt64Array,
) -> tuple[UInt64Array, Int64Array]:
    """Hashes of the words of all texts, and for each text where its words end among them.

    Text i is ``data[offsets[i]:offsets[i + 1]]``.
    """
    hashes = np.empty(max(1, offsets[-1] - offsets[0]), np.uint64)
    ends = np.empty(len(offsets) - 1, np.int64)
    made = 0
    for row in range(len(ends)):
        made += hash_words(
            data,
            offsets[row],
            offsets[row + 1],
            classes,
            replacements,
            ignored_commands,
            hashes[made:],
        )
        ends[row] = made
    return hashes[:made].copy(), ends


@compile_kernel
def gram_at(hashes: UInt64Array, place: int) -> np.uint64:
    """The gram of the words at ``place`` and behind it; never EMPTY."""
    key = _START
    strong = np.uint64(0)
    for step in range(GRAM_WORDS):
        word = hashes[np.uint64(place + step)]
        key = (key ^ word) * _MIX_1
        key ^= key >> _SHIFT
        strong += ~word & WEAK_BIT
    key = (key >> STRONG_BITS << STRONG_BITS) | min(strong, STRONG_MASK)
    return key if key != EMPTY else _MIX_1 << STRONG_BITS


@compile_kernel
def make_grams(hashes: UInt64Array) -> UInt64Array:
    """The grams of consecutive words, in order; none of fewer than GRAM_WORDS words."""
    grams = np.empty(max(0, len(hashes) - GRAM_WORDS + 1), np.uint64)
    for place in range(len(grams)):
        grams[place] = gram_at(hashes, place)
    return grams


@compile_kernel
def chain_hash(hashes: UInt64Array, seed: int) -> np.uint64:
    """One hash of words in order, told apart by ``seed``."""
    key = np.uint64(seed) ^ _START
    for word in hashes:
        key = (key ^ word) * _MIX_2
        key ^= key >> _SHIFT
    return key


@compile_kernel
def has_chain(hashes: UInt64Array, num_words: int, seed: int, wanted: np.uint64) -> bool:
    """Whether ``num_words`` words in a row have the chain hash ``wanted``."""
    for place in range(len(hashes) - num_words + 1):
        if chain_hash(hashes[place : place + num_words], seed) == wanted:
            return True
    return False


@compile_kernel
def build_table(
    keys: UInt64Array, size: int, bloom_bits: int
) -> tuple[UInt64Array, Int32Array, UInt64Array]:
    """An open-addressed table over different ``keys``, and a filter with two bits of each.

    ``size`` slots and ``bloom_bits`` bits are powers of two; both bits of a key lie in one word.
    """
    slots = np.zeros(size, np.uint64)
    numbers = np.zeros(size, np.int32)
    bloom = np.zeros(bloom_bits // 64, np.uint64)
    mask = np.uint64(size - 1)
    block_mask = np.uint64(len(bloom) - 1)
    for number in range(len(keys)):
        key = keys[number]
        slot = (key >> STRONG_BITS) & mask
        while slots[slot] != EMPTY:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = key
        numbers[slot] = number
        bits = (np.uint64(1) << (key >> np.uint64(58))) | (
            np.uint64(1) << ((key >> np.uint64(52)) & np.uint64(63))
        )
        bloom[(key >> np.uint64(20)) & block_mask] |= bits
    return slots, numbers, bloom


@compile_kernel
def find_candidates(
    data: Bytes,
    offsets: Int64Array,
    classes: Bytes,
    replacements: UInt64Array,
    ignored_commands: UInt64Array,
    slots: UInt64Array,
    numbers: Int32Array,
    bloom: UInt64Array,
    posting_offsets: Int32Array,
    postings: Int32Array,
    needed_hits: Int32Array,
) -> tuple[Int32Array, Int32Array]:
    """(row, unit) of each text that holds at least ``needed_hits`` of a unit's searched grams.

    A gram counts once a text. Text i is ``data[offsets[i]:offsets[i + 1]]``; the units of searched
    gram n are ``postings[posting_offsets[n]:posting_offsets[n + 1]]``.
    """
    num_texts = len(offsets) - 1
    rows = np.empty(256, np.int32)
    units = np.empty(256, np.int32)
    made = 0
    hits = np.zeros(len(needed_hits), np.int32)
    # Zeros and not -1: the system gives zeroed pages only where they are touched.
    last_text = np.zeros(len(posting_offsets), np.int32)
    touched = np.empty(len(needed_hits), np.int32)
    mask = np.uint64(len(slots) - 1)
    block_mask = np.uint64(len(bloom) - 1)
    longest = 0
    for row in range(num_texts):
        longest = max(longest, offsets[row + 1] - offsets[row])
    hashes = np.empty(longest + 1, np.uint64)
    for row in range(num_texts):
        num_words = hash_words(
            data, offsets[row], offsets[row + 1], classes, replacements, ignored_commands, hashes
        )
        # Pass by pass: what one gram waits for from memory overlaps with what the next one does.
        num_grams = max(0, num_words - GRAM_WORDS + 1)
        for place in range(num_grams):
            hashes[np.uint64(place)] = gram_at(hashes, place)
        num_left = 0
        for place in range(num_grams):
            key = hashes[np.uint64(place)]
            bits = (np.uint64(1) << (key >> np.uint64(58))) | (
                np.uint64(1) << ((key >> np.uint64(52)) & np.uint64(63))
            )
            hashes[np.uint64(num_left)] = key
            num_left += bloom[(key >> np.uint64(20)) & block_mask] & bits == bits
        num_found = 0
        for place in range(num_left):
            key = hashes[np.uint64(place)]
            slot = (key >> STRONG_BITS) & mask
            while slots[slot] != EMPTY and slots[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            hashes[np.uint64(num_found)] = numbers[slot]
            num_found += slots[slot] == key
        num_touched = 0
        for place in range(num_found):
            gram = hashes[np.uint64(place)]
            if last_text[gram] == row + 1:
                continue
            last_text[gram] = row + 1
            first = posting_offsets[gram]
            for posting in range(first, posting_offsets[gram + np.uint64(1)]):
                unit = np.uint64(postings[np.uint64(posting)])
                if hits[unit] == 0:
                    touched[np.uint64(num_touched)] = unit
                    num_touched += 1
                hits[unit] += 1
        for at in range(num_touched):
            unit = np.uint64(touched[np.uint64(at)])
            if hits[unit] >= needed_hits[unit]:
                if made == len(rows):
                    rows = np.concatenate((rows, np.empty(made, np.int32)))
                    units = np.concatenate((units, np.empty(made, np.int32)))
                rows[made] = row
                units[made] = unit
                made += 1
            hits[unit] = 0
    return rows[:made], units[:made]


@compile_kernel
def match_unit(
    text_grams: UInt64Array,
    unit_grams: UInt64Array,
    gram_weights: Float32Array,
    is_telling: Flags,
    window_words: int,
) -> tuple[float, int, int, int]:
    """How much of a unit stands in a text: coverage, longest run, telling run, place of the end.

    Coverage is the share of the unit's weight under grams that occur within ``window_words`` words
    of the text, in the best such window. The weight of a word is the mean of ``gram_weights`` over
    it that are not 0; a gram without weight covers nothing. A run is a stretch, in words, that both
    have; the telling run is the longest of which half of the grams ``is_telling``. The last number
    is the place in the text behind what the best window holds of the unit.
    """
    num_grams = len(unit_grams)
    num_words = num_grams + GRAM_WORDS - 1
    order = np.argsort(unit_grams)
    ordered = unit_grams[order]
    places = np.empty(len(text_grams), np.int64)
    matched = np.empty(len(text_grams), np.int64)
    num_matched = 0
    is_possible = np.zeros(int(_POSSIBLE_MASK) + 1, np.bool_)
    for gram in unit_grams:
        is_possible[(gram >> STRONG_BITS) & _POSSIBLE_MASK] = True
    for place in range(len(text_grams)):
        if not is_possible[(text_grams[place] >> STRONG_BITS) & _POSSIBLE_MASK]:
            continue
        at = np.searchsorted(ordered, text_grams[place])
        if at < num_grams and ordered[at] == text_grams[place]:
            places[num_matched] = place
            matched[num_matched] = at
            num_matched += 1
    sums = np.zeros(num_words, np.float64)
    counts = np.zeros(num_words, np.int64)
    for in_unit in range(num_grams):
        for step in range(GRAM_WORDS):
            sums[in_unit + step] += gram_weights[in_unit]
            counts[in_unit + step] += gram_weights[in_unit] > 0
    total = np.float64(0)
    for word in range(num_words):
        sums[word] /= max(1, counts[word])
        total += sums[word]
    longest = longest_telling = 0
    # Lengths of the runs that end at the text's last place, by place in the unit.
    runs = np.zeros(num_grams + 1, np.int64)
    told = np.zeros(num_grams + 1, np.int64)
    earlier = np.zeros(num_grams + 1, np.int64)
    earlier_told = np.zeros(num_grams + 1, np.int64)
    last_place = -2
    for number in range(num_matched):
        goes_on = np.int64(places[number] == last_place + 1)
        earlier[:] = runs * goes_on
        earlier_told[:] = told * goes_on
        runs[:] = 0
        told[:] = 0
        at = matched[number]
        while at < num_grams and ordered[at] == text_grams[places[number]]:
            in_unit = order[at]
            # The place before the first one is the last of the array, which stays 0.
            runs[in_unit] = earlier[in_unit - 1] + 1
            told[in_unit] = earlier_told[in_unit - 1] + is_telling[in_unit]
            longest = max(longest, runs[in_unit])
            if 2 * told[in_unit] >= runs[in_unit]:
                longest_telling = max(longest_telling, runs[in_unit])
            at += 1
        last_place = places[number]
    best = np.float64(0)
    end = 0
    covered = np.zeros(num_words, np.bool_)
    next_start = 0
    for first in range(num_matched):
        if places[first] < next_start:
            continue
        covered[:] = False
        last = first
        for number in range(first, num_matched):
            if places[number] >= places[first] + window_words:
                break
            last = number
            at = matched[number]
            while at < num_grams and ordered[at] == text_grams[places[number]]:
                if gram_weights[order[at]] > 0:
                    covered[order[at] : order[at] + GRAM_WORDS] = True
                at += 1
        share = np.float64(0)
        for word in range(num_words):
            if covered[word]:
                share += sums[word]
        if share > best:
            best = share
            end = places[last] + GRAM_WORDS
        next_start = places[first] + max(1, window_words // 8)
    beyond = GRAM_WORDS - 1
    return (
        best / total if total > 0 else 0.0,
        longest + beyond if longest else 0,
        longest_telling + beyond if longest_telling else 0,
        end,
    )
