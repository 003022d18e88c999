"""The pass that fills the matrix of :mod:`features`, where its columns are listed.

Legend of shapes: n nodes, b blocks, f features, t tokens, w words.
"""

import numpy as np
import numpy.typing as npt

from extractors.html.content.blocks import (
    BARS,
    BOLD_CHARS,
    BREAKS,
    BUTTON_CHARS,
    CAPITALIZED,
    CHARS,
    CODES,
    COMMAS,
    DIGITS,
    ENDS_IN_STOP,
    FIRST_DIGIT,
    FORMULAS,
    HIDDEN_CHARS,
    IMAGES,
    INPUTS,
    LINK_WORDS,
    LINKS,
    LONG_WORDS,
    STARTS_UPPER,
    STOPS,
    TIMES,
    UPPER,
    WIDE,
    WORDS,
)
from extractors.html.content.tape import TAG_OF_NAME
from pipeline.compilation import compile_kernel

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]

A = TAG_OF_NAME["a"]
MAX_PROSE_LINK_RATIO = 0.5
MIN_PROSE_WORDS = 8
"""A block of so many words, a sentence end and no more links is prose (ours)."""


@compile_kernel
def fill(
    tag: npt.NDArray[np.int16],
    parent: npt.NDArray[np.int32],
    own_hash: Hashes,
    token_node: npt.NDArray[np.int32],
    token_hash: Hashes,
    home: npt.NDArray[np.int32],
    first: npt.NDArray[np.int32],
    last: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int32],
    text_hash: Hashes,
    word_block: npt.NDArray[np.int32],
    word_hash: Hashes,
    class_hashes: Hashes,
    class_values: Floats,
    odds_hashes: Hashes,
    odds_values: Floats,
    title: Hashes,
    description: Hashes,
    page_flags: Floats,
    known_hashes: Hashes,
    known_values: Floats,
    tag_group: npt.NDArray[np.int64],
    heading_level: npt.NDArray[np.int64],
    flag_of_tag: npt.NDArray[np.int64],
    num_features: int,
) -> Floats:
    """The feature matrix; see :func:`describe`."""
    num_nodes = tag.size
    num_blocks = home.size
    x = np.zeros((num_blocks, num_features))
    if num_blocks == 0:
        return x

    # Evidence of class tokens, by element.
    element_odds = np.zeros(num_nodes)
    element_known = np.zeros((num_nodes, 4), np.bool_)
    mask = class_hashes.size - 1
    for index in range(token_node.size):
        hashed = token_hash[index]
        slot = np.int64(hashed & np.uint64(mask))
        while class_hashes[slot] != 0:
            if class_hashes[slot] == hashed:
                element_odds[token_node[index]] += class_values[slot]
                break
            slot = (slot + 1) & mask
        slot = np.int64(hashed & np.uint64(known_hashes.size - 1))
        while known_hashes[slot] != 0:
            if known_hashes[slot] == hashed:
                element_known[token_node[index], np.int64(known_values[slot])] = True
                break
            slot = (slot + 1) & (known_hashes.size - 1)
    for node in range(num_nodes):
        element_odds[node] = max(-4.0, min(4.0, element_odds[node]))

    # Evidence of words, and overlaps with title and description, by block.
    odds_sum = np.zeros(num_blocks)
    odds_min = np.zeros(num_blocks)
    odds_max = np.zeros(num_blocks)
    num_words = np.zeros(num_blocks)
    in_title = np.zeros(num_blocks)
    in_description = np.zeros(num_blocks)
    mask = odds_hashes.size - 1
    for index in range(word_block.size):
        hashed = word_hash[index]
        block = word_block[index]
        num_words[block] += 1
        slot = np.int64(hashed & np.uint64(mask))
        while odds_hashes[slot] != 0:
            if odds_hashes[slot] == hashed:
                value = odds_values[slot]
                odds_sum[block] += value
                odds_min[block] = min(odds_min[block], value)
                odds_max[block] = max(odds_max[block], value)
                break
            slot = (slot + 1) & mask
        if title.size:
            at = np.searchsorted(title, hashed)
            if at < title.size and title[at] == hashed:
                in_title[block] += 1
        if description.size:
            at = np.searchsorted(description, hashed)
            if at < description.size and description[at] == hashed:
                in_description[block] += 1

    # Prefix sums over blocks.
    words = np.zeros(num_blocks + 1)
    link_words = np.zeros(num_blocks + 1)
    prose_words = np.zeros(num_blocks + 1)
    odds = np.zeros(num_blocks + 1)
    headings = 0.0
    inputs = 0.0
    for block in range(num_blocks):
        row = counts[block]
        block_words = max(1.0, np.float64(row[WORDS]))
        words[block + 1] = words[block] + block_words
        link_words[block + 1] = link_words[block] + row[LINK_WORDS]
        is_prose = row[CODES] > 0 or (
            row[WORDS] >= MIN_PROSE_WORDS
            and row[STOPS] >= 1
            and row[LINK_WORDS] <= MAX_PROSE_LINK_RATIO * row[WORDS]
        )
        prose_words[block + 1] = prose_words[block] + (block_words if is_prose else 0.0)
        odds[block + 1] = odds[block] + odds_sum[block]
        headings += heading_level[tag[home[block]]] > 0
        inputs += row[INPUTS]
    total = words[num_blocks]

    # The smallest elements that hold half, and most, of the prose.
    main50 = 0
    main85 = 0
    all_prose = prose_words[num_blocks]
    if all_prose > 0:
        for node in range(num_nodes):
            if tag[node] >= 3 and last[node] > first[node]:
                share = (prose_words[last[node]] - prose_words[first[node]]) / all_prose
                if share >= 0.85:
                    main85 = node
                if share >= 0.5:
                    main50 = node

    # The title's block: the heading, or else the block, that repeats it best.
    title_block = -1
    best = 0.0
    for block in range(num_blocks):
        level = heading_level[tag[home[block]]]
        overlap = 0.0
        if title.size and num_words[block] > 0:
            overlap = (
                in_title[block] / num_words[block] * min(1.0, 2.0 * in_title[block] / title.size)
            )
        if level == 1:
            overlap += 0.5
        elif level == 2:
            overlap += 0.25
        if overlap > best + 1e-9 and overlap >= 0.5:
            best = overlap
            title_block = block

    # Blocks of the same kind: by tag and class of the nearest element, and of the nearest three.
    offset, prime = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
    like = np.zeros((2, num_blocks), np.uint64)
    for block in range(num_blocks):
        hashed = offset
        node = home[block]
        row = counts[block]
        if row[LINK_WORDS] > 0.5 * row[WORDS]:
            hashed = hashed * prime
        step = 0
        while node >= 0 and step < 3:
            hashed = (hashed ^ own_hash[node]) * prime
            if step == 0:
                like[0, block] = hashed
            node = parent[node]
            step += 1
        like[1, block] = hashed
    group = np.zeros((2, num_blocks), np.int64)
    group_sums = np.zeros((2, num_blocks, 5))
    for kind in range(2):
        order = np.argsort(like[kind])
        number = -1
        for rank in range(num_blocks):
            block = order[rank]
            if rank == 0 or like[kind, block] != like[kind, order[rank - 1]]:
                number += 1
            group[kind, block] = number
            sums = group_sums[kind, number]
            sums[0] += 1
            sums[1] += words[block + 1] - words[block]
            sums[2] += counts[block, LINK_WORDS]
            sums[3] += odds_sum[block]
            sums[4] += block
    same_text = np.zeros(num_blocks)
    order = np.argsort(text_hash)
    run_start = 0
    for rank in range(1, num_blocks + 1):
        if rank == num_blocks or text_hash[order[rank]] != text_hash[order[run_start]]:
            for at in range(run_start, rank):
                same_text[order[at]] = rank - run_start
            run_start = rank

    last_heading = 0.0
    heading_odds = 0.0
    words_at_heading = 0.0
    for block in range(num_blocks):
        row = counts[block]
        out = x[block]
        n_words = max(1.0, np.float64(row[WORDS]))
        chars = max(1.0, np.float64(row[CHARS]))
        f = 0
        out[f] = row[WORDS]
        f += 1
        out[f] = row[CHARS]
        f += 1
        out[f] = row[LINK_WORDS] / n_words
        f += 1
        out[f] = row[LINKS]
        f += 1
        out[f] = row[DIGITS] / chars
        f += 1
        out[f] = row[UPPER] / chars
        f += 1
        out[f] = row[STOPS]
        f += 1
        out[f] = row[COMMAS]
        f += 1
        out[f] = row[BARS]
        f += 1
        out[f] = row[LONG_WORDS] / n_words
        f += 1
        out[f] = chars / n_words
        f += 1
        out[f] = row[STOPS] / n_words
        f += 1
        out[f] = row[FORMULAS]
        f += 1
        out[f] = row[CODES]
        f += 1
        out[f] = row[BOLD_CHARS] / chars
        f += 1
        out[f] = row[BREAKS]
        f += 1
        out[f] = row[ENDS_IN_STOP]
        f += 1
        out[f] = row[STARTS_UPPER]
        f += 1
        out[f] = row[INPUTS]
        f += 1
        out[f] = row[IMAGES]
        f += 1
        out[f] = row[WIDE] / chars
        f += 1
        out[f] = row[HIDDEN_CHARS] / chars
        f += 1
        out[f] = row[BUTTON_CHARS] / chars
        f += 1
        out[f] = row[TIMES]
        f += 1
        out[f] = row[CAPITALIZED] / n_words
        f += 1
        out[f] = row[FIRST_DIGIT]
        f += 1
        near = home[block]
        level = heading_level[tag[near]]
        out[f] = tag_group[tag[near]]
        f += 1
        out[f] = level
        f += 1
        depth_at = f
        f += 1
        flags_at = f
        f += 19
        chain_at = f
        f += 6
        known_at = f
        f += 8
        out[f] = odds_sum[block]
        f += 1
        out[f] = odds_sum[block] / max(1.0, num_words[block])
        f += 1
        out[f] = odds_min[block]
        f += 1
        out[f] = odds_max[block]
        f += 1
        level_at = f
        f += 5 * 6
        # Up through the ancestors.
        node = near
        depth = 0
        levels = 0
        size = -1
        lowest = highest = summed = near_sum = 0.0
        level_odds = 0.0
        is_wrapped = 0.0
        meeting = 0.0
        while node >= 0:
            depth += 1
            number = flag_of_tag[tag[node]]
            if number >= 0:
                out[flags_at + number] = 1
            value = element_odds[node]
            lowest = min(lowest, value)
            highest = max(highest, value)
            summed += value
            if depth <= 3:
                near_sum += value
            if depth == 1:
                out[chain_at] = value
            elif depth == 2:
                out[chain_at + 1] = value
            level_odds += value
            for kind in range(4):
                if element_known[node, kind]:
                    if out[known_at + 2 * kind] == 0:
                        out[known_at + 2 * kind] = depth
                    out[known_at + 2 * kind + 1] += 1
            if tag[node] == A:
                is_wrapped = 1.0
            if meeting == 0.0 and first[node] <= first[main50] and last[node] >= last[main50]:
                meeting = (words[last[node]] - words[first[node]]) / max(
                    1.0, words[last[main50]] - words[first[main50]]
                )
            span = last[node] - first[node]
            if levels < 5 and span > size:
                size = span
                base = level_at + 6 * levels
                inside = words[last[node]] - words[first[node]]
                out[base] = inside
                out[base + 1] = (link_words[last[node]] - link_words[first[node]]) / inside
                out[base + 2] = span
                out[base + 3] = (prose_words[last[node]] - prose_words[first[node]]) / inside
                out[base + 4] = (words[block] - words[first[node]]) / inside
                out[base + 5] = level_odds
                level_odds = 0.0
                levels += 1
            node = parent[node]
        out[depth_at] = depth
        out[chain_at + 2] = lowest
        out[chain_at + 3] = highest
        out[chain_at + 4] = summed
        out[chain_at + 5] = near_sum
        out[f] = block / num_blocks
        f += 1
        out[f] = words[block] / total
        f += 1
        out[f] = block
        f += 1
        out[f] = num_blocks - block
        f += 1
        out[f] = 1.0 if first[main50] <= block < last[main50] else 0.0
        f += 1
        out[f] = 1.0 if first[main85] <= block < last[main85] else 0.0
        f += 1
        out[f] = (words[last[main85]] - words[first[main85]]) / total
        f += 1
        out[f] = 1.0 if block == title_block else 0.0
        f += 1
        out[f] = block - title_block if title_block >= 0 else 0.0
        f += 1
        out[f] = (words[block] - words[title_block]) if title_block >= 0 else 0.0
        f += 1
        out[f] = 1.0 if title_block >= 0 else 0.0
        f += 1
        out[f] = in_title[block] / max(1.0, num_words[block])
        f += 1
        out[f] = in_description[block] / max(1.0, num_words[block])
        f += 1
        if level > 0:
            last_heading = level
            words_at_heading = words[block + 1]
        out[f] = words[block] - words_at_heading
        f += 1
        out[f] = last_heading
        f += 1
        low = max(0, block - 5)
        high = min(num_blocks, block + 6)
        window = words[high] - words[low]
        out[f] = window
        f += 1
        out[f] = (link_words[high] - link_words[low]) / window
        f += 1
        out[f] = (odds[high] - odds[low]) / window
        f += 1
        out[f] = heading_odds
        f += 1
        if level > 0:
            heading_odds = odds_sum[block]
        out[f] = prose_words[block] / max(1.0, all_prose)
        f += 1
        out[f] = (all_prose - prose_words[block + 1]) / max(1.0, all_prose)
        f += 1
        out[f] = is_wrapped
        f += 1
        out[f] = meeting
        f += 1
        for distance in (-2, -1, 1, 2):
            other = block + distance
            if 0 <= other < num_blocks:
                beside = counts[other]
                out[f] = beside[WORDS]
                out[f + 1] = beside[LINK_WORDS] / max(1.0, np.float64(beside[WORDS]))
                out[f + 2] = tag_group[tag[home[other]]]
                out[f + 3] = odds_sum[other]
                out[f + 4] = beside[STOPS]
                out[f + 5] = 1.0 if parent[home[other]] == parent[near] else 0.0
            else:
                out[f] = -1.0
            f += 6
        for kind in range(2):
            sums = group_sums[kind, group[kind, block]]
            out[f] = sums[0]
            f += 1
            out[f] = sums[1] / total
            f += 1
            out[f] = sums[1] / sums[0]
            f += 1
            out[f] = sums[2] / sums[1]
            f += 1
            out[f] = sums[3] / sums[1]
            f += 1
            out[f] = sums[4] / sums[0] / num_blocks
            f += 1
        out[f] = same_text[block]
        f += 1
        out[f] = total
        f += 1
        out[f] = num_blocks
        f += 1
        out[f] = link_words[num_blocks] / total
        f += 1
        out[f] = total / num_blocks
        f += 1
        out[f] = all_prose / total
        f += 1
        out[f] = headings
        f += 1
        out[f] = inputs
        f += 1
        for number in range(page_flags.size):
            out[f + number] = page_flags[number]
    return x
