"""Look into a run: a document and its fate, rejections, failures, the origin of a token."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mixtures.provenance import locate_member, read_documents
from mixtures.stage_files import WINDOWS
from mixtures.windows import TOKENS_SUFFIX, open_shard
from pipeline.errors import ConfigError
from pipeline.run import read_run
from pipeline.storage.tables import read_rows, read_table
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.cut_passages import PASSAGES
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import FAILED, KEPT, REJECTED
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.solve import read_mixture
from pipeline.transforms.stage import Finished
from pipeline.transforms.tokenize import load_tokenizer

EXCERPT_CHARS = 400

ANY_RULE = "any"
"""Stands for all rules."""

CONTEXT_TOKENS = 40

_KINDS = {"url": "web address", "exact": "equal text", "near": "similar text"}
"""How a document touches its cluster."""


def inspect(
    output: str,
    *,
    document: str | None,
    rejected: str | None,
    is_failed: bool,
    token: str | None,
    limit: int,
) -> int:
    """Print what was asked for; returns 1 when there is no such thing.

    Raises ConfigError unless exactly one thing is asked for.
    """
    asked = [document is not None, rejected is not None, is_failed, token is not None]
    if sum(asked) != 1:
        raise ConfigError("inspect takes one of --id, --rejected, --failed and --token")
    _, stages = read_run(output)
    if document is not None:
        lines = _show_document(stages, document)
    elif rejected is not None:
        lines = _show_rejections(stages, rejected, limit)
    elif token is not None:
        lines = _show_token(stages, token)
    else:
        lines = _show_failures(stages, limit)
    found = 0
    for line in lines:
        print(line)
        found += 1
    if not found:
        print("nothing found")
    return 0 if found else 1


def _show_document(stages: list[Finished], document: str) -> Iterator[str]:
    for finished, row in _find(stages, DOCUMENTS, document):
        text = row.pop("text")
        yield f"== {finished.manifest.stage}: document {document}"
        yield _pretty(row)
        yield f"\n{text}\n"
    for finished, row in _find(stages, MEASURES, document):
        yield f"== {finished.manifest.stage}"
        yield _pretty({k: v for k, v in row.items() if not isinstance(v, bytes)})
    for finished, row in _find(stages, MARKS, document):
        yield f"== {finished.manifest.stage}: {_describe_marks(row)}"
        yield _pretty(row)
    for finished, row in _find(stages, PASSAGES, document):
        yield f"== {finished.manifest.stage}"
        yield _pretty(row)
    for output in (KEPT, REJECTED, FAILED):
        for finished, row in _find(stages, output, document):
            yield f"== {finished.manifest.stage}: {output}"
            yield _pretty(row)


def _describe_marks(row: Mapping[str, Any]) -> str:
    """A document's place in its cluster of duplicates, as a sentence."""
    if row["dedup.cluster_id"] is None:
        return "no duplicate of it was found"
    cluster = f"a cluster of {row['dedup.cluster_size']:,} duplicates"
    rank, kind, older = row["dedup.rank"], row["dedup.kind"], row["dedup.older_id"]
    said = [f"the keeper of {cluster}"]
    if rank:
        said = [f"rank {rank:,} in {cluster}, by {_KINDS[kind]} ({kind})"]
        said.append(f"kept is {row['dedup.keeper_id']}")
    if older is not None:
        said.append(f"an earlier run has {older}")
    return "; ".join(said)


def _show_rejections(stages: list[Finished], rule: str, limit: int) -> Iterator[str]:
    """Rejections for which a rule was broken, in the order of stages, shards and rows."""
    shown = 0
    for finished in stages:
        for entry in finished.manifest.outputs.get(REJECTED, ()):
            for batch in read_table(finished.folder.locate(entry.name)):
                for row in batch.filter(_has_broken(batch, rule)).to_pylist():
                    if shown == limit:
                        return
                    shown += 1
                    yield from _describe_rejection(finished.manifest.stage, row)
                    yield from _excerpt(stages, finished, entry.shard, row["id"])
    if not shown:
        _refuse_unknown(stages, rule)


def _has_broken(rejected: pa.RecordBatch, rule: str) -> pa.BooleanArray:
    """Whether a rejection's reason, or any rule that it broke, is ``rule`` or one of its column."""
    if rule == ANY_RULE:
        return pa.repeat(True, rejected.num_rows)
    broken = rejected.column("broken_rules")
    rows = pc.list_parent_indices(broken)
    rules = pc.struct_field(pc.list_flatten(broken), "rule")
    has_broken = np.zeros(rejected.num_rows, np.bool_)
    has_broken[rows.filter(_is_of(rules, rule)).to_numpy()] = True
    return pc.or_(pa.array(has_broken), _is_of(rejected.column("reason"), rule))


def _is_of(reasons: pa.Array, rule: str) -> pa.BooleanArray:
    """Whether a reason is ``rule``, or ``rule`` is the column or annotator that it begins with."""
    is_of = pc.or_(pc.equal(reasons, rule), pc.starts_with(reasons, f"{rule}."))
    return pc.fill_null(is_of, False)


