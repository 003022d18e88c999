"""Other tools' deduplication of a corpus, each as its documentation shows it.

    PYTHON -m benchmarks.dedup.peer_drivers TOOL CORPUS WORK

PYTHON has the tools (``requirements/peers.in``) and need not have ours. Reads ``CORPUS/part-*``,
writes the numbers of the documents that the tool keeps to ``WORK/kept.npy``. All use shingles of
five words, 112 permutations and, where they can be told, 14 bands.
"""

import argparse
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.dedup.corpus import ROWS_PER_FILE, SHINGLE_WORDS

PERMUTATIONS, BANDS, THRESHOLD = 112, 14, 0.8

_WORD = re.compile(r"\w+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("work", type=Path)
    known = parser.parse_args()
    known.work.mkdir(parents=True, exist_ok=True)
    np.save(known.work / "kept.npy", TOOLS[known.tool](known.corpus, known.work))


def run_datatrove(corpus: Path, work: Path) -> list[int]:
    """The four steps of datatrove's example, one task each, with its default shapes (14 x 8)."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig(
        n_grams=SHINGLE_WORDS, num_buckets=BANDS, hashes_per_bucket=PERMUTATIONS // BANDS
    )
    signatures, buckets, removed, kept = (
        str(work / name) for name in ("signatures", "buckets", "removed", "kept")
    )
    reader = ParquetReader(str(corpus))
    steps = (
        [reader, MinhashDedupSignature(signatures, config=config)],
        [MinhashDedupBuckets(signatures, buckets, config=config)],
        [MinhashDedupCluster(buckets, removed, config=config)],
        [reader, MinhashDedupFilter(removed), JsonlWriter(kept)],
    )
    for number, pipeline in enumerate(steps):
        LocalPipelineExecutor(
            pipeline,
            tasks=BANDS if number == 1 else 1,  # a task for each bucket at least
            workers=1,
            logging_dir=str(work / f"logs-{number}"),
        ).run()
    numbers = []
    for path in sorted(Path(kept).glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as file:
            numbers += [_number_of(json.loads(line)["id"]) for line in file]
    return numbers


def _number_of(identifier: str) -> int:
    """The number of a document that datatrove names by its file and row."""
    name, _, row = identifier.rpartition("/")
    found = re.search(r"part-(\d+)", name)
    if found is None:
        raise ValueError(f"{identifier!r} names no file of the corpus")
    return int(found[1]) * ROWS_PER_FILE + int(row)


def run_rensa_rminhash(corpus: Path, work: Path) -> list[int]:
    """R-MinHash with LSH, streamed as rensa's README does; candidates are verified."""
    from rensa import RMinHashDeduplicator

    del work
    index = RMinHashDeduplicator(
        threshold=THRESHOLD, num_perm=PERMUTATIONS, use_lsh=True, num_bands=BANDS
    )
    flags = index.add_pairs((str(n), shingles) for n, shingles in enumerate(_shingled(corpus)))
    return [number for number, is_kept in enumerate(flags) if is_kept]


def run_rensa_cminhash(corpus: Path, work: Path) -> list[int]:
    """C-MinHash, streamed likewise; it finds its candidates by itself."""
    from rensa import CMinHashDeduplicator

    del work
    index = CMinHashDeduplicator(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    flags = index.add_pairs((str(n), shingles) for n, shingles in enumerate(_shingled(corpus)))
    return [number for number, is_kept in enumerate(flags) if is_kept]


def run_datasketch(corpus: Path, work: Path) -> list[int]:
    """MinHashLSH: a document that finds no candidate is kept and inserted."""
    from datasketch import MinHash, MinHashLSH

    del work
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, PERMUTATIONS // BANDS))
    kept = []
    for number, shingles in enumerate(_shingled(corpus)):
        signature = MinHash(num_perm=PERMUTATIONS)
        signature.update_batch([shingle.encode() for shingle in shingles])
        if not index.query(signature):
            index.insert(str(number), signature)
            kept.append(number)
    return kept


TOOLS: Mapping[str, Callable[[Path, Path], list[int]]] = {
    "datatrove": run_datatrove,
    "rensa-rminhash": run_rensa_rminhash,
    "rensa-cminhash": run_rensa_cminhash,
    "datasketch": run_datasketch,
}


def _shingled(corpus: Path) -> Iterator[list[str]]:
    for path in sorted(corpus.glob("part-*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(columns=["text"]):
            for text in batch.column("text"):
                words = _WORD.findall(text.as_py().lower())
                yield [
                    " ".join(words[begin : begin + SHINGLE_WORDS])
                    for begin in range(len(words) - SHINGLE_WORDS + 1)
                ]


if __name__ == "__main__":
    main()
