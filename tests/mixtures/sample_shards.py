"""Shards of made-up tokens for the tests of windows, targets and readers."""

import hashlib
import json
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
    folder: Path,
    shards: list[list[int]],
    *,
    sequence_tokens: int = 16,
    mtp_depth: int = 1,
    stage: str = "mixture",
    identity: str = "0" * 12,
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
        stage=stage,
        version=1,
        identity=identity,
        config={},
        inputs={},
        counts=Counts(rows_in=0, kept=0, rejected=0, failed=0),
        outputs={"windows": tuple(entries)},
    )
    (folder / "manifest.json").write_text(manifest.to_json())
    return folder


def write_run(
    run: Path, stages: dict[str, tuple[int, list[list[int]]]], *, planned: list[str] | None = None
) -> Path:
    """A run's folder of stages by name, each of windows of some tokens and shards of lengths.

    ``planned`` are the mixture's stages as the run solved it; those written, unless given.
    """
    record = [["ingest", "f" * 12], ["solve", "5" * 12]]
    for number, (name, (sequence_tokens, shards)) in enumerate(stages.items()):
        stage, identity = f"windows-{name}", f"{number + 1:012d}"
        folder = run / stage / identity
        write_stage(folder, shards, sequence_tokens=sequence_tokens, stage=stage, identity=identity)
        record.append([stage, identity])
    solved = Manifest(
        stage="solve",
        version=1,
        identity="5" * 12,
        config={"stages": [{"name": name} for name in planned or stages]},
        inputs={},
        counts=Counts(rows_in=0, kept=0, rejected=0, failed=0),
        outputs={},
    )
    folder = run / "solve" / ("5" * 12)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(solved.to_json())
    (run / "run.json").write_text(json.dumps({"recipe": "r", "stages": record, "skipped": []}))
    return run
