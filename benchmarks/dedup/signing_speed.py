"""MB of text a CPU second to MinHash signatures, and the rest of a sketch, beside other tools.

    python -m benchmarks.dedup.signing_speed [--rounds 5] [--megabytes 8]

A round has texts of its own, of about 5 kB: prose of 50,000 made-up words by Zipf's law, code, and
Chinese, Japanese and Thai code points, a third each. In every round each step runs once, so that a
busy machine slows all of them; a figure is the median round in process CPU time of all threads,
after a warm-up. The goal is 80 MB/s for signatures of 5-word shingles, 112 values each. "sketch" is
what a run makes of a document: URL key, text key and signature; its texts have a URL each.

Ours read an Arrow column. The others get Python strings, which they are not charged for, and a
part of the texts, for they take long: datasketch and rensa with words split by `re` and shingles
joined in Python, as their documentation does, datatrove's `MinhashDedupSignature` with its own
tokenizer, 14 buckets of 8. Those that are not installed are left out (requirements/peers.in).
"""

import argparse
import functools
import json
import re
import statistics
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from filters.dedup.config import DeduplicateConfig
from filters.dedup.exact import text_keys
from filters.dedup.minhash import draw_permutations, sign
from filters.dedup.shingle_sets import jaccard, shingle_sets
from filters.dedup.sketch import Sketch

GOAL_MB_PER_SECOND = 80
PERMUTATIONS = 112
SHINGLE_WORDS = 5
DOCUMENT_BYTES = 5000
VOCABULARY = 50_000
WORD = re.compile(r"\w+")
CODE = (
    "def {0}(self, {1}, {2}=None):",
    "    {0} = {1}.{2}({3}[{4}], {5!r})",
    "    if {0} is not None and {1} >= {6}:",
    "        return {0}({1}, {2}) + {6} * {3}  # {4} {5}",
    "    for {0}, {1} in enumerate({2}):",
    "        {0}[{1}].append(({2}, {3}))",
    "",
)


@dataclass(frozen=True)
class Texts:
    """What a round's steps read; ``part`` is the beginning of ``prose``."""

    prose: pa.RecordBatch
    code: pa.Array
    unspaced: pa.Array
    part: Sequence[str]


@dataclass(frozen=True)
class Step:
    """Something timed, which returns the bytes of text it has gone through."""

    name: str
    run: Callable[[Texts], int]


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--megabytes", type=float, default=8, metavar="MB")
    known = parser.parse_args()
    steps = [*_our_steps(), *_datasketch(), *_rensa(), *_datatrove()]
    seen: dict[str, list[float]] = {step.name: [] for step in steps}
    for number in range(known.rounds + 1):  # the first one warms up
        texts = make_texts(known.megabytes if number else 0.2, seed=number)
        for step in steps:
            started = time.process_time()
            num_bytes = step.run(texts)
            if number:
                seen[step.name].append(num_bytes / 1e6 / (time.process_time() - started))
    medians = {name: statistics.median(speeds) for name, speeds in seen.items()}
    signing = medians["sign words"]
    print(f"{known.rounds} rounds of {known.megabytes:g} MB; MB a CPU second, median (least, most)")
    for name, speeds in seen.items():
        spread = f"({min(speeds):.1f}, {max(speeds):.1f})"
        print(f"{name:<28}{medians[name]:8.1f}  {spread:<18}{signing / medians[name]:8.1f}x")
    verdict = "met" if signing >= GOAL_MB_PER_SECOND else "missed"
    print(f"signatures: {signing:.0f} MB/s, goal {GOAL_MB_PER_SECOND} {verdict}")
    print(json.dumps({"mb_per_cpu_second": medians, "goal": GOAL_MB_PER_SECOND}))


