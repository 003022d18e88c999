import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.dedup.config import DeduplicateConfig, KeepPreference, NearDuplicateConfig
from filters.dedup.sketch import Sketch
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms import coders  # noqa: F401 - registers the coder of pa.RecordBatch
from pipeline.transforms.deduplicate import MARKS, MARKS_SCHEMA, PAIRS, MarkDuplicates

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"

QUALITY = KeepPreference(column="tagger.quality", prefer="highest")

ANNOTATIONS = "annotations"


class Document(NamedTuple):
    id: str
    text: str
    url: str | None
    quality: float | None


def words(rng: random.Random, count: int) -> list[str]:
    return [f"w{rng.randrange(5000)}" for _ in range(count)]


def with_edits(text: str, rng: random.Random, edits: int) -> str:
    copy = text.split()
    for at in rng.sample(range(len(copy)), edits):
        copy[at] = f"edit{rng.randrange(5000)}"
    return " ".join(copy)


def corpus() -> list[Document]:
    """Unique documents, clusters of each kind, one chain over kinds, and a hot cluster."""
    rng = random.Random(11)
    documents = []

    def add(text: str, url: str | None = None, quality: float | None = None) -> None:
        documents.append(Document(f"{rng.getrandbits(128):032x}", text, url, quality))

    for i in range(40):
        add(" ".join(words(rng, 120)), f"http://example.org/{i}", rng.random())
    for i in range(10):
        add(" ".join(words(rng, 120)), f"https://EXAMPLE.org/{i}/", rng.random())  # url
        add("  " + documents[10 + i].text + "\n", None, None)  # exact
        add(with_edits(documents[20 + i].text, rng, 1), f"http://mirror.example/{i}", 0.5)  # near
        add(with_edits(documents[30 + i].text, rng, 90), None, 0.5)  # not similar
    add("too short to sign", None, 0.1)
    add("too short to sign", None, 0.2)
    add("too short to  be signed", None, 0.3)
    # A page found under the address of one document and with the text of another.
    add(documents[12].text, "http://example.org/3?utm_source=x", 0.99)
    template = " ".join(words(rng, 200))
    for _ in range(40):
        add(with_edits(template, rng, 1), None, rng.choice([None, 0.25, 0.75]))
    return documents


def write_sketches(
    folder: StageFolder, shards: Sequence[Sequence[Document]], config: DeduplicateConfig
) -> None:
    sketch = Sketch(config.sketch_parameters())
    schema = pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("tagger.quality", pa.float32()),
            *(field.with_name(f"sketch.{field.name}") for field in sketch.columns),
        ]
    )
    for shard, rows in enumerate(shards):
        texts = {
            "text": pa.array([row.text for row in rows], pa.large_string()),
            "url": pa.array([row.url for row in rows], pa.string()),
        }
        columns = [
            pa.array([row.id for row in rows], pa.string()),
            pa.array(["web"] * len(rows), pa.string()),
            pa.array([row.quality for row in rows], pa.float32()),
            *sketch.annotate(pa.record_batch(texts)).columns,
        ]
        writer = TableWriter(folder.table(ANNOTATIONS, shard, len(shards)), schema)
        writer.write(pa.record_batch(columns, schema=schema))
        writer.close()


def mark(
    path: Path,
    shards: Sequence[Sequence[Document]],
    config: DeduplicateConfig,
    *,
    pending: Sequence[int] | None = None,
) -> StageFolder:
    sketches, output = StageFolder(str(path / "annotate")), StageFolder(str(path / "dedup"))
    write_sketches(sketches, shards, config)
    with beam.Pipeline(runner=RUNNER) as graph:
        numbers = graph | beam.Create(range(len(shards)) if pending is None else pending)
        numbers = numbers | beam.Map(int).with_output_types(int)
        tables = numbers | MarkDuplicates(config, (sketches, ANNOTATIONS), len(shards))
        tables.write(output)
    return output


def marks(folder: StageFolder, num_shards: int) -> dict[str, dict[str, Any]]:
    rows = [
        row
        for shard in range(num_shards)
        for row in pq.read_table(folder.table(MARKS, shard, num_shards)).to_pylist()
    ]
    return {row["id"]: row for row in rows}


def spread(documents: Sequence[Document], num_shards: int, seed: int) -> list[list[Document]]:
    order = list(documents)
    random.Random(seed).shuffle(order)
    return [order[shard::num_shards] for shard in range(num_shards)]


