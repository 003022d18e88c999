"""Best fit: the compiled loops against the sentence that defines them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mixtures.best_fit import best_fit, fill_up

SIZE = 32
lengths_of_documents = st.lists(st.integers(0, SIZE), max_size=60)


def reference(lengths: list[int]) -> list[int]:
    """The rooms left when each document, longest first, takes the least sufficient room."""
    rooms: list[int] = []
    for length in sorted((n for n in lengths if n), reverse=True):
        sufficient = [room for room in rooms if room >= length]
        if sufficient:
            rooms.remove(min(sufficient))
            rooms.append(min(sufficient) - length)
        else:
            rooms.append(SIZE - length)
    return sorted(rooms)


@given(lengths_of_documents)
def test_each_document_takes_the_least_sufficient_room(lengths: list[int]) -> None:
    _, rooms = best_fit(np.array(lengths, np.int64), SIZE)
    assert sorted(rooms.tolist()) == reference(lengths)


@given(lengths_of_documents)
def test_windows_hold_their_documents_and_empty_documents_lie_in_none(lengths: list[int]) -> None:
    of_documents = np.array(lengths, np.int64)
    window, rooms = best_fit(of_documents, SIZE)
    assert ((window < 0) == (of_documents == 0)).all()
    used = np.bincount(window[window >= 0], of_documents[window >= 0], minlength=len(rooms))
    assert np.array_equal(SIZE - used, rooms)


@given(lengths_of_documents.filter(any), st.data())
def test_dissolved_windows_leave_every_token_in_a_piece_and_cut_only_at_ends(
    lengths: list[int], data: st.DataObject
) -> None:
    of_documents = np.array(lengths, np.int64)
    window, rooms = best_fit(of_documents, SIZE)
    needed = -(-sum(lengths) // SIZE)
    surplus = data.draw(st.integers(0, len(rooms) - needed))
    counts, length, new_window = fill_up(
        of_documents, window, rooms, surplus=surplus, sequence_tokens=SIZE
    )
    owner = np.repeat(np.arange(len(lengths)), counts)
    assert np.array_equal(np.bincount(owner, length, minlength=len(lengths)), of_documents)
    used = np.bincount(new_window, length, minlength=len(rooms) - surplus)
    assert used.max() <= SIZE
    assert len(used) == len(rooms) - surplus
    goes_on = np.append(owner[1:] == owner[:-1], False)
    continuing = new_window[goes_on]
    assert (used[continuing] == SIZE).all()
    assert len(set(continuing.tolist())) == len(continuing)
