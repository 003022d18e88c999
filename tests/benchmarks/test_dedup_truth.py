"""What the benchmarks of deduplication compare with: exact similarities, theory, planted tables."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dedup.corpus import Kind, Plan, plant
from benchmarks.dedup.measures_tables import Sort, make_measures, plan_families
from benchmarks.dedup.peers import judge
from benchmarks.dedup.recall import contains, tabulate
from benchmarks.dedup.recipe_run import RecipeRun, are_merged, read_edges
from benchmarks.dedup.s_curve import expected_exact, expected_signature
from benchmarks.dedup.true_similarity import index_shingles
from filters.dedup.config import DeduplicateConfig
from filters.dedup.minhash import estimate_jaccard
from filters.dedup.sketch import Sketch, unpack_signatures
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms.annotate import measures_schema
from pipeline.transforms.stage import Finished

SHAPE = {"bands": 14, "rows": 8}


def plain_shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[begin : begin + 5]) for begin in range(len(words) - 4)}


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=20).map(" ".join), max_size=8))
def test_similarities_are_those_of_plain_sets(texts):
    index = index_shingles(pa.array(texts, pa.large_string()))
    sets = [plain_shingles(text) for text in texts]
    expected = {
        (i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j])
        for i, j in itertools.combinations(range(len(texts)), 2)
        if sets[i] & sets[j]
    }
    pairs, similarities = index.similar_pairs(0.01)
    assert dict(zip(map(tuple, pairs.tolist()), similarities.tolist(), strict=True)) == expected
    every = np.array([*itertools.combinations(range(len(texts)), 2)], np.int64).reshape(-1, 2)
    assert index.jaccard(every).tolist() == [expected.get(tuple(p), 0) for p in every.tolist()]


def test_more_words_than_fit_are_refused():
    text = " ".join(f"word{number}" for number in range(7_132))
    with pytest.raises(ValueError, match="do not fit 64 bits"):
        index_shingles(pa.array([text], pa.large_string()))


def test_without_a_threshold_both_curves_are_the_s_curve():
    jaccard = np.linspace(0, 1, 21)
    curve = expected_exact(jaccard, **SHAPE, threshold=0)
    signature = expected_signature(jaccard, **SHAPE, threshold=0, permutations=112)
    np.testing.assert_allclose(signature, curve, atol=1e-9)
    assert curve[16] == pytest.approx(0.924, abs=1e-3)  # FineWeb's 92% at 0.8


def test_the_curve_of_signatures_is_what_simulation_gives():
    jaccard = np.array([0.7, 0.8, 0.9])
    is_equal = np.random.default_rng(0).random((3, 20_000, 112)) < jaccard[:, None, None]
    is_candidate = is_equal.reshape(3, -1, 14, 8).all(axis=3).any(axis=2)
    seen = (is_candidate & (is_equal.mean(axis=2) >= 0.8)).mean(axis=1)
    expected = expected_signature(jaccard, **SHAPE, threshold=0.8, permutations=112)
    np.testing.assert_allclose(seen, expected, atol=0.015)


def test_bins_hold_the_share_merged_beside_the_share_expected():
    jaccard = np.array([0.81, 0.82, 0.83, 0.84, 0.96])
    bins = tabulate(
        jaccard, np.array([1, 1, 1, 0, 1], bool), lambda given: np.full(len(given), 0.5)
    )
    assert [(round(one.low, 2), one.pairs, one.merged) for one in bins] == [
        (0.8, 4, 0.75),
        (0.95, 1, 1.0),
    ]
    assert bins[0].difference == pytest.approx(0.25)
    assert bins[0].error == pytest.approx(0.25)


def test_a_pair_is_found_in_either_order():
    edges = np.array([[0, 7], [3, 5]])
    assert contains(edges, np.array([[5, 3], [0, 7], [0, 5], [7, 3]]), 10).tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_documents_without_a_cluster_are_merged_with_nothing():
    marks = pa.table({"dedup.cluster_id": ["a", None, "a", None]})
    pairs = np.array([[0, 2], [1, 3], [0, 1]])
    assert are_merged(marks, pairs).tolist() == [True, False, False]


def test_a_tool_is_judged_by_what_it_keeps():
    corpus = plant(Plan(drawn=10, near={0.9: 4}, exact=2, words=(60, 90)), seed=0)
    near, exact = corpus.pairs(Kind.NEAR), corpus.pairs(Kind.EXACT)
    alone = np.setdiff1d(np.flatnonzero(corpus.kinds == Kind.DRAWN), [*near[:, 0], *exact[:, 0]])
    kept = np.ones(len(corpus), bool)
    kept[near[0, 1]] = kept[near[1, 0]] = False  # either of a pair may stay
    kept[exact[0]] = False  # but one has to
    kept[alone[0]] = False
    seen = judge(corpus, kept, cpu=1.0, stages={})
    assert (seen.near, seen.exact, seen.wrong) == (0.5, 0.5, 2)


def finished(run: str, stage: str, output: str, tables: list[pa.Table]) -> Finished:
    folder = StageFolder.of(run, stage, "given")
    entries = []
    for shard, table in enumerate(tables):
        name = folder.shard_file(output, shard, len(tables))
        writer = TableWriter(folder.locate(name), table.schema)
        for batch in table.to_batches():
            writer.write(batch)
        entries.append(ShardEntry(output, shard, name, table.num_rows, *writer.close()))
    counts = Counts(0, 0, 0, 0)
    return Finished(folder, Manifest(stage, 1, "given", {}, {}, counts, {output: tuple(entries)}))


def test_edges_are_read_as_numbers_of_the_corpus(tmp_path):
    places = [("part-00001.parquet", [0, 2]), ("part-00000.parquet", [7, 1, 4])]
    documents = []
    for name, rows in places:
        given_columns = {
            "id": pa.array([f"{name}-{row}" for row in rows]),
            "text": pa.array([""] * len(rows), pa.large_string()),
            "source": pa.array(["made"] * len(rows)),
            "media_type": pa.array(["text/plain"] * len(rows)),
            "provenance": pa.array(
                [{"archive": name, "offset": row} for row in rows],
                DOCUMENT_SCHEMA.field("provenance").type,
            ),
        }
        columns = [
            given_columns.get(field.name, pa.nulls(len(rows), field.type))
            for field in DOCUMENT_SCHEMA
        ]
        documents.append(pa.table(columns, schema=DOCUMENT_SCHEMA))
    schema = pa.schema([("first", pa.uint64()), ("second", pa.uint64()), ("kind", pa.string())])
    edges = [
        pa.table([[1], [1 << 32 | 2], ["near"]], schema=schema),
        pa.table([[], [], []], schema=schema),
        pa.table([[0], [1], ["url"]], schema=schema),
    ]
    stages = {
        "ingest": finished(str(tmp_path), "ingest", "documents", documents),
        "duplicate-pairs": finished(str(tmp_path), "duplicate-pairs", "edges", edges),
    }
    table = read_edges(RecipeRun(stages, {}, total=None))
    assert table.to_pylist() == [
        {"left": 4, "right": 20_002, "kind": "near"},
        {"left": 20_000, "right": 20_002, "kind": "url"},
    ]


CONFIG = DeduplicateConfig()
SCHEMA = measures_schema((Sketch(CONFIG.sketch_parameters()),))
ROWS = 20_000
FAMILIES = plan_families(ROWS)


@pytest.fixture(scope="module")
def table() -> pa.RecordBatch:
    """Measures of all rows."""
    return make_measures(FAMILIES, 0, ROWS, SCHEMA)


def rows_of_sort(sort):
    """Rows of a sort, families together, members in order."""
    rows = np.flatnonzero(FAMILIES.sort == sort)
    return rows[np.lexsort([FAMILIES.member[rows], FAMILIES.family[rows]])]


def test_a_shard_has_what_the_whole_table_has_there(table):
    part = make_measures(FAMILIES, 500, 700, SCHEMA)
    assert part.equals(table.slice(500, 200))


def test_ids_are_distinct_and_look_like_ids(table):
    ids = table.column("id").to_pylist()
    assert len(set(ids)) == ROWS
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids[:100])


def test_as_many_duplicates_are_planted_as_asked_for():
    extra = ROWS * 0.005 + ROWS // 100
    assert FAMILIES.duplicates == pytest.approx(ROWS * 0.3 + extra, rel=0.01)


@pytest.mark.parametrize(
    ("sort", "column"), [(Sort.URL, "sketch.url_key"), (Sort.EXACT, "sketch.exact_key")]
)
def test_families_of_one_key_share_it_with_nobody_else(table, sort, column):
    keys = np.array(table.column(column).to_pylist())
    rows = rows_of_sort(sort)
    families = FAMILIES.family[rows]
    for family in np.unique(families)[:50]:
        assert len(set(keys[rows[families == family]])) == 1
    others = ROWS - len(rows)
    assert len(set(keys)) == others + len(np.unique(families))


@pytest.mark.parametrize(
    ("sort", "similarity"), [(Sort.NEAR, 0.9), (Sort.GIANT, 0.98), (Sort.CHAIN, 0.9)]
)
def test_neighbours_in_a_family_are_as_similar_as_promised(table, sort, similarity):
    signatures = unpack_signatures(table.column("sketch.minhash"))
    rows = rows_of_sort(sort)
    is_pair = FAMILIES.family[rows[1:]] == FAMILIES.family[rows[:-1]]
    left, right = rows[:-1][is_pair], rows[1:][is_pair]
    found = estimate_jaccard(signatures[left], signatures[right])
    assert found.mean() == pytest.approx(similarity, abs=0.01)


def test_the_ends_of_a_chain_have_nothing_in_common(table):
    signatures = unpack_signatures(table.column("sketch.minhash"))
    rows = rows_of_sort(Sort.CHAIN)
    assert estimate_jaccard(signatures[rows[:-10]], signatures[rows[10:]]).max() == 0


def test_hot_rows_share_one_band_only(table):
    signatures = unpack_signatures(table.column("sketch.minhash"))
    rows = rows_of_sort(Sort.HOT)
    assert len(rows) == ROWS * 0.01
    found = estimate_jaccard(signatures[rows[:-1]], signatures[rows[1:]])
    np.testing.assert_allclose(found, 8 / 112)
