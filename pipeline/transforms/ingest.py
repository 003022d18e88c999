"""The first stage: raw inputs -> documents, with every record that gave none accounted for."""

from collections.abc import Mapping

import apache_beam as beam

from extractors.routing import ExtractConfig, versions
from pipeline.fingerprint import fingerprint
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.storage.splits import SourceConfig, list_inputs, plan_splits
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.extract import ExtractDocuments, summarize_documents
from pipeline.transforms.outcome import FAILED, REJECTED
from pipeline.transforms.read import READ, ReadRecords, write_splits
from pipeline.transforms.shards import PendingShards
from pipeline.transforms.stage import Stage, outcome_counts, rows

STAGE = "ingest"

DOCUMENTS = "documents"
"""Output of the stages that make documents."""


def ingest_stage(
    sources: Mapping[str, SourceConfig],
    config: ExtractConfig,
    *,
    split_bytes: int,
    max_record_bytes: int,
) -> Stage:
    """List and divide the inputs now; read and extract them when the stage runs.

    The identity covers the listing (names, sizes, versions of every file), so a file added or
    changed makes another stage.
    """
    listing = list_inputs(sources)
    splits = plan_splits(listing, sources, split_bytes=split_bytes)
    names = (READ, DOCUMENTS, REJECTED, FAILED)

    def build(graph: beam.Pipeline, folder: StageFolder) -> None:
        outcome = (
            graph
            | PendingShards(folder, len(splits), names)
            | ReadRecords(folder, sources, max_record_bytes)
            | ExtractDocuments(config)
        )
        outcome.write(folder, DOCUMENTS, DOCUMENT_SCHEMA, summarize=summarize_documents)

    return Stage(
        name=STAGE,
        version=1,
        config={
            "sources": dict(sources),
            "extract": config,
            "versions": versions(),
            "split_bytes": split_bytes,
            "max_record_bytes": max_record_bytes,
        },
        inputs={
            source: fingerprint([[f.name, f.member, f.bytes, f.version] for f in files])
            for source, files in listing.items()
        },
        outputs=dict.fromkeys(names, len(splits)),
        build=build,
        count=lambda entries: outcome_counts(entries, rows_in=rows(entries, READ), kept=DOCUMENTS),
        prepare=lambda folder: write_splits(folder, splits),
    )
