"""Label files: what annotators said of documents, joined to the texts they saw.

A label file is JSONL, plain, .gz or .xz, one row a document: ``id``, ``sha256`` of its text's
UTF-8, ``annotator`` (who judged: a model's name, or a person's), ``rubric_version`` and ``labels``,
one for each head of the rubric. It holds no text, so it may be published where the texts may not. A
document file is JSONL too, with at least ``id`` and ``text``, and ``url`` where there is one.
"""

import gzip
import hashlib
import json
import lzma
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from filters.taggers.rubric import Labels, Rubric
from filters.taggers.split import Document
from pipeline.errors import ConfigError
from pipeline.storage.filesystem import atomic_output, open_input

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class LabelRow:
    """What one annotator said of one document."""

    id: str
    sha256: str
    annotator: str
    rubric_version: int
    labels: Labels


@dataclass(frozen=True)
class LabelledDocuments:
    """Documents with their labels, in the order of the label file, and what did not join.

    ``labels[i]`` belongs to ``documents[i]``. ``without_document`` counts labels of ids that no
    document has, ``with_other_text`` labels whose document's text is not the one that was judged,
    ``unlabelled`` documents without a label. No row of these three is among the first two.
    """

    documents: tuple[Document, ...]
    labels: tuple[LabelRow, ...]
    without_document: int
    with_other_text: int
    unlabelled: int

    def describe(self) -> str:
        """The counts as a sentence."""
        return (
            f"{len(self.labels):,} labelled documents; left out: {self.without_document:,} labels "
            f"without a document, {self.with_other_text:,} labels of another text, "
            f"{self.unlabelled:,} documents without a label"
        )


def text_sha256(text: str) -> str:
    """SHA-256 of the text's UTF-8, 64 hex characters; a lone surrogate is hashed as it stands."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_labels(path: str, rubric: Rubric) -> list[LabelRow]:
    """The rows of a label file, in its order.

    Raises ConfigError, with the line, for another rubric's version, a missing or unknown field, a
    label that the rubric does not have, or a document labelled twice.
    """
    rows: list[LabelRow] = []
    seen: set[str] = set()
    for place, value in _read_lines(path):
        row = _label_row(value, rubric, place)
        if row.id in seen:
            raise ConfigError(f"{place}: id {row.id!r} is labelled twice; keep one of the rows")
        seen.add(row.id)
        rows.append(row)
    if not rows:
        raise ConfigError(f"{path}: no labels in it")
    return rows


def write_labels(path: str, rows: Iterable[LabelRow]) -> None:
    """Write a label file whole or not at all; equal rows give equal bytes."""
    write_lines(
        path,
        (
            {
                "id": row.id,
                "sha256": row.sha256,
                "annotator": row.annotator,
                "rubric_version": row.rubric_version,
                "labels": dict(row.labels),
            }
            for row in rows
        ),
    )


def read_documents(path: str) -> list[dict[str, Any]]:
    """The rows of a document file, in its order.

    Raises ConfigError, with the line, for a row without an id or a text, an id given twice or that
    is no UTF-8, or a url that is neither text nor null.
    """
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for place, value in _read_lines(path):
        for name in ("id", "text"):
            if not isinstance(value.get(name), str):
                raise ConfigError(
                    f"{place}: {name!r} must be a string, got {value.get(name)!r:.60}"
                )
        if not isinstance(value.get("url"), str | None):
            raise ConfigError(f"{place}: 'url' must be a string or null, got {value['url']!r:.60}")
        if _LONE_SURROGATE.search(value["id"]):
            raise ConfigError(f"{place}: id {value['id']!r} is no valid Unicode")
        if value["id"] in seen:
            raise ConfigError(f"{place}: id {value['id']!r} stands twice")
        seen.add(value["id"])
        rows.append(value)
    if not rows:
        raise ConfigError(f"{path}: no documents in it")
    return rows


def join_labels(labels: Sequence[LabelRow], documents: Sequence[Document]) -> LabelledDocuments:
    """Give each label the document of its id, if that still has the text that was judged."""
    by_id = {document["id"]: document for document in documents}
    pairs: list[tuple[Document, LabelRow]] = []
    without_document = with_other_text = 0
    for row in labels:
        document = by_id.get(row.id)
        if document is None:
            without_document += 1
        elif text_sha256(document["text"]) != row.sha256:
            with_other_text += 1
        else:
            pairs.append((document, row))
    labelled = {row.id for row in labels}
    return LabelledDocuments(
        documents=tuple(document for document, _ in pairs),
        labels=tuple(row for _, row in pairs),
        without_document=without_document,
        with_other_text=with_other_text,
        unlabelled=sum(document["id"] not in labelled for document in documents),
    )


def write_lines(path: str, values: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL, compressed where the name ends in .xz or .gz, whole or not at all."""
    with atomic_output(path) as raw, _compressed(path, raw) as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=True).encode() + b"\n")


@contextmanager
def _compressed(path: str, raw: IO[bytes]) -> Iterator[Any]:
    if path.endswith(".xz"):
        with lzma.open(raw, "wb") as file:
            yield file
    elif path.endswith(".gz"):
        # No name and no time in the header: equal rows give equal bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
            yield file
    else:
        yield raw


@contextmanager
def _decompressed(path: str, raw: IO[bytes]) -> Iterator[Any]:
    if path.endswith(".xz"):
        with lzma.open(raw, "rb") as file:
            yield file
    elif path.endswith(".gz"):
        with gzip.GzipFile(fileobj=raw) as file:
            yield file
    else:
        yield raw


def _read_lines(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line's object with its place, ``file:line``; blank lines are passed over."""
    try:
        with open_input(path) as raw, _decompressed(path, raw) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                place = f"{path}:{number}"
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise ConfigError(f"{place}: no JSON: {error}") from error
                if not isinstance(value, dict):
                    raise ConfigError(f"{place}: {type(value).__name__}, not an object")
                yield place, value
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ConfigError(f"cannot read {path!r}: {error}") from error


_LABEL_FIELDS = {
    "id": str,
    "sha256": str,
    "annotator": str,
    "rubric_version": int,
    "labels": dict,
}


def _label_row(value: dict[str, Any], rubric: Rubric, place: str) -> LabelRow:
    for name, kind in _LABEL_FIELDS.items():
        if type(value.get(name)) is not kind:
            raise ConfigError(
                f"{place}: {name!r} must be of type {kind.__name__}, got {value.get(name)!r:.60}"
            )
    unknown = sorted(value.keys() - _LABEL_FIELDS)
    if unknown:
        raise ConfigError(f"{place}: unknown field {unknown[0]!r}; known: {[*_LABEL_FIELDS]}")
    if value["rubric_version"] != rubric.version:
        raise ConfigError(
            f"{place}: labels of rubric version {value['rubric_version']}, and this rubric is "
            f"version {rubric.version}: label the documents again, or use the rubric they were "
            "labelled with"
        )
    labels = value["labels"]
    for name in [*rubric.by_name, *labels]:
        if name not in labels or name not in rubric.by_name:
            raise ConfigError(
                f"{place}: labels are for the heads {sorted(rubric.by_name)}; {name!r} is "
                f"{'missing' if name in rubric.by_name else 'none of them'}"
            )
        if not rubric.by_name[name].allows(labels[name]):
            raise ConfigError(
                f"{place}: labels.{name}: {labels[name]!r:.60} is none of "
                f"{list(rubric.by_name[name].values)}"
            )
    ordered = {head.name: labels[head.name] for head in rubric.heads}
    return LabelRow(
        value["id"], value["sha256"], value["annotator"], value["rubric_version"], ordered
    )