CONFIG = DeduplicateConfig(near=NearDuplicateConfig(threshold=0.8), keep=(QUALITY,))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Marks of the corpus by document id, from one shard and one partition."""
    output = mark(tmp_path_factory.mktemp("one"), [corpus()], CONFIG)
    return marks(output, 1)


def kinds_of(found: dict[str, dict[str, Any]], documents: Sequence[Document]) -> list[str | None]:
    return [found[document.id]["dedup.kind"] for document in documents]


def test_planted_duplicates_are_found_by_their_kind(found: dict[str, dict[str, Any]]) -> None:
    documents = corpus()
    planted = documents[40:80]
    for offset, kind, original in ((0, "url", 0), (1, "exact", 10), (2, "near", 20)):
        for i, copy in enumerate(planted[offset::4]):
            first, second = found[documents[original + i].id], found[copy.id]
            assert first["dedup.cluster_id"] == second["dedup.cluster_id"] is not None
            assert kind in (first["dedup.kind"], second["dedup.kind"])


def test_documents_without_a_duplicate_are_alone(found: dict[str, dict[str, Any]]) -> None:
    documents = corpus()
    dissimilar = documents[43:80:4]
    alone = {
        "dedup.cluster_id": None,
        "dedup.rank": 0,
        "dedup.cluster_size": 1,
        "dedup.kind": None,
    }
    for document in [*documents[30:40], *dissimilar]:
        assert found[document.id] == {"id": document.id, "source": "web", **alone}


def test_short_documents_are_duplicates_only_when_equal(found: dict[str, dict[str, Any]]) -> None:
    short = corpus()[80:83]
    assert kinds_of(found, short) == ["exact", None, None]
    assert [found[document.id]["dedup.cluster_size"] for document in short] == [2, 2, 1]


def test_a_document_that_ties_two_clusters_makes_them_one(
    found: dict[str, dict[str, Any]],
) -> None:
    documents = corpus()
    # Two documents of one address, two of one text, and the one that has both.
    chain = [documents[i] for i in (3, 52, 12, 49, 83)]
    assert {found[d.id]["dedup.cluster_size"] for d in chain} == {5}
    assert {found[d.id]["dedup.cluster_id"] for d in chain} == {min(d.id for d in chain)}
    assert kinds_of(found, chain) == ["url", "url", "exact", "exact", None]


def test_every_cluster_keeps_its_best_and_ranks_the_rest(
    found: dict[str, dict[str, Any]],
) -> None:
    clusters: dict[str, list[Document]] = {}
    for document in corpus():
        name = found[document.id]["dedup.cluster_id"]
        if name is not None:
            clusters.setdefault(name, []).append(document)
    assert len(clusters) == 31  # 30 planted, two of them tied, the short one and the template
    for name, documents in clusters.items():
        assert name == min(document.id for document in documents)
        best_first = sorted(documents, key=lambda d: (d.quality is None, -(d.quality or 0.0), d.id))
        rows = [found[document.id] for document in best_first]
        assert [row["dedup.rank"] for row in rows] == list(range(len(rows)))
        assert {row["dedup.cluster_size"] for row in rows} == {len(rows)}
        assert [row["dedup.kind"] is None for row in rows] == [True] + [False] * (len(rows) - 1)


@pytest.mark.parametrize(("num_shards", "partitions", "seed"), [(1, 5, 1), (4, None, 2), (3, 1, 3)])
def test_order_shards_and_partitions_change_nothing(
    found: dict[str, dict[str, Any]],
    tmp_path: Path,
    num_shards: int,
    partitions: int | None,
    seed: int,
) -> None:
    config = CONFIG.model_copy(update={"partitions": partitions})
    output = mark(tmp_path, spread(corpus(), num_shards, seed), config)
    assert marks(output, num_shards) == found


def test_partitions_leave_every_byte_alone(tmp_path: Path) -> None:
    shards = spread(corpus(), 3, seed=4)
    written = []
    for partitions in (1, 7):
        config = CONFIG.model_copy(update={"partitions": partitions})
        output = mark(tmp_path / str(partitions), shards, config)
        files = [output.table(MARKS, shard, 3) for shard in range(3)] + [output.table(PAIRS, 0, 1)]
        written.append([Path(file).read_bytes() for file in files])
    assert written[0] == written[1]


def test_every_shard_has_a_row_for_each_document_in_order(tmp_path: Path) -> None:
    documents = corpus()
    shards = [documents[:39], [], documents[39:40], documents[40:]]
    output = mark(tmp_path, shards, CONFIG)
    for shard, rows in enumerate(shards):
        table = pq.read_table(output.table(MARKS, shard, 4))
        assert table.schema.equals(MARKS_SCHEMA)
        assert table.column("id").to_pylist() == [row.id for row in rows]


def test_only_pending_shards_are_written_and_as_in_a_full_run(tmp_path: Path) -> None:
    shards = spread(corpus(), 3, seed=5)
    full = mark(tmp_path / "full", shards, CONFIG)
    rest = mark(tmp_path / "rest", shards, CONFIG, pending=[1])
    assert rest.read_receipt(MARKS, 1) == full.read_receipt(MARKS, 1)
    assert [rest.read_receipt(MARKS, shard) for shard in (0, 2)] == [None, None]


def test_kinds_that_are_off_find_nothing(tmp_path: Path) -> None:
    config = DeduplicateConfig(url=False, exact=True, near=None)
    output = mark(tmp_path, spread(corpus(), 2, seed=6), config)
    kinds = {row["dedup.kind"] for row in marks(output, 2).values()}
    assert kinds == {None, "exact"}
    none = DeduplicateConfig(url=False, exact=False, near=None)
    output = mark(tmp_path / "none", spread(corpus(), 2, seed=6), none)
    assert {row["dedup.cluster_size"] for row in marks(output, 2).values()} == {1}


def test_pairs_and_hot_buckets_are_counted(tmp_path: Path) -> None:
    output = mark(tmp_path, spread(corpus(), 2, seed=7), CONFIG)
    url, exact, near = pq.read_table(output.table(PAIRS, 0, 1)).to_pylist()
    assert url == {
        "kind": "url",
        "keys": 61,
        "hot_buckets": 0,
        "hot_documents": 0,
        "pairs": 11,
        "merged_pairs": 11,
    }
    assert (exact["keys"], exact["merged_pairs"]) == (124, 12)
    assert near["keys"] == 14 * 121  # three documents are too short
    # The 40 copies of a template meet in nearly every band, in more than are all compared.
    assert near["hot_buckets"] == 14
    assert 14 * 20 < near["hot_documents"] < 14 * 40
    assert near["merged_pairs"] <= near["pairs"] < 40 * 39 / 2 + 100
    receipt = output.read_receipt(PAIRS, 0)
    assert receipt is not None
    assert receipt.statistics["near"]["hot_buckets"] == 14
