"""Shards of made-up tokens for the tests of windows, targets and readers."""

import hashlib
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from mixtures.packing import pack
from mixtures.window_writing import write_layout, write_segments, write_tokens
from mixtures.windows import (
    LAYOUT_SUFFIX,
    SEGMENTS_SUFFIX,
    TOKENS_SUFFIX,
    TokenTable,
    WindowLayout,
    WindowShard,
    open_shard,
)
from pipeline.records.manifest import Counts, Manifest, ShardEntry

EOD, PAD = 1, 0
FIRST_TOKEN = 100

document_lengths = st.lists(st.integers(1, 100), min_size=1, max_size=60)


def layout(sequence_tokens: int, mtp_depth: int) -> WindowLayout:
    return WindowLayout(
        sequence_tokens=sequence_tokens, mtp_depth=mtp_depth, eod_id=EOD, pad_id=PAD
    )


def documents(lengths: list[int]) -> TokenTable:
    """Documents in which every token but the EODs is unique in the whole table."""
    tokens, following = [], FIRST_TOKEN
    for length in lengths:
        body = np.arange(following, following + length - 1, dtype=np.int32)
        tokens.append(np.append(body, np.int32(EOD)))
        following += length
    return TokenTable.of(tokens)


def write_shard(
    name: Path, lengths: list[int], *, sequence_tokens: int = 16, mtp_depth: int = 1, seed: int = 7
) -> WindowShard:
    segments = pack(
        lengths, sequence_tokens=sequence_tokens, mtp_depth=mtp_depth, shuffle_seed=seed
    )
    of_shard = layout(sequence_tokens, mtp_depth)
    name.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{name}{TOKENS_SUFFIX}").open("wb") as stream:
        write_tokens(stream, segments, documents(lengths), of_shard)
    with Path(f"{name}{SEGMENTS_SUFFIX}").open("wb") as stream:
        write_segments(stream, segments)
    with Path(f"{name}{LAYOUT_SUFFIX}").open("wb") as stream:
        write_layout(stream, of_shard)
    return open_shard(name)


def write_stage(
    folder: Path, shards: list[list[int]], *, sequence_tokens: int = 16, mtp_depth: int = 1
) -> Path:
    """A stage's folder with its manifest, one shard for each list of document lengths."""
    entries = []
    for number, lengths in enumerate(shards):
        name = f"windows/part-{number:05d}-of-{len(shards):05d}"
        shard = write_shard(
            folder / name, lengths, sequence_tokens=sequence_tokens, mtp_depth=mtp_depth
        )
        for suffix in (TOKENS_SUFFIX, SEGMENTS_SUFFIX, LAYOUT_SUFFIX):
            content = (folder / f"{name}{suffix}").read_bytes()
            entries.append(
                ShardEntry(
                    output="windows",
                    shard=number,
                    name=f"{name}{suffix}",
                    rows=shard.num_windows,
                    bytes=len(content),
                    sha256=hashlib.sha256(content).hexdigest(),
                )
            )
    manifest = Manifest(
        stage="mixture",
        version=1,
        identity="0" * 12,
        config={},
        inputs={},
        counts=Counts(rows_in=0, kept=0, rejected=0, failed=0),
        outputs={"windows": tuple(entries)},
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    return folder
