"""Passages: how fast windows are found, and whether planted passages are cut but for one place.

    python -m benchmarks.dedup.passages [--megabytes 40] [--documents 'RUN/ingest/*/documents/*']

Made-up pages of prose hold passages of 60 to 300 words, each planted 2 to 40 times, and the same
short menu on every page. Megabytes are of text, seconds of process CPU, the median of three passes.
`planted, gone` is the share of the characters of planted copies beyond the first that are cut,
`other text cut` of all characters that were not planted. With --documents the first step is timed
on those texts too; formulas and code in them have to be found first. Targets: 50 MB/s for windows
of prose, no other text cut.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters.dedup.packed import Packed, sort_rows
from filters.dedup.passage_cuts import cut_batch, without_cuts
from filters.dedup.passages import find_repeats, passage_entries
from pipeline.storage.filesystem import find

MIN_WORDS = 50
BATCH_TEXTS = 512
PASSES = 3
MENU = "Home\n\nProducts\n\nAbout us\n\nContact\n"


@dataclass
class Pages:
    """Texts, and of every planted passage where its copies lie: (text, begin, end) in bytes."""

    texts: list[str] = field(default_factory=list)
    copies: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)


def make_pages(megabytes: float, *, seed: int = 1) -> Pages:
    rng = np.random.default_rng(seed)
    vocabulary = ["".join(chr(97 + c) for c in rng.integers(0, 26, 2 + n % 9)) for n in range(9000)]

    def lines(words: int) -> str:
        drawn = (len(vocabulary) * rng.random(words) ** 3).astype(int)
        said = [vocabulary[number] for number in drawn]
        cuts = np.sort(rng.integers(0, words, words // 25))
        paragraphs = [" ".join(part) for part in np.split(said, cuts) if len(part)]
        return "\n".join(text + "." + "\n" * int(rng.integers(0, 2)) for text in paragraphs) + "\n"

    passages = [lines(int(rng.integers(60, 300))) for _ in range(max(1, int(megabytes * 4)))]
    times = [int(rng.integers(2, 40)) for _ in passages]
    waiting = rng.permutation(np.repeat(np.arange(len(passages)), times)).tolist()
    pages, num_bytes = Pages(), 0.0
    while num_bytes < megabytes * 1e6:
        pieces, at = [MENU], len(MENU)
        for number in range(int(rng.integers(1, 6))):
            if number % 2 and waiting:
                planted = waiting.pop()
                text = passages[planted]
                place = (len(pages.texts), at, at + len(text.rstrip("\n")))
                pages.copies.setdefault(planted, []).append(place)
            else:
                text = lines(int(rng.integers(30, 400)))
            pieces.append(text)
            at += len(text)
        pages.texts.append("".join(pieces))
        num_bytes += at
    return pages


def batches(texts: pa.Array) -> Iterator[tuple[int, pa.Array]]:
    for first in range(0, len(texts), BATCH_TEXTS):
        yield first, texts.slice(first, BATCH_TEXTS)


def entries_of(texts: pa.Array) -> Packed:
    ids = np.random.default_rng(2).integers(0, 2**64, (len(texts), 2), np.uint64)
    parts = [
        passage_entries(
            ids[first : first + len(part)],
            part,
            min_words=MIN_WORDS,
            shard=0,
            rows=np.arange(first, first + len(part)),
        )
        for first, part in batches(texts)
    ]
    return np.concatenate(parts)


def timed(work: Callable[[], object]) -> float:
    """CPU seconds, the median of ``PASSES`` after a first one."""
    work()
    seconds = []
    for _ in range(PASSES):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds)


def cut_columns(texts: pa.Array, found: Packed) -> Iterator[tuple[pa.Array, list[pa.Array]]]:
    bounds = np.searchsorted(found[:, 0], np.arange(0, len(texts) + BATCH_TEXTS, BATCH_TEXTS))
    for number, (first, part) in enumerate(batches(texts)):
        mine = found[bounds[number] : bounds[number + 1]]
        yield part, cut_batch(part, mine, first=first)


def score(pages: Pages, cuts: list[list[dict[str, int]]]) -> dict[str, float]:
    """Shares of planted copies and of other text that are cut."""
    is_cut = [np.zeros(len(text), bool) for text in pages.texts]
    for flags, ranges in zip(is_cut, cuts, strict=True):
        for cut in ranges:
            flags[cut["begin"] : cut["end"]] = True
    extra = gone = 0
    whole = 0
    for copies in pages.copies.values():
        whole += any(not is_cut[text][begin:end].any() for text, begin, end in copies)
        lengths = sum(end - begin for _, begin, end in copies)
        extra += lengths - (copies[0][2] - copies[0][1])
        gone += sum(int(is_cut[text][begin:end].sum()) for text, begin, end in copies)
    other = sum(map(len, pages.texts)) - extra
    total = sum(int(flags.sum()) for flags in is_cut)
    return {
        "planted, gone": gone / max(extra, 1),
        "passages whole at one place": whole / len(pages.copies),
        "other text cut": (total - gone) / other,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--documents", help="Parquet files of documents, a pattern")
    arguments = parser.parse_args()
    pages = make_pages(arguments.megabytes)
    texts = pa.array(pages.texts, pa.large_string())
    megabytes = texts.nbytes / 1e6

    entries = entries_of(texts)
    millions = len(entries) / 1e6
    ordered = sort_rows(entries)
    found = sort_rows(np.concatenate([*find_repeats([ordered])]))
    columns = [*cut_columns(texts, found)]
    result: dict[str, float] = {
        "megabytes": megabytes,
        "windows MB/s": megabytes / timed(lambda: entries_of(texts)),
        "entry bytes per text byte": entries.nbytes / texts.nbytes,
        "sort, million entries/s": millions / timed(lambda: sort_rows(entries)),
        "repeats, million entries/s": millions / timed(lambda: [*find_repeats([ordered])]),
        "cuts MB/s": megabytes / timed(lambda: [*cut_columns(texts, found)]),
        "without cuts MB/s": megabytes
        / timed(lambda: [without_cuts(part, made[0]) for part, made in columns]),
    }
    result |= score(pages, [cut for _, made in columns for cut in made[0].to_pylist()])
    if arguments.documents:
        files = find(arguments.documents)
        table = pa.concat_tables(pq.read_table(one.path, columns=["text", "code"]) for one in files)
        real = pa.chunked_array(table.filter(table["code"].is_null())["text"]).combine_chunks()
        result["documents, windows MB/s"] = real.nbytes / 1e6 / timed(lambda: entries_of(real))
    for name, value in result.items():
        print(f"{name:<32}{value:12,.3f}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