def _describe_rejection(stage: str, row: dict[str, Any]) -> Iterator[str]:
    yield f"== {stage}: {row['reason']}"
    for broken in row.pop("broken_rules"):
        value = "no value" if broken["value"] is None else broken["value"]
        yield f"   broke {broken['rule']}: {value}"
    yield _pretty(row)


def _excerpt(
    stages: list[Finished], rejecting: Finished, shard: int, document: str
) -> Iterator[str]:
    """How a rejected document begins; nothing where it was rejected before it was one."""
    made_by = rejecting.manifest.inputs.get("documents")
    for finished in stages:
        if finished.identity != made_by or DOCUMENTS not in finished.manifest.outputs:
            continue
        path = finished.folder.table(DOCUMENTS, shard, finished.num_shards(DOCUMENTS))
        first = 0
        for batch in read_table(path, columns=("id",)):
            places = pc.indices_nonzero(pc.equal(batch.column("id"), document)).to_numpy()
            rows = places.astype(np.int64) + first
            first += batch.num_rows
            for found in read_rows(path, rows, columns=("text",)):
                for text in found.column("text").to_pylist():
                    yield f"\n{text[:EXCERPT_CHARS]}\n"


def _refuse_unknown(stages: list[Finished], rule: str) -> None:
    """Raise ConfigError with what the run did reject for, so that a mistyped rule is seen."""
    reasons = {
        reason
        for finished in stages
        for by_reason in finished.manifest.statistics.get(REJECTED, {}).values()
        for reason in by_reason
    }
    if reasons:
        raise ConfigError(
            f"--rejected {rule!r}: nothing was rejected for it; what documents were rejected for "
            f"first: {', '.join(sorted(reasons))}"
        )


def _show_failures(stages: list[Finished], limit: int) -> Iterator[str]:
    for shown, (finished, row) in enumerate(_rows(stages, FAILED)):
        if shown == limit:
            return
        traceback = row.pop("traceback")
        yield f"== {finished.manifest.stage}: {row['error_type']}"
        yield _pretty(row)
        if traceback:
            yield traceback


def _show_token(stages: list[Finished], token: str) -> Iterator[str]:
    try:
        place, window, position = token.rsplit(":", 2)
        stage_name, shard_name = place.split("/")
        number, offset = int(window), int(position)
    except ValueError as error:
        raise ConfigError(
            f"--token {token!r}: write STAGE/SHARD:WINDOW:POSITION, for example "
            "windows-general/part-00000-of-00001:12:345"
        ) from error
    named = {one.manifest.stage: one for one in stages if WINDOWS in one.manifest.outputs}
    if stage_name not in named:
        raise ConfigError(f"--token {token!r}: no stage {stage_name!r}; there are {sorted(named)}")
    finished = named[stage_name]
    files = [entry.name for entry in finished.manifest.shards(WINDOWS)]
    name = f"{WINDOWS}/{shard_name}{TOKENS_SUFFIX}"
    if name not in files:
        raise ConfigError(f"--token {token!r}: no shard {shard_name!r}; there are {files}")
    path = finished.folder.locate(name)
    shard = open_shard(path)
    if not (0 <= number < shard.num_windows and 0 <= offset < shard.layout.sequence_tokens):
        raise ConfigError(
            f"--token {token!r}: the shard has windows 0..{shard.num_windows - 1} of positions "
            f"0..{shard.layout.sequence_tokens - 1}"
        )
    documents = read_documents(path)
    row, in_document = locate_member(documents, *shard.locate(number, offset))
    described = documents.slice(row, 1).to_pylist()[0]
    tokenizer = load_tokenizer(read_mixture(stages))
    tokens = shard.tokens[number]
    before = tokenizer.decode(tokens[max(0, offset - CONTEXT_TOKENS) : offset])
    after = tokenizer.decode(tokens[offset + 1 : offset + CONTEXT_TOKENS])
    yield f"token {int(tokens[offset])} is number {in_document} of document {described['id']}"
    yield f"{before}>>>{tokenizer.decode(tokens[offset : offset + 1])}<<<{after}"
    yield _pretty(described)


def _find(
    stages: list[Finished], output: str, document: str
) -> Iterator[tuple[Finished, dict[str, Any]]]:
    for finished in stages:
        for entry in finished.manifest.outputs.get(output, ()):
            path = finished.folder.locate(entry.name)
            if "id" not in pq.read_schema(path).names:
                continue
            for batch in read_table(path):
                found = batch.filter(pc.equal(batch.column("id"), pa.scalar(document)))
                for row in found.to_pylist():
                    yield finished, row


def _rows(stages: list[Finished], output: str) -> Iterator[tuple[Finished, dict[str, Any]]]:
    for finished in stages:
        for entry in finished.manifest.outputs.get(output, ()):
            for batch in read_table(finished.folder.locate(entry.name)):
                for row in batch.to_pylist():
                    yield finished, row


def _pretty(row: dict[str, Any]) -> str:
    present = {name: value for name, value in row.items() if value is not None}
    return json.dumps(present, indent=1, default=str, ensure_ascii=False)
