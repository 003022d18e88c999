"""A made-up corpus with duplicates of every kind, as Parquet files. Same arguments, same bytes."""

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NUM_FILES = 16
ROW_GROUP_ROWS = 50
"""Parquet files are cut at row groups, so these allow shards of any size."""

_VOCABULARY = 20_000
_SCHEMA = pa.schema([pa.field("text", pa.string()), pa.field("url", pa.string())])


def write_corpus(folder: Path, *, num_documents: int, seed: int = 0) -> None:
    """Write about ``num_documents`` rows to ``folder/part-*.parquet``, in random order.

    Half are alone; the others are copies under one address, of one text, or of a similar one, a
    template with many pages, a page copied hundreds of times, and texts that drift.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)  # noqa: S311 - variety, not secrecy
    rows = [{"text": text, "url": url} for text, url in _documents(rng, num_documents)]
    rng.shuffle(rows)
    for number in range(NUM_FILES):
        table = pa.Table.from_pylist(rows[number::NUM_FILES], schema=_SCHEMA)
        path = folder / f"part-{number:02d}.parquet"
        pq.write_table(table, path, row_group_size=ROW_GROUP_ROWS)


def _documents(rng: random.Random, count: int) -> Iterator[tuple[str, str | None]]:
    alone = [
        (_words(rng, rng.randint(20, 300)), rng.choice([None, f"http://e.org/{number}"]))
        for number in range(count // 2)
    ]
    yield from alone
    for _ in range(count // 10):
        text, url = rng.choice(alone)
        yield _words(rng, 80), url and f"{url}?utm_source=feed"
        yield f" {text}\n", f"http://mirror.example/{rng.random()}"
        yield _edited(rng, text, 1), None
    template = _words(rng, 250)
    for _ in range(count // 20):
        yield _edited(rng, template, 2), None
    copied = alone[0][0]
    for _ in range(count // 20):
        yield copied, None
    drifting = _words(rng, 150)
    for _ in range(count // 20):
        drifting = _edited(rng, drifting, 2)
        yield drifting, None
    for number in range(count // 20):
        yield f"short text number {number % 7}", f"http://e.org/{rng.randrange(count // 2)}"


def _words(rng: random.Random, count: int) -> str:
    return " ".join(f"w{rng.randrange(_VOCABULARY)}" for _ in range(count))


def _edited(rng: random.Random, text: str, edits: int) -> str:
    words = text.split()
    for at in rng.sample(range(len(words)), edits):
        words[at] = f"w{rng.randrange(_VOCABULARY)}"
    return " ".join(words)
