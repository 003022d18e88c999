"""The index of benchmark items: hashes of four words in a row of each question and long answer.

It can be written to a file and read again. The file holds the items' names and hashes, no text, so
that an index of a set whose owners want no copies on the web may be given away. It hides the text
from search engines and crawlers, not from who tries words one by one against the hashes.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from filters.decontamination.benchmarks import Item
from filters.decontamination.kernels import (
    GRAM_WORDS,
    WEAK_BIT,
    Int64Array,
    UInt64Array,
    chain_hash,
    make_grams,
)
from filters.decontamination.words import hash_column, word_hashes
from pipeline.errors import ConfigError
from pipeline.storage.filesystem import atomic_output, read_bytes

INDEX_VERSION = 1
"""Raised when the same text gets other hashes."""

MIN_QUESTION_WORDS = 5
"""A question of fewer words is not looked for: anyone may write those."""

MIN_ANSWER_WORDS = 15
"""An answer with fewer words that are no numbers or letters is no trace of its benchmark alone."""

MIN_SOLUTION_WORDS, MIN_SOLUTION_STRONG_WORDS = 10, 6
"""Likewise for words of any kind of a canonical solution, and for those that are no numbers, signs
or letters: a list of numbers is no code."""

CHOICE = re.compile(r"^[ \t]*(?:\(?[A-J][.)]|\[[A-J]\])[ \t]", re.MULTILINE)
MIN_CHOICES = 2
MIN_STEM_WORDS = 8
"""What is asked before the choices counts alone from so many words on: choices can be reordered."""

MAX_SEED = 1 << 62

FILE_SCHEMA = pa.schema(
    [
        pa.field("benchmark", pa.string(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("item", pa.string(), nullable=False),
        pa.field("is_code", pa.bool_(), nullable=False),
        pa.field("stem_words", pa.int32(), nullable=False),
        pa.field("answer_words", pa.int32(), nullable=False),
        pa.field("answer_hash", pa.uint64(), nullable=False),
        pa.field("question_grams", pa.large_list(pa.uint64()), nullable=False),
        pa.field("answer_grams", pa.large_list(pa.uint64()), nullable=False),
    ]
)
"""An item a row; the grams in their order. A text of n grams has n + GRAM_WORDS - 1 words."""

GRAM_COLUMNS = ("question_grams", "answer_grams")
NAMED_COLUMNS = [name for name in FILE_SCHEMA.names if name not in GRAM_COLUMNS]


@dataclass(frozen=True)
class IndexedItem:
    """What a hit is reported as, and how its choices and its short answer are known.

    ``stem_words`` are the words of the question before its choices, 0 where it is not to be found
    by them alone.
    ``answer_hash`` is of the ``answer_words`` words of the answer, told apart by the question: who
    has not the question can't look the answer up. 0 words: the item has no answer.
    """

    benchmark: str
    split: str | None
    item: str
    is_code: bool
    stem_words: int
    answer_words: int
    answer_hash: int


@dataclass(frozen=True)
class Unit:
    """A question or an answer that is searched for; ``item`` is its item's number."""

    item: int
    is_answer: bool
    num_words: int


