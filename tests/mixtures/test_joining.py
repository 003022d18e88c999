"""Joining: who belongs to a unit, in which order, and what takes the place of the inner EODs."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtures.hashing import id_words
from mixtures.joining import (
    NO_SEPARATOR,
    Arrangement,
    arrange,
    join_tokens,
    separator_ids,
    unit_words,
)
from mixtures.spec import StageSpec
from mixtures.windows import TokenTable
from pipeline.errors import ConfigError, SchemaError
from pipeline.records.document import document_id

EOD, SEPARATOR = 1, 7


def stage(**join: Any) -> StageSpec:
    """Files join by tree, in the order of their path; the rest does not."""
    joined = {"by": "place.tree", "order_by": "place.path", "separator_token": "<sep>"} | join
    return StageSpec.model_validate(
        {
            "name": "long",
            "sequence_tokens": 32,
            "components": [
                {
                    "name": "code",
                    "where": [{"column": "source", "allowed": ["a", "b"]}],
                    "weight": 50.0,
                    "join": joined,
                },
                {"name": "rest", "weight": 50.0},
            ],
        }
    )


Row = tuple[str, str | None, str | None, int]
"""Source, tree, path and tokens of a document."""

rows_of_documents = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "web"]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from(["p", "q", "r", None]),
        st.integers(1, 20),
    ),
    max_size=30,
)


def table(rows: list[Row]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(
                [document_id(row[0], str(number)) for number, row in enumerate(rows)], pa.string()
            ),
            "source": pa.array([row[0] for row in rows], pa.string()),
            "place": pa.array(
                [{"tree": row[1], "path": row[2]} for row in rows],
                pa.struct([("tree", pa.string()), ("path", pa.string())]),
            ),
            "num_tokens": pa.array([row[3] for row in rows], pa.int32()),
            "copy": pa.array(np.zeros(len(rows)), pa.int32()),
        }
    )


def components_of(documents: pa.Table) -> np.ndarray:
    return np.array([int(s == "web") for s in documents["source"].to_pylist()], np.int32)


def units_of(documents: pa.Table, spec: StageSpec) -> np.ndarray:
    return unit_words(
        documents, id_words(documents["id"].combine_chunks()), components_of(documents), spec
    )


def arranged(documents: pa.Table, spec: StageSpec) -> Arrangement:
    """In the order of the units' own words, as any keyed hash of them would order them."""
    units = units_of(documents, spec)
    return arrange(
        documents,
        units=units,
        ids=id_words(documents["id"].combine_chunks()),
        components=components_of(documents),
        order=units[:, 0].copy(),
        stage=spec,
    )


def test_documents_of_one_source_and_value_share_words_and_others_keep_theirs() -> None:
    documents = table(
        [
            ("a", "x", "p", 1),
            ("a", "x", "q", 1),
            ("a", "y", "p", 1),
            ("b", "x", "p", 1),
            ("a", None, "p", 1),
            ("web", "x", "p", 1),
        ]
    )
    words = units_of(documents, stage())
    own = id_words(documents["id"].combine_chunks())
    distinct = [tuple(row) for row in words.tolist()]
    assert distinct[0] == distinct[1]
    assert len(set(distinct)) == 5
    assert (words[4:] == own[4:]).all()
    assert not (words[:4] == own[:4]).any()


def test_words_do_not_depend_on_which_rows_stand_together() -> None:
    documents = table([("a", "x", "p", 1), ("b", "y", "q", 1), ("a", "y", "q", 1)])
    whole = units_of(documents, stage())
    assert np.array_equal(whole[1:], units_of(documents.slice(1), stage()))


def test_numbers_may_be_joined_by_and_structs_may_not() -> None:
    documents = table([("a", "x", "p", 4), ("a", "y", "p", 4)])
    by_number = units_of(documents, stage(by="num_tokens"))
    assert (by_number[0] == by_number[1]).all()
    with pytest.raises(SchemaError, match="'place', which is struct"):
        units_of(documents, stage(by="place"))


