"""Windows, repeats and cuts as one: what is cut of texts, and what stays."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.dedup.exact import normalise_text
from filters.dedup.packed import refer, sort_rows
from filters.dedup.passage_cuts import CUT_TYPE, cut_batch, settle, without_cuts
from filters.dedup.passages import find_repeats, find_windows, passage_entries, prose_lines
from filters.spans import SpanKind, split_spans
from pipeline.errors import InvariantError
from tests.support.strategies import texts as any_texts

MIN_WORDS = 4

# Few lines, so that texts share runs of them that overlap in every way.
PROSE = ["a b\n", "a  b\n", "c d e\n", "f\n", "g h i j k\n", "---\n"]
PROSE += ["e\u0301 l m\n", "\u00e9 l m\n"]
OTHER = [
    "\n",
    " \n\n",
    "```\na b\nc d e\n```\n",
    "$$\na b c d e\n$$\n",
    "see `a b\nc d` and\n",
    "| a | b |\n|---|---|\n| c | d |\n",
    "    a b c d e\n",
    "f(x) = {a; b}\n",
    "\u4e2d\u6587\u6ca1\u6709\n",
]


def texts_of_lines():
    pieces = st.lists(st.sampled_from(PROSE * 2 + OTHER), max_size=14).map("".join)
    return st.lists(pieces | any_texts(60), min_size=1, max_size=5)


def column(texts):
    return pa.array(texts, pa.large_string())


def find_all(texts, *, order=None, block_rows=1 << 20, min_words=MIN_WORDS):
    """Rows of ``find_repeats`` for texts that lie in one shard, ``order[i]`` the id of text i."""
    order = np.arange(len(texts)) if order is None else np.asarray(order)
    ids = np.column_stack([order, order]).astype(np.uint64)
    rows = np.arange(len(texts))
    entries = passage_entries(ids, column(texts), min_words=min_words, shard=0, rows=rows)
    entries = sort_rows(entries)
    blocks = [entries[i : i + block_rows] for i in range(0, len(entries), block_rows)]
    return np.concatenate([*find_repeats(blocks)])


def cut_all(texts, **how):
    [cuts, chars, ratios] = cut_batch(column(texts), find_all(texts, **how), first=0)
    return cuts, chars, ratios


def remaining(texts, **how):
    return without_cuts(column(texts), cut_all(texts, **how)[0]).to_pylist()


def windows_of(text):
    """By the definition, slowly: tuples of normalised lines, with the bytes they take."""
    lines = prose_lines(column([text]))
    places = list(zip(lines.begins.tolist(), lines.ends.tolist(), strict=True))
    shown = [normalise_text(text.encode()[begin:end].decode()) for begin, end in places]
    found = set()
    for first in range(len(shown)):
        for last in range(first, len(shown)):
            words = lines.words[first : last + 1]
            is_shortest_from_first = words[0] and words[:-1].sum() < MIN_WORDS
            is_shortest_to_last = words[-1] and words[1:].sum() < MIN_WORDS
            if (
                lines.runs[first] == lines.runs[last]
                and words.sum() >= MIN_WORDS
                and (is_shortest_from_first or is_shortest_to_last)
            ):
                found.add((tuple(shown[first : last + 1]), (places[first][0], places[last][1])))
    return found


def whole_windows(text, cuts):
    """Lines of the windows of a text that no cut touches."""
    return {
        lines
        for lines, (begin, end) in windows_of(text)
        if all(cut["end"] <= begin or end <= cut["begin"] for cut in cuts)
    }


@given(texts_of_lines())
def test_windows_are_the_shortest_runs_from_each_line_and_to_each_line(texts):
    for text in texts:
        lines = prose_lines(column([text]))
        first, last, keys = find_windows(lines, min_words=MIN_WORDS)
        places = list(zip(lines.begins[first].tolist(), lines.ends[last].tolist(), strict=True))
        expected = windows_of(text)
        assert sorted(places) == sorted(place for _, place in expected), "each once"
        key_of = dict(zip(places, map(tuple, keys.tolist()), strict=True))
        lines_of = {place: shown for shown, place in expected}
        assert len(set(key_of.values())) == len(set(lines_of.values())), "equal lines, equal keys"


@given(texts_of_lines(), st.randoms(use_true_random=False))
def test_every_passage_that_occurred_still_occurs_whole(texts, random):
    order = random.sample(range(len(texts)), len(texts))
    cuts = cut_all(texts, order=order)[0].to_pylist()
    before = {lines for text in texts for lines, _ in windows_of(text)}
    counts = {}
    for text in texts:
        for lines, _ in windows_of(text):
            counts[lines] = counts.get(lines, 0) + 1
    after = {
        lines for text, cut in zip(texts, cuts, strict=True) for lines in whole_windows(text, cut)
    }
    repeated = {lines for lines in before if counts[lines] > 1}
    assert repeated <= after


@given(texts_of_lines())
def test_only_lines_of_repeated_windows_are_cut(texts):
    cuts = cut_all(texts)[0].to_pylist()
    places = {}
    for number, text in enumerate(texts):
        for lines, place in windows_of(text):
            places.setdefault(lines, []).append((number, place))
    for number, (text, ranges) in enumerate(zip(texts, cuts, strict=True)):
        encoded = text.encode()
        is_repeated = np.zeros(len(encoded), bool)
        for found in places.values():
            for where, (begin, end) in found if len(found) > 1 else ():
                if where == number:
                    is_repeated[begin:end] = True
        for cut in ranges:
            assert cut["begin"] < cut["end"] <= len(encoded)
            assert cut["begin"] == 0 or encoded[cut["begin"] - 1 : cut["begin"]] == b"\n"
            assert cut["end"] == len(encoded) or encoded[cut["end"] - 1 : cut["end"]] == b"\n"
            inside = encoded[cut["begin"] : cut["end"]]
            alone = bytes(np.frombuffer(inside, np.uint8)[~is_repeated[cut["begin"] : cut["end"]]])
            assert not alone.strip(), "what is no part of a repeated window may be blank lines"


@given(texts_of_lines())
def test_code_formulas_and_tables_stay_as_they_are(texts):
    for text, left in zip(texts, remaining(texts), strict=True):
        position = 0
        for span in split_spans(text):
            if span.kind is not SpanKind.PROSE and span.is_block:
                position = left.index(text[span.start : span.end], position)


@given(texts_of_lines(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_neither_blocks_nor_where_documents_lie_change_a_cut(texts, block_rows, random):
    expected = cut_all(texts)[0].to_pylist()
    assert cut_all(texts, block_rows=block_rows)[0].to_pylist() == expected
    moved = random.sample(range(len(texts)), len(texts))
    found = cut_all([texts[i] for i in moved], order=moved)[0].to_pylist()
    assert found == [expected[i] for i in moved]


@given(texts_of_lines())
def test_paragraphs_stay_apart_and_by_no_more_than_before(texts):
    for text, left in zip(texts, remaining(texts), strict=True):
        gaps = [len(gap) for gap in re.findall(r"(?:(?<=\n)|\A)(?:[^\S\n]*\n)*", text)]
        new = [len(gap) for gap in re.findall(r"(?:(?<=\n)|\A)(?:[^\S\n]*\n)*", left)]
        assert max(new, default=0) <= max(gaps, default=0)


@given(texts_of_lines())
def test_lines_of_two_paragraphs_never_become_one(texts):
    for text, cuts in zip(texts, cut_all(texts)[0].to_pylist(), strict=True):
        encoded = text.encode()
        behind = None  # where the last line that stays ended, if nothing blank stays after it
        for line in re.finditer(rb"[^\n]*\n|[^\n]+$", encoded):
            if any(cut["begin"] <= line.start() < cut["end"] for cut in cuts):
                continue
            if not line.group().strip():
                behind = None
                continue
            if behind is not None:
                assert not re.search(rb"(?m)^[^\S\n]*\n", encoded[behind : line.start()])
            behind = line.end()


def test_a_repeated_paragraph_is_cut_with_one_of_its_blank_lines():
    text = "one two three four\n\nfive six seven eight\n\nnine ten\n"
    kept, other = remaining([text, f"before\n\n{text}\nbehind\n"])
    assert kept == text
    assert other == "before\n\nbehind\n"


def test_a_blank_line_stays_where_the_passage_had_one():
    shared = "one two\n\nthree four\n"
    assert remaining([shared, f"head\n{shared}tail\n"]) == [shared, "head\n\ntail\n"]


def test_a_passage_is_cut_to_its_last_line_however_the_texts_go_on():
    shared = "one two three\nfour five\nsix\n"
    kept, other = remaining([f"x y z\n{shared}u v w\n", f"p q r\n{shared}s t\n"])
    assert kept == f"x y z\n{shared}u v w\n"
    assert other == "p q r\ns t\n"


def test_repeats_within_one_document_are_cut():
    assert remaining(["la la la la\n" * 5]) == ["la la la la\n"]
    assert remaining(["la\n" * 9]) == ["la\n" * 4]


def test_a_copy_of_all_leaves_an_empty_text():
    texts = ["one two three four\n\n\nfive", "one two three four\n\n\nfive"]
    assert remaining(texts) == [texts[0], ""]
    _, chars, ratios = cut_all(texts)
    assert chars.to_pylist() == [0, len(texts[0])]
    assert ratios.to_pylist() == [0, 1]


def test_characters_are_counted_as_words_in_chinese_and_as_characters_in_cuts():
    line = "\u4e2d\u6587\u6ca1\u6709\u7a7a\u683c\n"
    cuts, chars, _ = cut_all([line, f"x\n{line}"])
    assert cuts.to_pylist() == [[], [{"begin": 2, "end": 2 + 19}]]
    assert chars.to_pylist() == [0, 7]


@pytest.mark.parametrize(
    "lines",
    [
        "    one two three four five\n",
        "\tone two three four five\n",
        ">>> total = sum(values) + rest\n",
        "\\mathbf{v} = \\mathbf{a} t + \\mathbf{b}\n",
        "```\none two three four five\n```\n",
        "| one | two | three | four |\n|---|---|---|---|\n| a | b | c | d |\n",
    ],
)
def test_code_and_formulas_are_never_cut(lines):
    assert remaining([lines, f"before\n\n{lines}"]) == [lines, f"before\n\n{lines}"]


@pytest.mark.parametrize("line", ["  - one two three\n", "  2. one two three\n", "> a b c\n"])
def test_items_of_nested_lists_and_quotations_are_prose(line):
    assert remaining([line, f"{line}x\n"], min_words=3) == [line, "x\n"]


def test_where_passages_overlap_each_stays_whole_somewhere():
    # In the second text, "b b c c" is the first of its kind; the third must not lose it too.
    texts = ["a a\nb b\n", "a a\nb b\nc c\n", "b b\nc c\n"]
    assert remaining(texts) == ["a a\nb b\n", "b b\nc c\n", ""]


@given(st.lists(any_texts(), max_size=6))
def test_texts_without_cuts_are_left_byte_for_byte(texts):
    for none in ([], None):
        cuts = pa.array([none] * len(texts), pa.list_(CUT_TYPE))
        assert without_cuts(column(texts), cuts).equals(column(texts))


@given(st.data(), st.lists(any_texts(40), min_size=1, max_size=6))
def test_exactly_the_named_bytes_go(data, texts):
    cuts, expected = [], []
    for text in texts:
        places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
        pairs = list(zip(places[::2], places[1::2], strict=False))
        at = [len(text[:place].encode()) for pair in pairs for place in pair]
        cuts.append([{"begin": b, "end": e} for b, e in zip(at[::2], at[1::2], strict=True)])
        gone = {i for begin, end in pairs for i in range(begin, end)}
        expected.append("".join(c for i, c in enumerate(text) if i not in gone))
    padded = column(["ahead", *texts, "behind"])[1:-1]
    assert without_cuts(padded, pa.array(cuts, pa.list_(CUT_TYPE))).to_pylist() == expected


@pytest.mark.parametrize("cut", [(1, 2), (0, 9), (2, 2), (-1, 2)])
def test_cuts_of_another_text_are_refused(cut):
    cuts = pa.array([[{"begin": cut[0], "end": cut[1]}]], pa.list_(CUT_TYPE))
    with pytest.raises(InvariantError, match="does not fit"):
        without_cuts(column(["\u00e9\u00e9"]), cuts)


def test_windows_of_another_text_are_refused():
    found = np.array([[refer(0, 0), 7, 1]], np.uint64)
    with pytest.raises(InvariantError, match="outside of its text"):
        cut_batch(column(["short"]), found, first=0)


def test_blank_lines_alone_are_not_cut():
    assert settle(b"a\n\nb\n", [(2, 3)]) == []