@dataclass(frozen=True, eq=False)
class Index:
    """All items' grams, unit by unit: those of unit u are ``grams[ends[u - 1]:ends[u]]``."""

    items: tuple[IndexedItem, ...]
    units: tuple[Unit, ...]
    grams: UInt64Array
    ends: Int64Array

    @classmethod
    def build(cls, items: Iterable[Item]) -> "Index":
        """Index ``items``. Equal questions of several sets are kept apart, each under its name."""
        listed = list(items)
        questions = _grams_of_column([item.question for item in listed])
        answers = _grams_of_column([item.answer for item in listed])
        made = []
        grams: list[tuple[UInt64Array, UInt64Array]] = []
        nothing = np.empty(0, np.uint64)
        for item, (_, question_grams), (answer, answer_grams) in zip(
            listed, questions, answers, strict=True
        ):
            hashed = int(chain_hash(answer, question_seed(question_grams)))
            name = (item.benchmark, item.split, item.id)
            stem_words = _count_stem_words(item.question)
            made.append(IndexedItem(*name, item.is_code, stem_words, len(answer), hashed))
            is_long = _is_solution(answer) if item.is_code else _is_long_answer(answer)
            is_askable = len(question_grams) + GRAM_WORDS - 1 >= MIN_QUESTION_WORDS
            grams.append(
                (question_grams if is_askable else nothing, answer_grams if is_long else nothing)
            )
        return cls._of_grams(tuple(made), grams)

    @classmethod
    def _of_grams(
        cls, items: tuple[IndexedItem, ...], grams: Sequence[tuple[UInt64Array, UInt64Array]]
    ) -> "Index":
        units = []
        kept = []
        for number, of_item in enumerate(grams):
            for is_answer, of_unit in zip((False, True), of_item, strict=True):
                if len(of_unit):
                    units.append(Unit(number, is_answer, len(of_unit) + GRAM_WORDS - 1))
                    kept.append(of_unit)
        ends = np.cumsum([len(one) for one in kept], dtype=np.int64)
        return cls(items, tuple(units), np.concatenate([np.empty(0, np.uint64), *kept]), ends)

    @classmethod
    def join(cls, indexes: Sequence["Index"]) -> "Index":
        """One index over the items of several."""
        items: list[IndexedItem] = []
        units: list[Unit] = []
        for index in indexes:
            units += [
                Unit(len(items) + unit.item, unit.is_answer, unit.num_words) for unit in index.units
            ]
            items += index.items
        sizes = [np.diff(index.ends, prepend=0) for index in indexes]
        ends = np.cumsum(np.concatenate([np.empty(0, np.int64), *sizes]), dtype=np.int64)
        grams = np.concatenate([np.empty(0, np.uint64), *(index.grams for index in indexes)])
        return cls(tuple(items), tuple(units), grams, ends)

    @classmethod
    def load(cls, path: str) -> "Index":
        """Read a file of :meth:`write`.

        Raises ConfigError when it is missing, damaged or of another version.
        """
        field = "annotate.decontamination.indexes"
        try:
            table = pq.read_table(io.BytesIO(read_bytes(path)))
        except (OSError, pa.ArrowException) as error:
            raise ConfigError(f"{field}: cannot read {path}: {error}") from error
        stated = table.schema.metadata or {}
        version = stated.get(b"version", b"none").decode(errors="replace")
        if version != str(INDEX_VERSION):
            raise ConfigError(
                f"{field}: {path} is of version {version}, and this code reads version "
                f"{INDEX_VERSION}: write it again from its benchmark files with "
                "filters.decontamination.write_index"
            )
        if not table.schema.equals(FILE_SCHEMA):
            raise ConfigError(f"{field}: {path} has other columns than an index: write it again")
        index = cls._of_grams(
            tuple(IndexedItem(**row) for row in table.select(NAMED_COLUMNS).to_pylist()),
            list(zip(*(_lists(table.column(name)) for name in GRAM_COLUMNS), strict=True)),
        )
        if stated.get(b"digest", b"").decode(errors="replace") != index.digest:
            raise ConfigError(f"{field}: {path} is damaged: its digest is another: write it again")
        return index

    def write(self, path: str) -> None:
        """Write the index as one Parquet file, whole or not at all; equal indexes, equal bytes."""
        with atomic_output(path) as file:
            file.write(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The index as a file."""
        grams: dict[tuple[int, bool], UInt64Array] = {
            (unit.item, unit.is_answer): self.grams_of(number)
            for number, unit in enumerate(self.units)
        }
        columns: dict[str, pa.Array] = {
            field.name: pa.array([getattr(item, field.name) for item in self.items], field.type)
            for field in map(FILE_SCHEMA.field, NAMED_COLUMNS)
        }
        nothing = np.empty(0, np.uint64)
        for name, is_answer in zip(GRAM_COLUMNS, (False, True), strict=True):
            lists = [grams.get((item, is_answer), nothing) for item in range(len(self.items))]
            bounds = np.cumsum([0, *(len(one) for one in lists)], dtype=np.int64)
            columns[name] = pa.LargeListArray.from_arrays(bounds, np.concatenate([nothing, *lists]))
        stated = {"version": str(INDEX_VERSION), "digest": self.digest}
        file = io.BytesIO()
        table = pa.table(list(columns.values()), FILE_SCHEMA.with_metadata(stated))
        pq.write_table(table, file, compression="zstd", use_dictionary=["benchmark", "split"])
        return file.getvalue()

    @cached_property
    def digest(self) -> str:
        """Hex that names what the index finds: equal for equal items, from whatever file."""
        state = hashlib.sha256(f"{INDEX_VERSION}".encode())
        for item in self.items:
            state.update(json.dumps(list(vars(item).values())).encode())
        for unit in self.units:
            state.update(f"{unit.item},{unit.is_answer},{unit.num_words};".encode())
        state.update(np.ascontiguousarray(self.grams, "<u8").tobytes())
        return state.hexdigest()

    def grams_of(self, unit: int) -> UInt64Array:
        """The grams of a unit, in order."""
        return self.grams[self.ends[unit - 1] if unit else 0 : self.ends[unit]]

    def num_unsearchable(self) -> int:
        """Items whose question is too short to be found: fewer than MIN_QUESTION_WORDS words."""
        found = {unit.item for unit in self.units if not unit.is_answer}
        return len(self.items) - len(found)


def question_seed(question_grams: UInt64Array) -> int:
    """What tells the answer of one question from the same answer of another."""
    return int(chain_hash(question_grams, 0)) % MAX_SEED


def _count_stem_words(question: str) -> int:
    """Words before the choices; 0 where there are no choices or too few words before them."""
    choices = [match.start() for match in CHOICE.finditer(question)]
    if len(choices) < MIN_CHOICES:
        return 0
    num_words = len(word_hashes(question[: choices[0]]))
    return num_words if num_words >= MIN_STEM_WORDS else 0


def _count_strong(words: UInt64Array) -> int:
    return int(np.count_nonzero(words & WEAK_BIT == 0))


def _is_long_answer(words: UInt64Array) -> bool:
    return _count_strong(words) >= MIN_ANSWER_WORDS


def _is_solution(words: UInt64Array) -> bool:
    return len(words) >= MIN_SOLUTION_WORDS and _count_strong(words) >= MIN_SOLUTION_STRONG_WORDS


def _grams_of_column(texts: list[str]) -> list[tuple[UInt64Array, UInt64Array]]:
    """(hashes of the words, grams) of each text."""
    safe = [text.encode("utf-8", "replace").decode() for text in texts]
    hashes, ends = hash_column(pa.array(safe, pa.large_string()))
    bounds = np.concatenate([np.zeros(1, np.int64), ends])
    words = [hashes[start:end] for start, end in pairwise(bounds)]
    return [(one, make_grams(one)) for one in words]


def _lists(column: pa.ChunkedArray) -> list[UInt64Array]:
    values = column.combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    flat = values.flatten().to_numpy(zero_copy_only=False)
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(values.value_lengths().to_numpy())])
    return [flat[start:end] for start, end in pairwise(bounds)]
