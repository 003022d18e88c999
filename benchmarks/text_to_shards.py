"""Text to shards: MB a CPU second beside the loop that most pipelines run.

    python -m benchmarks.text_to_shards [--texts PATH] [--rounds 3] [--megabytes 48]

A round has documents of its own. The stages run on them as in a run, through Beam's local runner:
Parquet documents and a sidecar of measures are read, tokenized and checked, and token shards are
written with all columns ("to tokens"); these are counted, solved, sampled, shuffled and packed into
windows ("to windows", counted from the text on). Then `tokenizers` encodes a part of the same
documents one by one, appends EOD and writes the tokens to Parquet. Process CPU time of all threads;
loading (3 s) and compiling are left out. What Beam takes to start the stages, seen on two
documents, is in "with start" alone. Goals: 30 MB/s a core to tokens, 20 to windows, and no token
that differs from `tokenizers`.

The documents: with --texts, the column `text` of a Parquet file, from the first row on. Else the
pages, code and tables of the demo corpus over and over, each time with one word in five taken from
elsewhere in the document and one in twenty made up of halves of others. A word that comes again
costs an encoder little; in the corpus itself, as in 30 MB of source code and documentation, one
word in 25 has not been seen before.
"""

import argparse
import json
import random
import re
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator, WarcRecordType

from extractors.html import extract_text
from mixtures.encoding import hard_cases
from mixtures.spec import ComponentSpec, MixtureConfig, StageSpec
from mixtures.tokenization import Tokenizer
from pipeline.records.document import DOCUMENT_SCHEMA, document_id
from pipeline.records.manifest import Counts, Manifest, ShardEntry
from pipeline.run import LOCAL_RUNNER
from pipeline.storage.stage_folder import StageFolder
from pipeline.storage.tables import TableWriter
from pipeline.transforms.annotate import MEASURES
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.solve import solve_stage
from pipeline.transforms.stage import Finished, run_stage
from pipeline.transforms.tokenize import TokenizeInput, load_tokenizer, tokenize_stage
from pipeline.transforms.windows import windows_stage

CORPUS = Path("examples/corpus")
WORK = Path("runs/benchmarks/text_to_shards")
CODE_SUFFIXES = (".py", ".js", ".rs", ".md", ".rst")

MIXTURE = MixtureConfig(
    seed=0,
    stages=(
        StageSpec(
            name="all",
            sequence_tokens=8192,
            components=(ComponentSpec(name="all", epochs=1),),
        ),
    ),
)
"""Everything once, with the default tokenizer, qwen2.5."""

NUM_MEASURES = 40
"""Columns of the sidecar, as many as the annotators of the demo recipe write."""

LOOP_RATIO = 0.1
"""Of a round's documents that the loop gets, which is some thirty times slower."""

EXACT_BYTES = 4_000_000
NUM_RANDOM = 3_000

