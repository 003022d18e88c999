"""The life cycle of a tagger, as the command line asks for it: sample, annotate, train.

    RUN --sample--> documents --annotate--> labels --train--> model --evaluate--> page

``pipeline.tagger_evaluation`` is the last of them.
"""

import json
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from filters.taggers.encoder_backend import check_installed
from filters.taggers.labels import (
    LabelRow,
    join_labels,
    read_documents,
    read_labels,
    write_labels,
    write_lines,
)
from filters.taggers.rubric import excerpt_of, head_specs, load_rubric
from pipeline.errors import ConfigError
from pipeline.fingerprint import fingerprint
from pipeline.progress import Progress
from pipeline.records.manifest import MANIFEST_NAME
from pipeline.report.quantities import exact
from pipeline.report.terminal import open_console
from pipeline.report.terminal_tables import add_numbers, open_table
from pipeline.run import read_run, runner_options
from pipeline.storage.filesystem import exists, join, read_text, remove, write_text
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import read_table
from pipeline.tagging_progress import AnnotationProgress, Prices
from pipeline.transforms.outcome import FAILED
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.tag_annotate import (
    LABELS,
    Annotation,
    annotate_documents_stage,
    takes_schema,
    to_items,
)
from pipeline.transforms.tag_sample import SAMPLE, STRATA, SampleInput, sample_stage
from synth.cache import RequestCache
from synth.engines.cached import CachedEngine
from synth.engines.endpoint import EndpointConfig
from synth.engines.openai import OpenAIEngine

WORK_SUFFIX = ".work"
"""Behind the name of a label file: the folder of what is known so far. It may be deleted; then what
was asked is asked again."""

FAILED_SUFFIX = ".failed.jsonl"
"""Behind the name of a label file: the documents without labels, and why."""

CACHE_NAME = "request-cache"
STRUCTURED_NAME = "structured-output.json"
"""In the work folder: which servers took the answer's schema."""

READY_TIMEOUT_SECONDS = 30.0
"""Longest wait for a server; a person waits at the terminal, and may have mistyped its address."""

MIN_WORKERS = 4
"""Local worker threads that ask; they wait, so more than the cores of a small machine help."""


def sample(
    run: str, out: str, *, num_documents: int, by: Sequence[str], beam_options: Sequence[str]
) -> None:
    """Write a stratified sample of a run's documents to ``out``, and print its strata.

    Rows are {id, source, url, text, sha256, stratum} in an order by hash, so the beginning of the
    file is a sample too. Raises ConfigError for an unknown column, or a run without documents.
    """
    if num_documents < 1:
        raise ConfigError(f"--documents {num_documents}: give at least 1")
    _, stages = read_run(run)
    stage = sample_stage(SampleInput.of(stages, by), num_documents=num_documents)
    with Progress(is_quiet=False, details={}).watch(stage, stage.folder(run)):
        finished = run_stage(stage, run, runner_options(beam_options), max_failed_ratio=0.0)
    rows = sorted(_rows(finished, SAMPLE), key=lambda row: (row["hash"], row["id"]))
    names = ("id", "source", "url", "text", "sha256", "stratum")
    write_lines(out, ({name: row[name] for name in names} for row in rows))
    table = open_table("Sample", "stratum")
    add_numbers(table, "documents", "chosen")
    for row in sorted(_rows(finished, STRATA), key=lambda row: str(row["stratum"])):
        table.add_row(row["stratum"], exact(row["documents"]), exact(row["chosen"]))
    open_console().print(table)
    print(f"\n{len(rows):,} documents: {out}")


@dataclass(frozen=True)
class Annotator:
    """The model that judges, as the command line names it."""

    url: str
    model: str
    api_key_env: str | None = None

    def endpoint(self) -> EndpointConfig:
        """Checked; ConfigError that names the option."""
        try:
            return EndpointConfig(
                url=self.url,
                model=self.model,
                api_key_env=self.api_key_env,
                ready_timeout_seconds=READY_TIMEOUT_SECONDS,
            )
        except ValidationError as error:
            options = {"url": "--endpoint", "model": "--model", "api_key_env": "--api-key-env"}
            fault = error.errors()[0]
            option = options[str(fault["loc"][0])]
            raise ConfigError(f"{option} {fault['input']!r}: {fault['msg']}") from error


