"""Exports: tokens written and verified a CPU second, bytes a token, and what pointers would save.

    python -m benchmarks.export_speed [--tokens 16777216] [--sequence-tokens 8192]

One window shard of made-up documents (log-normal, median 500 tokens, as web pages have; a tenth of
them twenty times as long, as papers and repositories have) is written in each format as a run's
stage writes it, digest included, and compared with its windows as `reasonmill verify` does. There
is no Beam in it. The rounds are interleaved and the best of three counts.

"whole" is the share of tokens in documents that no window cuts: what an index could point to in
the windows' own file instead of copying it.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa

from mixtures.formats.catalog import FORMATS
from mixtures.formats.export import ExportContext, FileSet, NativeShard
from mixtures.packing import pack
from mixtures.provenance import SHARD_DOCUMENTS_SCHEMA
from mixtures.window_writing import write_layout, write_segments, write_tokens
from mixtures.windows import (
    LAYOUT_SUFFIX,
    SEGMENTS_SUFFIX,
    TOKENS_SUFFIX,
    TokenTable,
    WindowLayout,
    open_shard,
)
from pipeline.records.document import document_id
from pipeline.storage.tables import HashingFile

WORK = Path("runs/benchmarks/export_speed")
ROUNDS = 3
VOCABULARY = 151_000
EOD, PAD = 151_643, 151_662


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=1 << 24)
    parser.add_argument("--sequence-tokens", type=int, default=8192)
    known = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    native = _make_shard(known.tokens, known.sequence_tokens)
    segments = native.windows.segments
    tokens = int(segments["length"].sum())
    whole = int(segments["length"][segments["num_fragments"] == 1].sum()) / tokens
    context = ExportContext(stage="one", tokenizer="qwen2.5", layout=native.windows.layout)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in FORMATS}
    sizes: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, of in FORMATS.items():
            (files,) = of.plan([{"all": tokens}])
            writing = _cpu(lambda f=files, n=name: _write(native, n, f, context))
            checking = _cpu(
                lambda f=files, o=of: o.verify(str(WORK / f.name), [native], component=f.component)
            )
            seconds[name].append((writing, checking))
            sizes[name] = sum(p.stat().st_size for p in (WORK / name).rglob("*") if p.is_file())
    found = {
        name: {
            "written_tokens_per_s": round(tokens / min(w for w, _ in seconds[name])),
            "verified_tokens_per_s": round(tokens / min(v for _, v in seconds[name])),
            "bytes_per_token": round(sizes[name] / tokens, 2),
        }
        for name in FORMATS
    }
    print(f"{tokens:,} tokens, {native.documents.num_rows:,} documents, {whole:.1%} whole")
    print(f"{'format':<10} {'M tokens/s written':>19} {'verified':>9} {'bytes a token':>14}")
    for name, row in found.items():
        print(
            f"{name:<10} {row['written_tokens_per_s'] / 1e6:>19.1f} "
            f"{row['verified_tokens_per_s'] / 1e6:>9.1f} {row['bytes_per_token']:>14.2f}"
        )
    print(json.dumps({"tokens": tokens, "whole_ratio": round(whole, 4), "formats": found}))
    shutil.rmtree(WORK)


def _make_shard(num_tokens: int, sequence_tokens: int) -> NativeShard:
    random = np.random.default_rng(7)
    lengths = np.exp(random.normal(np.log(500), 1.0, num_tokens // 300))
    lengths[random.random(len(lengths)) < 0.1] *= 20
    lengths = np.maximum(1, lengths.astype(np.int64))
    lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), num_tokens, side="right"))]
    # A power law over the vocabulary, roughly as text has: uniform ids would not compress at all.
    values = (VOCABULARY * random.random(int(lengths.sum())) ** 4).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values[offsets[1:] - 1] = EOD
    layout = WindowLayout(sequence_tokens=sequence_tokens, mtp_depth=1, eod_id=EOD, pad_id=PAD)
    segments = pack(lengths, sequence_tokens=sequence_tokens, mtp_depth=1, shuffle_seed=1)
    base = WORK / "native"
    for suffix, write in (
        (TOKENS_SUFFIX, lambda f: write_tokens(f, segments, TokenTable(values, offsets), layout)),
        (SEGMENTS_SUFFIX, lambda f: write_segments(f, segments)),
        (LAYOUT_SUFFIX, lambda f: write_layout(f, layout)),
    ):
        with Path(f"{base}{suffix}").open("wb") as stream:
            write(stream)
    count = len(lengths)
    documents = pa.table(
        {
            "id": [document_id("made up", str(number)) for number in range(count)],
            "source": ["made up"] * count,
            "component": ["all"] * count,
            "copy": np.zeros(count, np.int32),
            "num_tokens": lengths.astype(np.int32),
            "unit": np.arange(count),
        },
        schema=SHARD_DOCUMENTS_SCHEMA,
    )
    return NativeShard(open_shard(base), documents)


def _write(native: NativeShard, name: str, files: FileSet, context: ExportContext) -> None:
    of = FORMATS[name]
    (WORK / files.name).parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        streams = {
            suffix: cast(
                "BinaryIO",
                HashingFile(stack.enter_context(Path(f"{WORK / files.name}{suffix}").open("wb"))),
            )
            for suffix in of.suffixes
        }
        of.write(streams, [native], files=files, context=context)


def _cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    main()
