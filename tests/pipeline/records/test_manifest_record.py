import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, Manifest, ShardEntry, merge_statistics

NAMES = st.text(min_size=1, max_size=8)
NUMBERS = st.integers(0, 2**60)


def statistics_of(shape):
    """Statistics with the keys of ``shape``; two of them can be added leaf by leaf."""
    return st.fixed_dictionaries(
        {}, optional={k: NUMBERS if v is None else statistics_of(v) for k, v in shape.items()}
    )


SHAPES = st.recursive(
    st.none(), lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
).filter(lambda shape: shape is not None)
ENTRIES = st.builds(
    ShardEntry,
    output=NAMES,
    shard=NUMBERS,
    name=NAMES,
    rows=NUMBERS,
    bytes=NUMBERS,
    sha256=NAMES,
    statistics=SHAPES.flatmap(statistics_of),
)
MANIFESTS = st.builds(
    Manifest,
    stage=NAMES,
    version=NUMBERS,
    identity=NAMES,
    config=st.dictionaries(NAMES, st.none() | st.booleans() | NAMES | st.lists(NAMES)),
    inputs=st.dictionaries(NAMES, NAMES),
    counts=st.builds(Counts, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    outputs=st.dictionaries(NAMES, st.lists(ENTRIES, max_size=3).map(tuple), max_size=3),
    statistics=SHAPES.flatmap(statistics_of),
)


@given(MANIFESTS)
def test_a_manifest_survives_its_json(manifest):
    again = Manifest.from_json(manifest.to_json())
    assert again == manifest
    assert again.to_json() == manifest.to_json()
    assert again.digest() == manifest.digest()


@given(MANIFESTS, MANIFESTS)
def test_digests_are_equal_only_for_equal_manifests(one, other):
    assert (one.digest() == other.digest()) == (one == other)


def one_manifest():
    entry = ShardEntry("kept", 0, "kept/part-00000-of-00002.parquet", 3, 10, "ab")
    return Manifest(
        stage="s",
        version=1,
        identity="x",
        config={},
        inputs={},
        counts=Counts(3, 3, 0, 0),
        outputs={"kept": (entry, dataclasses.replace(entry, shard=1, rows=4)), "failed": ()},
    )


def test_rows_are_summed_over_the_shards_of_one_output():
    assert one_manifest().rows("kept") == 7
    assert one_manifest().rows("failed") == 0


def test_an_output_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(InvariantError, match=r"'s' has no output 'lost'.*\['failed', 'kept'\]"):
        one_manifest().shards("lost")


def damaged(change):
    raw = json.loads(one_manifest().to_json())
    change(raw)
    return json.dumps(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        '{"stage": "s"}',
        damaged(lambda raw: raw.update(host="here")),
        damaged(lambda raw: raw.pop("identity")),
        damaged(lambda raw: raw["counts"].pop("kept")),
        damaged(lambda raw: raw["outputs"]["kept"][0].pop("sha256")),
        damaged(lambda raw: raw["outputs"]["kept"][0].update(mtime=1)),
        damaged(lambda raw: raw.update(outputs=[])),
        one_manifest().to_json()[:-20],
    ],
)
def test_what_is_no_manifest_of_this_version_is_refused(text):
    with pytest.raises(InvariantError, match="not a manifest of this version"):
        Manifest.from_json(text)


@given(*[st.integers(0, 5)] * 4)
def test_counts_are_accepted_exactly_when_they_add_up(rows_in, kept, rejected, failed):
    counts = Counts(rows_in, kept, rejected, failed)
    if rows_in == kept + rejected + failed:
        assert counts.check(stage="s") is counts
    else:
        with pytest.raises(InvariantError, match=f"stage 's': {rows_in} rows in, but {kept} kept"):
            counts.check(stage="s")


THREE_OF_A_SHAPE = SHAPES.flatmap(lambda shape: st.tuples(*[statistics_of(shape)] * 3))


@given(THREE_OF_A_SHAPE)
def test_merging_statistics_is_associative_and_commutes(parts):
    a, b, c = parts
    at_once = merge_statistics(parts)
    assert merge_statistics([merge_statistics([a, b]), c]) == at_once
    assert merge_statistics([a, merge_statistics([b, c])]) == at_once
    assert merge_statistics([c, b, a]) == at_once


@given(THREE_OF_A_SHAPE)
def test_merging_changes_no_part(parts):
    before = json.dumps(parts)
    merge_statistics(parts)
    assert json.dumps(parts) == before


@given(SHAPES.flatmap(statistics_of))
def test_nothing_added_is_the_same(part):
    assert merge_statistics([part]) == merge_statistics([{}, part, {}]) == part


def test_a_missing_leaf_counts_as_zero():
    merged = merge_statistics([{"web": {"rows": 2}}, {"web": {"chars": 5}, "pdf": {"rows": 1}}])
    assert merged == {"web": {"rows": 2, "chars": 5}, "pdf": {"rows": 1}}
