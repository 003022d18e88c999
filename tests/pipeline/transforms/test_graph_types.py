"""Every step says what it emits: a step that does not gets pickle, which carries whole parents."""

import pytest

from extractors.routing import ExtractConfig
from filters.taggers.rubric import load_rubric
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.storage.splits import SourceConfig
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.annotate import AnnotateDocuments
from pipeline.transforms.coders import RecordBatchCoder
from pipeline.transforms.decide import DecideDocuments
from pipeline.transforms.extract import ExtractDocuments
from pipeline.transforms.problems import problems_stage
from pipeline.transforms.read import ReadRecords
from pipeline.transforms.select_seeds import SEEDS, SeedsConfig, seeds_stage
from pipeline.transforms.shards import PendingShards, ReadShards
from pipeline.transforms.stage import Finished
from pipeline.transforms.synthesize import Sources, synthesize_stage
from pipeline.transforms.tag_annotate import Annotation, annotate_documents_stage, to_items
from pipeline.transforms.tag_sample import SampleInput, sample_stage
from pipeline.transforms.tasks import RunSteps, Step
from pipeline.transforms.write import WriteShards
from synth.config import SynthConfig
from synth.engines.endpoint import EndpointConfig
from synth.problems import ProblemsConfig
from tests.pipeline.transforms.measuring import build_length
from tests.pipeline.transforms.shard_stages import SCHEMA
from tests.support.beam import coder_of, collections, pipeline

FOLDER = StageFolder("memory://nowhere/stage/aa")
SOURCES = {"web": SourceConfig(format="warc", paths=["x"])}
ENDPOINT = EndpointConfig(url="http://localhost:1/v1", model="m")


def pending():
    return PendingShards(FOLDER, 3, ("kept",))


def read_documents():
    return ReadShards(FOLDER, "documents", 3, DOCUMENT_SCHEMA)


def write(outcome):
    outcome.write(FOLDER, "kept", DOCUMENT_SCHEMA, summarize=len)


def build_copy(graph):
    (
        graph
        | pending()
        | ReadShards(FOLDER, "kept", 3, SCHEMA, ("n",))
        | WriteShards(FOLDER, "kept", SCHEMA)
    )


def build_extract(graph):
    read = ReadRecords(FOLDER, SOURCES, 1000)
    write(graph | pending() | read | ExtractDocuments(ExtractConfig()))


def build_annotate(graph):
    write(graph | pending() | read_documents() | AnnotateDocuments(build_length))


def build_decide(graph):
    decide = DecideDocuments((FOLDER, "documents"), ((FOLDER, "measures"),), 3, ())
    write(graph | pending() | decide)


def finished(*outputs):
    counts = Counts(0, 0, 0, 0)
    entries = {name: tuple(ShardEntry(name, n, "", 0, 0, "") for n in range(3)) for name in outputs}
    return Finished(FOLDER, Manifest("given", 1, "aa", {}, {}, counts, entries))


def build_problems(graph):
    sets = {"forum": ProblemsConfig(seeds="threads")}
    problems_stage(sets, finished(SEEDS), split_bytes=1000).build(graph, FOLDER)


def build_seeds(graph):
    given = finished("documents", "measures", "dedup", "kept")
    sets = {"threads": SeedsConfig(max_documents=9)}
    seeds_stage(given, given, given, given, sets).build(graph, FOLDER)


def build_synthesize(graph):
    config = SynthConfig.model_validate(
        {
            "endpoint": {"url": "http://localhost:1/v1", "model": "m"},
            "strategies": {"think_aloud": {"seeds": ["threads"]}},
            "cache": "memory://cache",
        }
    )
    synthesize_stage(config, Sources(None, None, finished(SEEDS))).build(graph, FOLDER)


def build_tag_sample(graph):
    tables = ((FOLDER, "documents", ("id", "source", "code", "n")),)
    read = SampleInput(tables, 3, ("n",), ("n",), {})
    sample_stage(read, num_documents=9).build(graph, FOLDER)


def build_tag_annotate(graph):
    annotation = Annotation(load_rubric(), ENDPOINT, has_schema=True)
    items = to_items([{"id": "a", "text": "b"}], archive="c")
    annotate_documents_stage(items, annotation, cache_folder="memory://cache").build(graph, FOLDER)


BUILDS = pytest.mark.parametrize(
    "build",
    [
        build_copy,
        build_extract,
        build_annotate,
        build_decide,
        build_problems,
        build_seeds,
        build_synthesize,
        build_tag_sample,
        build_tag_annotate,
    ],
)

BEAMS_OWN = ("/Spread shards/", "/Spread tasks/", "/Number of shards/")
"""Labels inside of which Beam, not this project, types the collections; its sums are of Any."""


def is_ours(label):
    return not any(part in f"/{label}" for part in BEAMS_OWN)


def untyped(graph):
    """Labels of our collections whose type says nothing, or more than one thing."""
    types = {
        label: str(one.element_type) for label, one in collections(graph).items() if is_ours(label)
    }
    return [label for label, hint in types.items() if "Any" in hint or "Union" in hint]


def test_tasks_hand_each_other_typed_counts():
    graph = pipeline()
    _ = graph | RunSteps((Step("sign", 3, dict, "memory://nowhere/work"),))
    assert untyped(graph) == []


@BUILDS
def test_every_collection_has_a_type_and_batches_have_their_coder(build):
    graph = pipeline()
    build(graph)
    found = collections(graph)
    assert untyped(graph) == []
    batches = [label for label, one in found.items() if "RecordBatch" in str(one.element_type)]
    assert batches
    for label in batches:
        assert RecordBatchCoder() in parts_of(coder_of(found[label])), label


def parts_of(coder):
    """A coder and those it is put together from: pairs and groups hold the batches' own."""
    return [coder, *(part for inner in coder._get_component_coders() for part in parts_of(inner))]


@BUILDS
def test_what_is_written_comes_out_as_shard_entries(build):
    graph = pipeline()
    build(graph)
    written = {
        label: one.element_type
        for label, one in collections(graph).items()
        if label.startswith(("Write", "Gather"))
    }
    assert written
    assert set(written.values()) == {ShardEntry}
