"""Run one transform on batches, and look at the graph that it builds.

The runner is named in full: ``DirectRunner`` would try to download another one first.
"""

import uuid
from collections.abc import Mapping
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import PipelineVisitor

from pipeline.records.address import address_of
from pipeline.transforms import coders

RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
OPTIONS = (RUNNER,)
FOUR_THREADS = (RUNNER, "--direct_num_workers=4", "--direct_running_mode=multi_threading")


def pipeline(options=OPTIONS):
    """A pipeline; it runs at the end of its ``with`` block, once."""
    return beam.Pipeline(options=PipelineOptions(list(options)))


def run_transform(transform, elements, folder: Path, options=OPTIONS) -> dict[str, pa.Table]:
    """Apply ``transform`` to elements, in order and in one bundle; its outputs as tables.

    Elements are addressed batches or shard numbers. Outputs are named by the fields of the tuple
    that the transform returns. ``folder`` takes their batches from the workers.
    """
    encoded = [encode(element) for element in elements]
    with pipeline(options) as graph:
        outputs = (
            graph
            | "Test input" >> beam.Create([encoded], reshuffle=False)
            | "Decode" >> beam.FlatMap(decode_all)
            | transform
        )
        for name, output in named_outputs(outputs).items():
            output | f"Save {name}" >> beam.ParDo(SaveBatches(str(folder / name)))
    return {name: load_batches(folder / name) for name in named_outputs(outputs)}


def named_outputs(outputs) -> Mapping[str, beam.PCollection]:
    """The collections a transform returns, by name; a single one is called ``output``."""
    if isinstance(outputs, beam.PCollection):
        return {"output": outputs}
    return outputs._asdict()


def encode(element):
    """A batch as bytes, so that ``Create`` does not pickle it; a shard number as it is."""
    is_batch = isinstance(element, pa.RecordBatch)
    return coders.RecordBatchCoder().encode(element) if is_batch else element


def decode_all(encoded):
    """The elements that :func:`encode` was given."""
    for part in encoded:
        yield coders.RecordBatchCoder().decode(part) if isinstance(part, bytes) else part


class SaveBatches(beam.DoFn):
    """Saves each batch as a file named by its address."""

    def __init__(self, folder):
        self._folder = folder

    def process(self, batch):
        address = address_of(batch)
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{address.shard:05d}-{address.sequence:05d}-{uuid.uuid4().hex}.arrow"
        (folder / name).write_bytes(coders.RecordBatchCoder().encode(batch))


def load_batches(folder: Path) -> pa.Table:
    """What :class:`SaveBatches` saved, as one table in order of the addresses."""
    files = sorted(folder.glob("*.arrow"))
    batches = [coders.RecordBatchCoder().decode(file.read_bytes()) for file in files]
    return pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches])


def collections(graph: beam.Pipeline) -> dict[str, beam.PCollection]:
    """Every collection of a graph by the full label of the step that makes it, and its tag."""
    found: dict[str, beam.PCollection] = {}

    class Collect(PipelineVisitor):
        def visit_transform(self, transform_node):
            for tag, output in transform_node.outputs.items():
                found[f"{transform_node.full_label}[{tag}]"] = output

        enter_composite_transform = visit_transform

    graph.visit(Collect())
    return found


def coder_of(collection: beam.PCollection) -> beam.coders.Coder:
    """The coder with which a runner will carry the collection's elements."""
    return beam.coders.registry.get_coder(collection.element_type)