@given(rows_of_documents, st.randoms(use_true_random=False))
def test_arrangement_is_the_same_however_the_copies_come(rows: list[Row], random: Any) -> None:
    documents = table(rows)
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)
    other = documents.take(pa.array(shuffled, pa.int64()))
    one, two = arranged(documents, stage()), arranged(other, stage())
    ids, others = documents["id"].to_pylist(), other["id"].to_pylist()
    assert [ids[row] for row in one.row] == [others[row] for row in two.row]
    assert one.unit.tolist() == two.unit.tolist()


@given(rows_of_documents)
def test_units_are_the_documents_that_share_source_and_value_in_order(rows: list[Row]) -> None:
    found = arranged(table(rows), stage())
    assert sorted(found.row.tolist()) == list(range(len(rows)))
    members: dict[int, list[Row]] = {}
    for row, unit in zip(found.row.tolist(), found.unit.tolist(), strict=True):
        members.setdefault(unit, []).append(rows[row])
    assert list(members) == list(range(len(members)))
    keys = [{(row[0], row[1]) for row in unit} for unit in members.values()]
    assert all(len(key) == 1 for key in keys)
    trees = [tree for key in keys for tree in key if tree[0] != "web" and tree[1] is not None]
    assert len(trees) == len(set(trees))
    for unit in members.values():
        assert len(unit) == 1 or (unit[0][0] != "web" and unit[0][1] is not None)
        paths = [row[2] or "~" for row in unit]  # nulls last
        assert paths == sorted(paths)


@given(rows_of_documents, st.integers(1, 40))
def test_unit_ends_before_it_would_exceed_its_limit(rows: list[Row], limit: int) -> None:
    documents = table(rows)
    found = arranged(documents, stage(max_tokens=limit))
    unlimited = arranged(documents, stage())
    assert found.row.tolist() == unlimited.row.tolist()
    lengths = documents["num_tokens"].to_numpy()[found.row]
    for unit in range(int(found.unit.max(initial=-1)) + 1):
        members = np.flatnonzero(found.unit == unit)
        tokens = lengths[members].sum()
        assert tokens <= limit or len(members) == 1
        following = members[-1] + 1
        if following < len(rows) and unlimited.unit[following] == unlimited.unit[members[-1]]:
            assert tokens + lengths[following] > limit


def test_copies_of_a_unit_are_units_of_their_own() -> None:
    documents = table([("a", "x", "p", 1), ("a", "x", "q", 1)] * 2)
    documents = documents.set_column(4, "copy", pa.array([0, 0, 1, 1], pa.int32()))
    found = arranged(documents, stage())
    assert found.unit.tolist() == [0, 0, 1, 1]
    assert documents["copy"].to_numpy()[found.row].tolist() == [0, 0, 1, 1]


def test_inner_ends_become_separators_and_no_token_is_added() -> None:
    members = TokenTable.of(
        [np.array(tokens, np.int32) for tokens in ([5, EOD], [6, 6, EOD], [8, EOD], [EOD])]
    )
    units = join_tokens(
        members, np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1]), (SEPARATOR, NO_SEPARATOR)
    )
    assert units.values.tolist() == [5, SEPARATOR, 6, 6, SEPARATOR, 8, EOD, EOD]
    assert units.offsets.tolist() == [0, 7, 8]


def test_no_documents_give_no_units() -> None:
    empty = join_tokens(TokenTable.of([]), np.array([], np.int64), np.array([], np.int32), (1,))
    assert empty.offsets.tolist() == [0]


def test_separator_is_the_id_of_an_added_token() -> None:
    assert separator_ids(stage(), {7: "<sep>", 1: "<eod>"}, reserved=(1,)) == (7, NO_SEPARATOR)


@pytest.mark.parametrize("token", ["<other>", "<eod>"])
def test_separator_that_is_no_added_token_or_ends_documents_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match=f"'code': join.separator_token '{token}'.*has <sep>"):
        separator_ids(stage(separator_token=token), {7: "<sep>", 1: "<eod>"}, reserved=(1,))