_WORD = re.compile(r"\w{4,}")
_SWAPPED_RATIO = 0.2
_MADE_RATIO = 0.05


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=Path, metavar="PATH", help="Parquet with a column `text`")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--megabytes", type=int, default=48, metavar="N", help="of a round")
    known = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    tokenizer = load_tokenizer(MIXTURE)
    print(f"encoder: {tokenizer.encoder}")
    originals = list(corpus_texts()) if known.texts is None else []
    texts = enlarged(originals) if known.texts is None else _column(known.texts)
    warm_up = list(_until(texts, 500_000))
    exactness = _exactness(tokenizer, originals or warm_up)
    print("\n".join(f"{kind}: {line}" for kind, line in exactness.items()))
    found: dict[str, Any] = {"exactness": exactness}
    _stage_seconds(warm_up, "warm-up")
    _loop_seconds(warm_up[:10], tokenizer)
    print(
        f"{'round':<6}{'documents':>10}{'MB':>7}{'to tokens':>13}{'to windows':>13}"
        f"{'with start':>13}{'loop MB/s':>11}{'ratio':>8}"
    )
    rounds = []
    for number in range(known.rounds):
        given = list(_until(texts, known.megabytes * 1_000_000))
        part = given[:: round(1 / LOOP_RATIO)]
        starts = _stage_seconds(warm_up[:2], f"start-{number}")
        taken = _stage_seconds(given, f"round-{number}")
        tokenizing = taken[0] - starts[0]
        shards = sum(taken) - sum(starts)
        speeds = [_megabytes(given) / seconds for seconds in (tokenizing, shards, sum(taken))]
        loop = _megabytes(part) / _loop_seconds(part, tokenizer)
        rounds.append((*speeds, loop, speeds[0] / loop))
        print(
            f"{number:<6}{len(given):10,}{_megabytes(given):7.1f}"
            + "".join(f"{speed:13.1f}" for speed in speeds)
            + f"{loop:11.2f}{speeds[0] / loop:8.1f}"
        )
    shutil.rmtree(WORK)
    names = (
        "tokens_mb_per_cpu_s",
        "windows_mb_per_cpu_s",
        "with_start_mb_per_cpu_s",
        "loop_mb_per_cpu_s",
        "ratio",
    )
    for name, column in zip(names, zip(*rounds, strict=True), strict=True):
        found[name] = statistics.median(column)
    print(json.dumps(found))


