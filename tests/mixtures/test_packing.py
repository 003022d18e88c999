import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mixtures.packing import MAX_PADDING_RATIO, Method, PackingCounts, pack
from mixtures.windows import Segments
from tests.mixtures.sample_shards import document_lengths

sizes = st.sampled_from([16, 17, 32, 64])


def packed(
    lengths: list[int],
    size: int = 16,
    depth: int = 1,
    seed: int = 3,
    method: Method = "best-fit",
) -> Segments:
    return pack(lengths, sequence_tokens=size, mtp_depth=depth, shuffle_seed=seed, method=method)


@given(document_lengths, sizes)
def test_every_token_of_every_document_lies_in_one_place(lengths: list[int], size: int) -> None:
    segments = packed(lengths, size)
    places = [
        (int(s["document"]), int(s["offset"]) + i) for s in segments for i in range(s["length"])
    ]
    expected = [(d, i) for d, length in enumerate(lengths) for i in range(length)]
    assert sorted(places) == expected


@given(document_lengths, sizes)
def test_segments_tile_windows_from_their_start_without_overlap(
    lengths: list[int], size: int
) -> None:
    segments = packed(lengths, size)
    filled = dict.fromkeys(range(int(segments["window"].max()) + 1), 0)
    for segment in segments:
        assert segment["start"] == filled[int(segment["window"])]
        filled[int(segment["window"])] += int(segment["length"])
    assert all(0 < length <= size for length in filled.values())


@given(document_lengths, sizes)
def test_fragment_without_end_of_document_lies_at_end_of_window(
    lengths: list[int], size: int
) -> None:
    for segment in packed(lengths, size):
        is_last = segment["fragment"] == segment["num_fragments"] - 1
        holds_end = segment["offset"] + segment["length"] == lengths[segment["document"]]
        assert is_last == holds_end
        assert holds_end or segment["start"] + segment["length"] == size


@given(document_lengths, sizes, st.integers(0, 4))
def test_lookahead_is_what_follows_up_to_one_more_than_depth(
    lengths: list[int], size: int, depth: int
) -> None:
    for segment in packed(lengths, size, depth):
        following = lengths[segment["document"]] - segment["offset"] - segment["length"]
        assert segment["lookahead"] == min(following, depth + 1)


@given(document_lengths, sizes)
@example([9] * 60, 16)  # no two fit together: best-fit alone would pad 7 in 16
@example([17] * 60, 16)  # every remainder is a lone EOD
def test_padding_stays_below_bound_or_below_one_window(lengths: list[int], size: int) -> None:
    counts = PackingCounts.of(packed(lengths, size), sequence_tokens=size)
    assert counts.tokens == sum(lengths)
    assert counts.padding_ratio <= MAX_PADDING_RATIO or counts.padding_tokens < size


@given(document_lengths.filter(lambda lengths: max(lengths) > 64), st.just(16))
def test_long_document_is_cut_at_exactly_the_window(lengths: list[int], size: int) -> None:
    segments = packed(lengths, size)
    for document in np.flatnonzero(np.array(lengths) > size):
        fragments = segments[segments["document"] == document]
        fragments = fragments[np.argsort(fragments["fragment"])]
        whole = lengths[document] // size
        assert fragments["length"][:whole].tolist() == [size] * whole
        assert fragments["offset"][:whole].tolist() == [size * number for number in range(whole)]
        assert fragments["fragment"].tolist() == list(range(len(fragments)))
        assert set(fragments["num_fragments"].tolist()) == {len(fragments)}


def test_thousands_of_documents_are_padded_below_bound_and_hardly_cut() -> None:
    rng = np.random.default_rng(5)
    lengths = np.clip(rng.lognormal(6.5, 1.2, 9_000), 1, 200_000).astype(np.int64)
    segments = packed(lengths, 8192)
    counts = PackingCounts.of(segments, sequence_tokens=8192)
    assert counts.padding_ratio < MAX_PADDING_RATIO
    assert counts.cut_documents == 0
    assert counts.long_documents == int((lengths > 8192).sum())


