"""Benchmark files -> items, from the recipe's list."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from filters.decontamination.config import BenchmarkSet
from pipeline.errors import ConfigError
from pipeline.storage.filesystem import find, read_unzipped


@dataclass(frozen=True)
class Item:
    """One question of a benchmark.

    ``split`` is None where nothing states it, ``answer`` may be empty, and ``is_code`` says that
    both are source code.
    """

    benchmark: str
    split: str | None
    id: str
    question: str
    answer: str
    is_code: bool = False


def read_items(sets: Sequence[BenchmarkSet]) -> Iterator[Item]:
    """The items of all files, in the order of the list and of the files' names.

    Raises ConfigError for a pattern without a file, a file that can't be read, a line that is no
    JSON object, and a row without a question or a benchmark's name.
    """
    for place, one in enumerate(sets):
        for pattern in one.paths:
            found = sorted(entry.path for entry in find(pattern))
            if not found:
                raise ConfigError(
                    f"annotate.decontamination.benchmarks.{place}.paths: no file is named "
                    f"{pattern!r}"
                )
            for path in found:
                yield from _read_file(path, one)


def _read_file(path: str, described: BenchmarkSet) -> Iterator[Item]:
    try:
        data = read_unzipped(path)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path}: cannot read the benchmark: {error}") from error
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigError(f"{path}:{number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ConfigError(f"{path}:{number}: a row is an object, got {type(row).__name__}")
        yield _item(row, described, f"{path}:{number}")


def _item(row: dict[str, Any], described: BenchmarkSet, place: str) -> Item:
    fields = described.fields
    benchmark = row.get(fields.benchmark, described.benchmark)
    question = row.get(fields.question)
    if not isinstance(question, str):
        raise ConfigError(
            f"{place}: no text in the field {fields.question!r}; there are {', '.join(row)}: "
            "name the question's field in `fields`"
        )
    if not isinstance(benchmark, str):
        raise ConfigError(
            f"{place}: no benchmark's name in the field {fields.benchmark!r}: give it in "
            "`benchmark`"
        )
    split = row.get(fields.split, described.split)
    answer = row.get(fields.answer)
    return Item(
        benchmark=benchmark,
        split=None if split is None else str(split),
        id=str(row.get(fields.id, place.rpartition("/")[2])),  # else FILE:LINE
        question=question,
        answer="" if answer is None else answer if isinstance(answer, str) else json.dumps(answer),
        is_code=described.is_code,
    )