def _our_steps() -> list[Step]:
    permutations = draw_permutations(PERMUTATIONS, seed=1)
    sketch = Sketch(DeduplicateConfig().sketch_parameters())

    def sign_words(texts: pa.Array) -> int:
        sign(texts, permutations=permutations, unit="words", size=SHINGLE_WORDS)
        return _num_bytes(texts)

    def sign_characters(texts: pa.Array) -> int:
        sign(texts, permutations=permutations, unit="characters", size=24)
        return _num_bytes(texts)

    def sign_code(texts: Texts) -> int:
        sign(texts.code, permutations=permutations, unit="code", size=5)
        return _num_bytes(texts.code)

    def make_sketches(texts: Texts) -> int:
        sketch.annotate(texts.prose)
        return _num_bytes(texts.prose.column("text"))

    def make_keys(texts: Texts) -> int:
        text_keys(texts.prose.column("text"))
        return _num_bytes(texts.prose.column("text"))

    def make_sets(texts: Texts) -> int:
        shingle_sets(texts.prose.column("text"), unit="words", size=SHINGLE_WORDS)
        return _num_bytes(texts.prose.column("text"))

    def compare(texts: Texts) -> int:
        """Each text with the next; making the sets is charged too."""
        values, ends = shingle_sets(texts.prose.column("text"), unit="words", size=SHINGLE_WORDS)
        bounds = np.column_stack([np.append(0, ends[:-1]), ends])
        jaccard(values, bounds[:-1], values, bounds[1:])
        return _num_bytes(texts.prose.column("text"))

    return [
        Step("sign words", lambda texts: sign_words(texts.prose.column("text"))),
        Step("sketch", make_sketches),
        Step("sign words, unspaced", lambda texts: sign_words(texts.unspaced)),
        Step("sign characters", lambda texts: sign_characters(texts.prose.column("text"))),
        Step("sign characters, unspaced", lambda texts: sign_characters(texts.unspaced)),
        Step("sign code", sign_code),
        Step("text keys", make_keys),
        Step("shingle sets", make_sets),
        Step("sets, each compared once", compare),
    ]


def _datasketch() -> list[Step]:
    try:
        from datasketch import MinHash
    except ImportError:
        return _missing("datasketch")

    def run(texts: Texts) -> int:
        for text in texts.part:
            sketch = MinHash(
                PERMUTATIONS, seed=1, scheme="affine32", hashfunc=xxhash.xxh32_intdigest
            )
            sketch.update_batch([shingle.encode() for shingle in _shingles(text)])
        return _length(texts.part)

    return [Step("datasketch update_batch", run)]


def _rensa() -> list[Step]:
    try:
        from rensa import CMinHash, RMinHash
    except ImportError:
        return _missing("rensa")

    def runner(minhash: Callable[..., RMinHash]) -> Callable[[Texts], int]:
        def run(texts: Texts) -> int:
            for text in texts.part:
                sketch = minhash(num_perm=PERMUTATIONS, seed=1)
                sketch.update(_shingles(text))
                sketch.digest()
            return _length(texts.part)

        return run

    return [Step("rensa RMinHash", runner(RMinHash)), Step("rensa CMinHash", runner(CMinHash))]


