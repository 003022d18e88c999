"""Turn raw records into documents; native parsers run in a child process that may die."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.typehints.decorators import no_annotations

from extractors.extraction import Extraction
from extractors.routing import ExtractConfig, Input, extract, is_harmless, prepare, retried
from extractors.sandbox import Failed, Ok, Rejected, Sandbox, run_here
from pipeline.records.address import address_of
from pipeline.records.document import DOCUMENT_SCHEMA
from pipeline.records.failure import FAILURE_SCHEMA
from pipeline.records.manifest import Statistics, merge_statistics
from pipeline.records.rejection import REJECTION_SCHEMA
from pipeline.storage.licenses import class_of
from pipeline.transforms.outcome import Outcome, StageOutcome, outputs, split_outcome, tagged

STAGE = "extract"

UNKNOWN_TYPE = "application/octet-stream"
"""Media type of a document that neither its container nor its extractor names."""

Result = Ok[Extraction] | Rejected | Failed

_STRUCTURE_KINDS = ("formulas", "code_blocks", "tables", "posts", "pages")


@dataclass(eq=False)
class ExtractDocuments(beam.PTransform):  # type: ignore[misc]
    """Batches of ``RECORD_SCHEMA`` -> documents, rejections and failures."""

    config: ExtractConfig

    def __post_init__(self) -> None:
        super().__init__(label="Extract documents")

    @no_annotations  # type: ignore[untyped-decorator]  # Beam warns of tuples
    def expand(self, records: beam.PCollection) -> StageOutcome:
        """Each record becomes exactly one row of one of the three."""
        return split_outcome(records | "Extract" >> outputs(beam.ParDo(_Extract(self.config))))


class _Extract(beam.DoFn):  # type: ignore[misc]
    def __init__(self, config: ExtractConfig) -> None:
        self._config = config
        self._extract = partial(extract, config=config)
        self._sandbox: Sandbox[Input, Extraction] | None = None

    def setup(self) -> None:
        limits = self._config.sandbox
        self._sandbox = Sandbox(
            self._extract,
            time_limit_seconds=limits.time_limit_seconds,
            memory_limit_bytes=limits.memory_limit_bytes,
            prepare=partial(prepare, config=self._config),
        )

    def process(self, records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if self._sandbox is None:
            raise RuntimeError("process() before setup()")
        inputs = to_inputs(records)
        risky = [item for item in inputs if item is not None and not is_harmless(item)]
        parsed = dict(zip(map(id, risky), self._sandbox.map_twice(risky, retried), strict=True))
        results = [
            None if item is None else parsed.get(id(item)) or run_here(self._extract, item)
            for item in inputs
        ]
        yield from tagged(to_outcome(records, results), address_of(records))

    def teardown(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None


def to_inputs(records: pa.RecordBatch) -> list[Input | None]:
    """What the extractors get for each record; None for one that could not be read."""
    columns = (
        records.column(name).to_pylist()
        for name in ("payload", "media_type", "charset", "url", "member", "archive")
    )
    return [
        None
        if payload is None
        else Input(
            payload=payload,
            media_type=media_type,
            charset=charset,
            url=url,
            path=member or archive,
        )
        for payload, media_type, charset, url, member, archive in zip(*columns, strict=True)
    ]


def to_outcome(records: pa.RecordBatch, results: Sequence[Result | None]) -> Outcome:
    """Sort records by their result: a document, a rejection or a failure.

    ``results`` has one entry a record, None for an unreadable one, whose own error stands.
    """
    documents: list[dict[str, Any]] = []
    rejections: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    names = [name for name in records.schema.names if name != "payload"]
    for record, result in zip(records.select(names).to_pylist(), results, strict=True):
        match result:
            case Ok(value=extraction) if field := _not_utf8(extraction):
                message = f"{field} holds half a surrogate pair, which UTF-8 cannot store"
                failures.append(_failure(record, STAGE, "UnicodeEncodeError", message, None))
            case Ok(value=extraction):
                documents.append(_document(record, extraction))
            case Rejected(reason=reason, value=value):
                rejections.append(_rejection(record, reason, value))
            case Failed(error_type=error_type, message=message, traceback=traceback):
                failures.append(_failure(record, STAGE, error_type, message, traceback))
            case None:
                failures.append(
                    _failure(record, "read", record["error_type"], record["error_message"], None)
                )
    return Outcome(
        pa.RecordBatch.from_pylist(documents, schema=DOCUMENT_SCHEMA),
        pa.RecordBatch.from_pylist(rejections, schema=REJECTION_SCHEMA),
        pa.RecordBatch.from_pylist(failures, schema=FAILURE_SCHEMA),
    )


def summarize_documents(documents: pa.RecordBatch) -> Statistics:
    """By source: documents, characters, media types, and structure found and kept."""
    parts = []
    for source in pc.unique(documents.column("source")).to_pylist():
        rows = documents.filter(pc.equal(documents.column("source"), source))
        structure = rows.column("structure")
        counts = {
            f"{kind}_{side}": pc.sum(pc.struct_field(structure, f"{kind}_{side}")).as_py() or 0
            for kind in _STRUCTURE_KINDS
            for side in ("found", "kept")
        }
        media_types = pc.value_counts(rows.column("media_type")).to_pylist()
        parts.append(
            {
                source: {
                    "documents": rows.num_rows,
                    "chars": pc.sum(pc.utf8_length(rows.column("text"))).as_py(),
                    "media_types": {entry["values"]: entry["counts"] for entry in media_types},
                    "structure": counts,
                }
            }
        )
    return merge_statistics(parts)


def _not_utf8(extraction: Extraction) -> str | None:
    """Name of a field that Arrow would refuse, taking the whole batch down; None if all is well."""
    for name, value in vars(extraction).items():
        try:
            _ = value.encode() if isinstance(value, str) else None
        except UnicodeEncodeError:
            return name
    return None


def _document(record: dict[str, Any], extraction: Extraction) -> dict[str, Any]:
    license_id = extraction.license or record["license"]
    code = None
    if extraction.code is not None:
        code = dict(vars(extraction.code))
        if code["license_class"] == "unknown" and license_id is not None:
            code["license_class"] = class_of(license_id)
    return {
        "id": record["id"],
        "text": extraction.text,
        "source": record["source"],
        "url": record["url"],
        "canonical_url": extraction.canonical_url,
        "title": extraction.title,
        "declared_language": extraction.declared_language,
        "published_at": extraction.published_at,
        "media_type": extraction.media_type or record["media_type"] or UNKNOWN_TYPE,
        "license": license_id,
        "fetched_at": record["fetched_at"],
        "provenance": {
            "archive": record["archive"],
            "member": record["member"],
            "offset": record["offset"],
            "length": record["length"],
            "extractor": extraction.extractor,
            "extractor_version": extraction.extractor_version,
        },
        "structure": dict(vars(extraction.structure)),
        "code": code,
        "lineage": None,
    }


def _rejection(record: dict[str, Any], reason: str, value: str | None) -> dict[str, Any]:
    return {
        **_locator(record),
        "stage": STAGE,
        "reason": f"{STAGE}.{reason}",
        "broken_rules": [{"rule": f"{STAGE}.{reason}", "column": None, "value": value}],
    }


def _failure(
    record: dict[str, Any], stage: str, error_type: str, message: str, traceback: str | None
) -> dict[str, Any]:
    return {
        **_locator(record),
        "stage": stage,
        "error_type": error_type,
        "message": message,
        "traceback": traceback,
    }


def _locator(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("id", "source", "url", "archive", "member", "offset")}
