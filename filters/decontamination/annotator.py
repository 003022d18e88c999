"""The decontamination annotator: which benchmark items a document holds.

Documents in; out the number of items found, and of the one that is covered best its benchmark,
split and id, the share that is covered, and whether question or answer was found. Web pages, source
files and synthetic documents go the same way, and an ordinary rule drops what was hit
(``{column: decontamination.hits, max: 0}``).

An item is found in a document that

* shares ``ngram_words`` words in a row with its question, as GPT-3's authors looked for it (arXiv
  2005.14165, appendix C), unless so many other items have those words that they are only how
  questions are put; or
* holds, within a window of twice its length, so much of the question, or of a long answer or a
  canonical solution, that little but an edit can be missing. Words count by how few items have
  them, as in decon (github.com/allenai/decon), so that a phrase everyone uses adds little.

Of a question with choices, what is asked before them is enough, as choices may be reordered. Short
answers are looked for behind their question only. Questions of fewer than five words can't be
found, nor can code of fewer than eight; the shorter a question, the less of it may be missing.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from filters.decontamination.benchmarks import read_items
from filters.decontamination.config import DecontaminationConfig
from filters.decontamination.index import Index, question_seed
from filters.decontamination.judgement import Match, judge
from filters.decontamination.kernels import (
    GRAM_WORDS,
    Int32Array,
    UInt64Array,
    find_candidates,
    has_chain,
    make_grams,
)
from filters.decontamination.search_tables import SearchTables
from filters.decontamination.words import text_buffers, word_hashes, word_tables
from pipeline.errors import ConfigError

VERSION = 1
"""Raised when the same index finds other items, or reports them otherwise."""

ANSWER_DISTANCE_WORDS = 50
"""Words behind a question among which its short answer is looked for (decon: 50 to 100 tokens)."""

COLUMNS = pa.schema(
    [
        pa.field("hits", pa.int32()),  # items found
        pa.field("score", pa.float32()),  # covered share of the best one; 0 without any
        pa.field("benchmark", pa.string()),
        pa.field("split", pa.string()),
        pa.field("item", pa.string()),
        pa.field("where", pa.string()),  # question, answer or both
    ]
)


@dataclass(frozen=True)
class Hit:
    """An item that a text holds.

    ``score`` is the covered share (0-1) of its question or answer, whichever is covered better;
    ``where`` is ``question``, ``answer`` or ``both``.
    """

    benchmark: str
    split: str | None
    item: str
    score: float
    where: str


class DecontaminationAnnotator:
    """Finds benchmark items.

    ``hits`` and ``score`` are never null; the other columns are null without a hit, and ``split``
    also where the benchmark states none.
    """

    name = "decontamination"
    columns = COLUMNS

    def __init__(self, config: DecontaminationConfig) -> None:
        """Read the benchmarks and indexes.

        Raises ConfigError when a file is missing, damaged or of another version, and when there is
        no item at all.
        """
        indexes = [Index.load(path) for path in config.indexes]
        if config.benchmarks:
            indexes.append(Index.build(read_items(config.benchmarks)))
        self.index = Index.join(indexes)
        if not self.index.units:
            raise ConfigError(
                "annotate.decontamination: no benchmark item to look for: name files in "
                "`benchmarks` or `indexes`, or set decontamination to null"
            )
        digest = hashlib.sha256(f"{VERSION}/{self.index.digest}".encode()).digest()
        self.version = int.from_bytes(digest[:6], "big")
        self._config = config
        # Of the grams of a run of ngram_words, half are telling, and those are searched for.
        telling = (config.ngram_words - GRAM_WORDS + 2) // 2
        self._tables = SearchTables.build(self.index, max_needed_hits=telling)

    def annotate(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """One row of ``columns`` for each document."""
        found = self.find(documents.column("text"))
        # max() takes the first of equal ones: items are in the order of the recipe's list.
        best = [max(hits, key=lambda hit: hit.score, default=None) for hits in found]
        return pa.RecordBatch.from_arrays(
            [
                pa.array([len(hits) for hits in found], pa.int32()),
                pa.array([0.0 if hit is None else hit.score for hit in best], pa.float32()),
                pa.array([hit and hit.benchmark for hit in best], pa.string()),
                pa.array([hit and hit.split for hit in best], pa.string()),
                pa.array([hit and hit.item for hit in best], pa.string()),
                pa.array([hit and hit.where for hit in best], pa.string()),
            ],
            schema=COLUMNS,
        )

    def find(self, texts: pa.Array) -> list[list[Hit]]:
        """The items each text holds, in the order of the index; nulls hold none."""
        texts = texts.cast(pa.large_string())
        hits: list[list[Hit]] = [[] for _ in range(len(texts))]
        rows, units = self._candidates(texts)
        bounds = np.flatnonzero(np.diff(rows, prepend=-1, append=-1))
        for start, end in pairwise(bounds):
            row = int(rows[start])
            hits[row] = self._judge_text(texts[row].as_py(), units[start:end].tolist())
        return hits

    def _candidates(self, texts: pa.LargeStringArray) -> tuple[Int32Array, Int32Array]:
        """(row, unit) of each text that shares some grams with a unit, row by row."""
        search = self._tables
        data, bounds = text_buffers(texts)
        return find_candidates(
            data,
            bounds,
            *word_tables(),
            search.slots,
            search.numbers,
            search.bloom,
            search.posting_offsets,
            search.postings,
            search.needed_hits,
        )

    def _judge_text(self, text: str, units: list[int]) -> list[Hit]:
        words = word_hashes(text)
        grams = make_grams(words)
        matches: dict[int, dict[bool, float]] = {}
        for number in sorted(units):
            unit = self.index.units[number]
            item = self.index.items[unit.item]
            match = self._match(grams, number, item.stem_words)
            if match is None:
                continue
            of_item = matches.setdefault(unit.item, {})
            of_item[unit.is_answer] = match.coverage
            if not unit.is_answer and item.answer_words:
                behind = words[match.end : match.end + ANSWER_DISTANCE_WORDS + item.answer_words]
                seed = question_seed(self.index.grams_of(number))
                if has_chain(behind, item.answer_words, seed, np.uint64(item.answer_hash)):
                    of_item.setdefault(True, match.coverage)
        return [self._hit(item, of_item) for item, of_item in sorted(matches.items())]

    def _match(self, text_grams: UInt64Array, number: int, stem_words: int) -> Match | None:
        """The match of a unit, or else of what it asks before its choices."""
        unit = self.index.units[number]
        end = int(self.index.ends[number])
        start = end - unit.num_words + GRAM_WORDS - 1
        ends = [end]
        if stem_words and not unit.is_answer:
            ends.append(start + stem_words - GRAM_WORDS + 1)
        for one in ends:
            match = judge(
                text_grams,
                self.index.grams[start:one],
                self._tables.weights[start:one],
                self._tables.is_telling[start:one],
                self._config,
                is_answer=unit.is_answer,
                is_code=self.index.items[unit.item].is_code,
            )
            if match is not None:
                return match
        return None

    def _hit(self, item: int, coverages: dict[bool, float]) -> Hit:
        named = self.index.items[item]
        is_both = len(coverages) > 1
        where = "both" if is_both else "answer" if True in coverages else "question"
        score = max(coverages.values())
        return Hit(named.benchmark, named.split, named.item, score, where)