def test_documents_that_no_window_can_pair_are_cut_only_to_fill_windows() -> None:
    counts = PackingCounts.of(packed([9] * 1600), sequence_tokens=16)
    assert counts.windows == 900
    assert counts.padding_tokens == 0
    assert 0 < counts.cut_documents <= 900


def test_best_fit_keeps_documents_whole_where_cutting_the_stream_would_not() -> None:
    segments = packed([10, 12, 6, 4, 16, 1, 15])
    assert (segments["num_fragments"] == 1).all()
    assert int(segments["window"].max()) + 1 == 4


@given(document_lengths)
def test_windows_are_a_function_of_lengths_and_seed(lengths: list[int]) -> None:
    assert np.array_equal(packed(lengths), packed(lengths))


def test_seed_renumbers_windows_and_changes_nothing_in_them() -> None:
    lengths = [5, 16, 11, 40, 3, 3, 10, 16, 16]

    def contents(seed: int) -> list[list[tuple[int, int]]]:
        segments = packed(lengths, seed=seed)
        by_window = [segments[segments["window"] == w] for w in np.unique(segments["window"])]
        return [[(int(s["document"]), int(s["offset"])) for s in part] for part in by_window]

    one, other = contents(1), contents(2)
    assert one != other
    assert sorted(one) == sorted(other)


def test_windows_are_not_ordered_by_length() -> None:
    lengths = np.repeat(np.arange(1, 17), 200)
    segments = packed(lengths)
    longest = np.zeros(int(segments["window"].max()) + 1)
    np.maximum.at(longest, segments["window"], segments["length"])
    middle = len(longest) // 2
    assert abs(longest[:middle].mean() - longest[middle:].mean()) < 0.5


def test_documents_inside_a_window_keep_the_order_they_came_in() -> None:
    segments = packed([2, 5, 1, 3, 5])
    assert segments["document"].tolist() == [0, 1, 2, 3, 4]
    assert segments["start"].tolist() == [0, 2, 7, 8, 11]


def test_no_documents_give_no_windows() -> None:
    counts = PackingCounts.of(packed([]), sequence_tokens=16)
    assert counts == PackingCounts(0, 0, 0, 0, 0, 0, 0)
    assert counts.padding_ratio == counts.truncation_ratio == 0


def test_document_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="at least its EOD"):
        packed([4, 0])


@given(document_lengths, sizes)
def test_concatenation_pads_nothing_but_its_last_window(lengths: list[int], size: int) -> None:
    segments = packed(lengths, size, method="concatenate")
    counts = PackingCounts.of(segments, sequence_tokens=size)
    assert counts.tokens == sum(lengths)
    assert counts.windows == -(-sum(lengths) // size)


@given(document_lengths, sizes)
def test_concatenated_windows_are_chunks_of_the_documents_end_to_end(
    lengths: list[int], size: int
) -> None:
    segments = packed(lengths, size, method="concatenate")
    begins = np.cumsum([0, *lengths])[segments["document"]] + segments["offset"]
    assert np.array_equal(begins % size, segments["start"])
    of_window: dict[int, set[int]] = {}
    for window, begin in zip(segments["window"].tolist(), begins.tolist(), strict=True):
        of_window.setdefault(window, set()).add(begin // size)
    assert sorted(of_window) == list(range(len(of_window)))
    assert all(len(chunks) == 1 for chunks in of_window.values())


@given(document_lengths, sizes)
def test_what_concatenation_would_cut_is_what_it_cuts(lengths: list[int], size: int) -> None:
    best, chunked = (
        PackingCounts.of(packed(lengths, size, method=method), sequence_tokens=size)
        for method in ("best-fit", "concatenate")
    )
    assert chunked.truncation_ratio == chunked.concatenation_truncation_ratio
    assert best.concatenation_cut_documents == chunked.concatenation_cut_documents
    assert chunked.long_documents == best.long_documents


@given(document_lengths, sizes)
def test_concatenated_fragments_that_go_on_lie_at_the_end_of_their_window(
    lengths: list[int], size: int
) -> None:
    for segment in packed(lengths, size, method="concatenate"):
        holds_end = segment["offset"] + segment["length"] == lengths[segment["document"]]
        assert holds_end == (segment["fragment"] == segment["num_fragments"] - 1)
        assert holds_end or segment["start"] + segment["length"] == size