def corpus_texts() -> Iterator[str]:
    """Texts of the demo corpus: main text of web pages, source files, and rows of tables."""
    for path in sorted((CORPUS / "web").glob("*.warc.gz")):
        with path.open("rb") as file:
            for page in ArchiveIterator(file, record_types=WarcRecordType.response):
                if page.http_content_type == "text/html":
                    found = extract_text(page.reader.read(), page.headers["WARC-Target-URI"])
                    yield found or ""
    for path in sorted((CORPUS / "code").rglob("*")):
        if path.suffix in CODE_SUFFIXES:
            yield path.read_text(encoding="utf-8", errors="replace")
    for path in sorted((CORPUS / "tables").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield str(json.loads(line).get("text") or "")


def enlarged(texts: Sequence[str]) -> Iterator[str]:
    """Copies of ``texts`` without end, each with words swapped and words made up."""
    vocabulary = sorted({word for text in texts for word in _WORD.findall(text)})
    source = random.Random(0)  # noqa: S311 - variety, not secrecy
    while True:
        for text in texts:
            words = _WORD.findall(text)
            yield _WORD.sub(
                lambda match, words=words: _other(match, words, vocabulary, source), text
            )


def _other(
    match: re.Match[str], words: Sequence[str], vocabulary: Sequence[str], source: random.Random
) -> str:
    drawn = source.random()
    word = match.group()
    if drawn < _MADE_RATIO:
        other = source.choice(vocabulary)
        return word[: len(word) // 2] + other[len(other) // 2 :].lower()
    return source.choice(words) if drawn < _MADE_RATIO + _SWAPPED_RATIO else word


def _column(path: Path) -> Iterator[str]:
    for batch in pq.ParquetFile(path).iter_batches(256, columns=["text"]):
        yield from (text for text in batch.column("text").to_pylist() if text is not None)


def _until(texts: Iterator[str], num_bytes: int) -> Iterator[str]:
    """The next of ``texts``, until they have so many bytes."""
    while num_bytes > 0 and (text := next(texts, None)) is not None:
        num_bytes -= len(text.encode())
        yield text


def _megabytes(texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def _exactness(tokenizer: Tokenizer, documents: Sequence[str]) -> dict[str, str]:
    """How many texts of each kind the encoder in use gives the tokens of `tokenizers` for."""
    kinds = {
        "documents": list(_until(iter(documents), EXACT_BYTES)),
        "hard cases": hard_cases(tokenizer.added_tokens.values()),
        "random Unicode": [*_random_texts()],
    }
    lines = {}
    for kind, texts in kinds.items():
        pairs = zip(tokenizer.encode(texts), tokenizer.reference.encode(texts).split(), strict=True)
        same = sum(np.array_equal(one, truth) for one, truth in pairs)
        lines[kind] = f"{same:,} of {len(texts):,} exact"
    return lines


def _random_texts() -> Iterator[str]:
    """Other strings than those of the hard cases."""
    source = random.Random(1)  # noqa: S311 - variety, not secrecy
    ranges = [
        range(0x20, 0x7F),
        range(0x80, 0x3100),
        range(0x4E00, 0xA000),
        range(0x1F300, 0x1FA00),
    ]
    for _ in range(NUM_RANDOM):
        chosen = source.choices(ranges, k=source.randrange(200))
        yield "".join(chr(source.choice(one)) for one in chosen)


def _stage_seconds(texts: Sequence[str], name: str) -> tuple[float, float]:
    """CPU seconds from documents to token shards, and from there to windows; one shard."""
    run = str(WORK / name)
    read = TokenizeInput(_documents(run, texts), ((_measures(run, texts), MEASURES),), None)
    options = [f"--runner={LOCAL_RUNNER}"]
    started = time.process_time()
    tokens = run_stage(tokenize_stage(read, MIXTURE), run, options, max_failed_ratio=0)
    tokenized = time.process_time()
    solve = solve_stage([tokens], MIXTURE, None)
    solved = run_stage(solve, run, options, max_failed_ratio=0)
    windows = windows_stage([tokens], solved, MIXTURE, MIXTURE.stages[0].name)
    run_stage(windows, run, options, max_failed_ratio=0)
    return tokenized - started, time.process_time() - tokenized


def _documents(run: str, texts: Sequence[str]) -> Finished:
    size = len(texts)
    given = {
        "id": pa.array([_id(number) for number in range(size)]),
        "text": pa.array(texts, pa.large_string()),
        "source": pa.array(["benchmark"] * size),
        "url": pa.array([f"https://example.org/{number}" for number in range(size)]),
        "media_type": pa.array(["text/plain"] * size),
        "provenance": pa.array(
            [{"archive": "a.warc.gz", "offset": number} for number in range(size)],
            DOCUMENT_SCHEMA.field("provenance").type,
        ),
    }
    columns = [given.get(field.name, pa.nulls(size, field.type)) for field in DOCUMENT_SCHEMA]
    return _finished(run, DOCUMENTS, pa.table(columns, schema=DOCUMENT_SCHEMA))


def _measures(run: str, texts: Sequence[str]) -> Finished:
    values = np.random.default_rng(0).random((NUM_MEASURES, len(texts)), np.float32)
    columns = {f"benchmark.measure_{number}": row for number, row in enumerate(values)}
    ids = pa.array([_id(number) for number in range(len(texts))])
    return _finished(run, MEASURES, pa.table({"id": ids, **columns}))


def _id(number: int) -> str:
    return document_id("benchmark", str(number))


def _finished(run: str, output: str, table: pa.Table) -> Finished:
    """A committed output of one shard."""
    folder = StageFolder.of(run, output, "given")
    name = folder.shard_file(output, 0, 1)
    writer = TableWriter(folder.locate(name), table.schema)
    for batch in table.to_batches(512):
        writer.write(batch)
    num_bytes, sha256 = writer.close()
    entry = ShardEntry(output, 0, name, table.num_rows, num_bytes, sha256)
    counts = Counts(table.num_rows, table.num_rows, 0, 0)
    manifest = Manifest(output, 1, "given", {}, {}, counts, {output: (entry,)})
    folder.write_manifest(manifest)
    return Finished(folder, manifest)


def _loop_seconds(texts: Sequence[str], tokenizer: Tokenizer) -> float:
    """CPU seconds of `tokenizers`, a document at a time, and of writing what it gives."""
    library = tokenizer._decoder  # noqa: SLF001 - the library itself, as others call it
    started = time.process_time()
    documents = [
        [*library.encode(text, add_special_tokens=False).ids, tokenizer.eod_id] for text in texts
    ]
    tokens = pa.array(documents, pa.large_list(pa.int32()))
    pq.write_table(pa.table({"tokens": tokens}), WORK / "loop.parquet")
    return time.process_time() - started


if __name__ == "__main__":
    main()