def annotate(
    documents_path: str,
    out: str,
    annotator: Annotator,
    *,
    prices: Prices,
    limit: int | None,
    rubric_path: str | None,
    beam_options: Sequence[str],
) -> int:
    """Have a model judge a file's documents by the rubric, and write the label file ``out``.

    Returns the number of documents that got labels. Documents without are listed beside ``out``
    with the reason; the same command asks again for those that got no answer, and for nothing
    else. Answers that cannot be read are kept too: a model that is asked the same says the same.
    """
    rubric = load_rubric(rubric_path)
    if limit is not None and limit < 1:
        raise ConfigError(f"--limit {limit}: give at least 1")
    documents = read_documents(documents_path)[:limit]
    endpoint = annotator.endpoint()
    work = f"{out}{WORK_SUFFIX}"
    items = to_items(documents, archive=posixpath.basename(documents_path))
    annotation = Annotation(rubric, endpoint, has_schema=True)
    if not _takes_schema(annotation, documents[0]["text"], work):
        annotation = Annotation(rubric, endpoint, has_schema=False)
        print("the server takes no schema for its answers: they are parsed as plain JSON")
    stage = annotate_documents_stage(items, annotation, cache_folder=join(work, CACHE_NAME))
    folder = stage.folder(work)
    _forget_failures(folder, stage.outputs[FAILED])
    progress = AnnotationProgress(len(documents), prices)
    with Progress(is_quiet=False, details={stage.name: progress.describe}).watch(stage, folder):
        finished = run_stage(
            stage,
            work,
            runner_options(beam_options, min_workers=MIN_WORKERS),
            max_failed_ratio=1.0,
        )
    write_labels(
        out,
        (
            LabelRow(
                row["id"],
                row["sha256"],
                endpoint.model,
                rubric.version,
                json.loads(row["labels"]),
            )
            for row in _rows(finished, LABELS)
        ),
    )
    failed = _write_failures(f"{out}{FAILED_SUFFIX}", finished)
    labelled = finished.manifest.counts.kept
    print(f"{len(documents):,} documents = {labelled:,} labelled + {failed:,} failed: {out}")
    print(progress.describe_total(finished.manifest.statistics.get(LABELS, {})))
    if failed:
        print(
            f"failed, with reasons: {out}{FAILED_SUFFIX}; the same command asks again for those "
            "that got no answer"
        )
    return labelled


def train(
    labels_path: str,
    documents_path: str,
    out: str,
    *,
    kind: str,
    encoder: str | None,
    rubric_path: str | None,
) -> None:
    """Train a tagger on labelled documents and write it to the folder ``out``.

    ``kind`` is that of ``filters.taggers.backend``. ``encoder`` is a folder with a BERT-like model:
    what is tuned for an encoder, the teacher of an embedding tagger. Raises ConfigError when a
    package is missing, for labels of another rubric, or when no label has its document.
    """
    train_kind = _trainer(kind, encoder)
    rubric = load_rubric(rubric_path)
    joined = join_labels(read_labels(labels_path, rubric), read_documents(documents_path))
    print(joined.describe())
    if not joined.labels:
        raise ConfigError(
            f"{labels_path}: none of its labels belongs to a document of {documents_path}"
        )
    train_kind(
        joined.documents,
        {row.id: row.labels for row in joined.labels},
        head_specs(rubric),
        Path(out),
        report=print,
        rubric=rubric.version,
    )


def _trainer(kind: str, encoder: str | None) -> Callable[..., None]:
    """What trains a tagger of ``kind``; ConfigError when its package is not installed."""
    folder = None if encoder is None else Path(encoder)
    try:
        match kind, folder:
            case "fasttext", None:
                from filters.taggers.training.train_fasttext import check_fasttext
                from filters.taggers.training.train_fasttext import train as train_fasttext

                check_fasttext()
                return train_fasttext
            case "fasttext", _:
                raise ConfigError("--encoder: a fasttext tagger is trained without one")
            case "encoder", None:
                raise ConfigError("--kind encoder needs --encoder FOLDER, the model to tune")
            case "encoder", Path() as tuned:
                from filters.taggers.training.train_encoder import train as train_encoder

                check_installed("--kind encoder")
                return partial(train_encoder, encoder=tuned)
            case _:
                from filters.taggers.training.train_tagger import train as train_embedding

                if folder is not None:
                    check_installed("--encoder")
                return partial(train_embedding, encoder=folder)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "torch":
            raise
        raise ConfigError(
            "training a tagger needs torch, which is not installed: pip install 'reasonmill[torch]'"
        ) from error


def _takes_schema(annotation: Annotation, text: str, work: str) -> bool:
    """Whether the server takes the answer's schema: asked once, then remembered in ``work``.

    What is asked is the first document's request, so its answer is not lost.
    """
    request = annotation.ask(excerpt_of(text))
    key = fingerprint([annotation.endpoint.url, request.model, request.response_schema])
    path = join(work, STRUCTURED_NAME)
    known: dict[str, bool] = json.loads(read_text(path)) if exists(path) else {}
    if key not in known:
        cache = RequestCache(join(work, CACHE_NAME))
        engine = CachedEngine(OpenAIEngine(annotation.endpoint), cache)
        try:
            known[key] = takes_schema(engine, request)
        finally:
            engine.close()
        write_text(path, json.dumps(known))
    return known[key]


def _forget_failures(folder: StageFolder, num_shards: int) -> None:
    """Undo the shards of an earlier attempt that hold failures, so that they are asked again."""
    receipts = [folder.read_receipt(FAILED, shard) for shard in range(num_shards)]
    shards = [receipt.shard for receipt in receipts if receipt is not None and receipt.rows]
    if shards:
        remove(folder.locate(MANIFEST_NAME))
    for shard in shards:
        folder.remove_receipt(FAILED, shard)


def _write_failures(path: str, finished: Finished) -> int:
    rows = [
        {name: row[name] for name in ("id", "error_type", "message")}
        for row in _rows(finished, FAILED)
    ]
    if rows:
        write_lines(path, rows)
    else:
        remove(path)
    return len(rows)


def _rows(finished: Finished, output: str) -> Iterator[dict[str, Any]]:
    for entry in finished.manifest.shards(output):
        for batch in read_table(finished.folder.locate(entry.name)):
            yield from batch.to_pylist()