def _datatrove() -> list[Step]:
    try:
        from datatrove.pipeline.dedup import MinhashDedupSignature
        from datatrove.pipeline.dedup.minhash import MinhashConfig

        config = MinhashConfig(n_grams=SHINGLE_WORDS, num_buckets=14, hashes_per_bucket=8)
        signature = MinhashDedupSignature("runs/benchmarks/datatrove", config)
    except ImportError:
        return _missing("datatrove")

    def run(texts: Texts) -> int:
        part = texts.part[: max(1, len(texts.part) // 8)]
        for text in part:
            signature.get_signature(signature.get_shingles(text))
        return _length(part)

    return [Step("datatrove", run)]


def _missing(tool: str) -> list[Step]:
    print(f"{tool}: not installed")
    return []


def _shingles(text: str) -> list[str]:
    words = WORD.findall(text.lower())
    return [" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)]


def _num_bytes(texts: pa.Array) -> int:
    return int(pc.sum(pc.binary_length(texts)).as_py())


def _length(texts: Sequence[str]) -> int:
    return sum(map(len, texts))  # of ASCII: bytes


def make_texts(megabytes: float, *, seed: int) -> Texts:
    """New texts of all kinds, ``megabytes`` each; ``part`` has at most one."""
    random = np.random.default_rng(seed)
    count = max(1, round(megabytes * 1e6 / DOCUMENT_BYTES))
    prose = [_prose(random, _vocabulary()) for _ in range(count)]
    urls = [
        f"https://www.site{site}.com/articles/{page}?id={page}&page={site % 9}"
        for site, page in random.integers(0, 10**6, (count, 2)).tolist()
    ]
    return Texts(
        prose=pa.record_batch({"text": pa.array(prose, pa.large_string()), "url": pa.array(urls)}),
        code=pa.array([_code(random, _vocabulary()) for _ in range(count)], pa.large_string()),
        unspaced=pa.array([_unspaced(random, i % 3) for i in range(count)], pa.large_string()),
        part=prose[: round(1e6 / DOCUMENT_BYTES)],
    )


@functools.cache
def _vocabulary() -> list[str]:
    """Words by falling frequency, of 2 to some 12 letters, the frequent ones shorter."""
    random = np.random.default_rng(0)
    letters = np.array(list(string.ascii_lowercase))
    weights = np.array(
        [8, 1, 3, 4, 12, 2, 2, 6, 7, 0.2, 1, 4, 2, 7, 8, 2, 0.1, 6, 6, 9, 3, 1, 2, 0.2, 2, 0.1]
    )
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        length = 2 + random.poisson(np.log1p(len(words)) * 0.5)
        words["".join(random.choice(letters, length, p=weights / weights.sum()))] = None
    return list(words)


def _ranks(random: np.random.Generator, count: int, size: int) -> list[int]:
    """``count`` ranks below ``size`` by Zipf's law, exponent 1: ``size ** u`` is spread so."""
    return (size ** random.random(count) - 1).astype(int).tolist()


def _prose(random: np.random.Generator, vocabulary: Sequence[str]) -> str:
    """Sentences of some 17 words in paragraphs of five, with commas, numbers and quotes."""
    count = DOCUMENT_BYTES // 6
    words = [vocabulary[rank] for rank in _ranks(random, count, len(vocabulary))]
    marks = random.random(count)
    for i in (marks < 0.06).nonzero()[0].tolist():
        words[i] += ","
    for i in (marks > 0.99).nonzero()[0].tolist():
        words[i] = str(i * 7919 % 2026)
    begin = 0
    sentences = []
    for number, length in enumerate(random.integers(5, 30, count // 15).tolist()):
        sentence = " ".join(words[begin : begin + length])
        sentences.append(sentence.capitalize() + (".\n\n" if number % 5 == 4 else ". "))
        begin += length
        if begin >= count:
            break
    return "".join(sentences)


def _code(random: np.random.Generator, vocabulary: Sequence[str]) -> str:
    """Lines like Python's, of names, brackets, operators, strings, numbers and comments."""
    lines = []
    for kind in random.integers(0, len(CODE), DOCUMENT_BYTES // 32).tolist():
        names = [vocabulary[rank] for rank in _ranks(random, 6, 5000)]
        lines.append(CODE[kind].format(*names, kind * 37))
    return "\n".join(lines)


def _unspaced(random: np.random.Generator, kind: int) -> str:
    """Chinese (0), Japanese (1) or Thai (2) code points with an end of sentence now and then."""
    letters = [
        lambda rank: chr(0x4E00 + rank * 7 % 3000),
        lambda rank: chr(0x3042 + rank % 80) if rank % 3 else chr(0x4E00 + rank * 7 % 2000),
        lambda rank: chr(0x0E01 + rank % 46) if rank % 4 else chr(0x0E30 + rank % 11),
    ][kind]
    ends = "\u3002\u3002 "[kind]
    ranks = _ranks(random, DOCUMENT_BYTES // 3, 3000)
    return "".join(letters(rank) + (ends if rank % 31 == 5 else "") for rank in ranks)


if __name__ == "__main__":
    main()
