"""What another rule would keep: answered from a run's sidecars, without running anything.

The condition joins the recipe's rules. Where the recipe bounds the same column in the same way, the
condition takes that bound's place, with its sources and what a null means to it; else it judges all
sources, and a document without a value does not meet it.

Duplicates keep the ranks that the run gave them. A real run ranks anew and lets another document
lead a cluster whose leader a new rule rejects, so of such clusters a little more would be kept.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.rule import DecideConfig, Rule, decide
from pipeline.errors import ConfigError
from pipeline.report.quantities import exact, fitted, percent, plural, ratio_of
from pipeline.report.terminal import open_console
from pipeline.report.terminal_tables import add_numbers, open_table
from pipeline.run import read_run
from pipeline.storage.tables import read_aligned, read_table
from pipeline.transforms.annotate import IS_ANNOTATED, MEASURES
from pipeline.transforms.annotate import STAGE as ANNOTATE_STAGE
from pipeline.transforms.decide import STAGE as DECIDE_STAGE
from pipeline.transforms.decide import join_measures
from pipeline.transforms.deduplicate import STAGE as DEDUPLICATE_STAGE
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.stage import Finished
from pipeline.transforms.tokenize import STAGE as TOKENIZE_STAGE
from pipeline.transforms.tokenize import TOKENS
from pipeline.what_if_conditions import Condition, Replacement, is_missing, replace_rules

BATCH_ROWS = 65_536
"""Rows judged at a time: a few columns of them are some megabytes."""

MAX_EXAMPLES = 5
"""Documents named of those lost and of those gained."""

SIZE_COLUMN = f"{MARKS}.cluster_size"

NO_TOKENS = pa.schema([("id", pa.string()), ("num_tokens", pa.int32())]).empty_table()


@dataclass
class Tally:
    """Counts of one source. Tokens are of documents that the run kept, where it tokenized them."""

    documents: int = 0
    now: int = 0
    then: int = 0
    lost: int = 0
    gained: int = 0
    tokens_now: int = 0
    tokens_lost: int = 0


@dataclass
class Answer:
    """What would change: by source, and of a few documents which.

    ``lost_without_value`` counts lost documents in which a column of a condition is null,
    ``lost_leaders`` those that lead a cluster of duplicates.
    """

    replacements: tuple[Replacement, ...]
    has_tokens: bool
    sources: dict[str, Tally] = field(default_factory=dict)
    lost_without_value: int = 0
    lost_leaders: int = 0
    lost: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    gained: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    @property
    def total(self) -> Tally:
        """All sources together."""
        added: Counter[str] = Counter()
        for tally in self.sources.values():
            added.update(vars(tally))
        return Tally(**added)


def print_what_if(output: str, conditions: Sequence[str]) -> None:
    """Print what the newest run in ``output`` would keep under the conditions as well."""
    answer = answer_what_if(output, [Condition.parse(text) for text in conditions])
    console = open_console()
    for replacement in answer.replacements:
        console.print(str(replacement), soft_wrap=True, markup=False)
    table = open_table("What would be kept", "source")
    add_numbers(table, "documents", "kept now", "then", "lost", "gained")
    if answer.has_tokens:
        add_numbers(table, "tokens now", "lost", "of them")
    for name, tally in [*sorted(answer.sources.items()), ("all", answer.total)]:
        row = [tally.documents, tally.now, tally.then, tally.lost, tally.gained]
        tokens = [
            fitted(tally.tokens_now),
            fitted(tally.tokens_lost),
            percent(ratio_of(tally.tokens_lost, tally.tokens_now)),
        ]
        table.add_row(name, *map(exact, row), *(tokens if answer.has_tokens else []))
    console.print()
    console.print(table)
    for line in _remarks(answer):
        console.print(line, soft_wrap=True, markup=False)


def answer_what_if(output: str, conditions: Sequence[Condition]) -> Answer:
    """Judge a run's documents by its recipe's rules, with the conditions and without.

    Synthetic documents are left out: rules that name no source do not judge them. Raises
    ConfigError for a run that has not come to its rules, an unknown column or a wrong type.
    """
    _, stages = read_run(output)
    found = {one.manifest.stage: one for one in stages}
    if DECIDE_STAGE not in found:
        raise ConfigError(f"the run in {output!r} has not come to {DECIDE_STAGE!r} yet")
    rules = DecideConfig.model_validate(dict(found[DECIDE_STAGE].manifest.config)).rules
    sidecars = [(found[ANNOTATE_STAGE], MEASURES), (found[DEDUPLICATE_STAGE], MARKS)]
    schema = _joined_schema(sidecars)
    for condition in conditions:
        condition.check(schema)
    kept_rules, replacements = replace_rules(rules, conditions)
    tokens = found.get(TOKENIZE_STAGE)
    answer = Answer(replacements, has_tokens=tokens is not None)
    columns = {rule.column for rule in rules} | {one.column for one in conditions}
    columns |= {SIZE_COLUMN, f"{MARKS}.rank", IS_ANNOTATED, "id", "source"}
    num_shards = found[ANNOTATE_STAGE].num_shards(MEASURES)
    for shard in range(num_shards):
        counts = NO_TOKENS if tokens is None else _token_counts(tokens, shard, num_shards)
        for batch in _read(sidecars, shard, num_shards, columns):
            _add(answer, batch.filter(batch.column(IS_ANNOTATED)), rules, kept_rules, counts)
    return answer


def _add(
    answer: Answer,
    batch: pa.RecordBatch,
    rules: Sequence[Rule],
    kept_rules: Sequence[Rule],
    token_counts: pa.Table,
) -> None:
    now = decide(batch, rules).keep.to_numpy(zero_copy_only=False)
    then = decide(batch, kept_rules).keep.to_numpy(zero_copy_only=False)
    sources = batch.column("source")
    lacks_value = np.zeros(batch.num_rows, np.bool_)
    for one in answer.replacements:
        values = batch.column(one.condition.column)
        missing = is_missing(values).to_numpy(zero_copy_only=False)
        met = one.condition.is_met(values) | (missing & one.keeps_nulls)
        judged = np.ones(batch.num_rows, np.bool_)
        if one.sources is not None:
            is_judged = pc.is_in(sources, pa.array(one.sources))
            judged = is_judged.to_numpy(zero_copy_only=False)
        lacks_value |= missing & judged & ~met
        then &= met | ~judged
    lost, gained = now & ~then, then & ~now
    ids = batch.column("id")
    places = pc.index_in(ids, value_set=token_counts.column("id").combine_chunks())
    counted = pc.take(token_counts.column("num_tokens").combine_chunks(), places)
    counts = pc.fill_null(counted, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    for source in sources.unique().to_pylist():
        own = pc.equal(sources, source).to_numpy(zero_copy_only=False)
        tally = answer.sources.setdefault(source, Tally())
        tally.documents += int(own.sum())
        tally.now += int((now & own).sum())
        tally.then += int((then & own).sum())
        tally.lost += int((lost & own).sum())
        tally.gained += int((gained & own).sum())
        tally.tokens_now += int(counts[now & own].sum())
        tally.tokens_lost += int(counts[lost & own].sum())
    answer.lost_without_value += int((lost & lacks_value).sum())
    sizes = batch.column(SIZE_COLUMN).to_numpy(zero_copy_only=False)
    answer.lost_leaders += int((lost & (sizes > 1)).sum())
    names = list(dict.fromkeys(one.condition.column for one in answer.replacements))
    for examples, rows in ((answer.lost, lost), (answer.gained, gained)):
        for row in np.flatnonzero(rows)[: MAX_EXAMPLES - len(examples)].tolist():
            values = {name: batch.column(name)[row].as_py() for name in names}
            examples.append((ids[row].as_py(), values))


def _remarks(answer: Answer) -> Iterator[str]:
    total = answer.total
    if answer.lost_without_value:
        yield (
            f"\nof the lost, {exact(answer.lost_without_value)} have no value to judge: a rule "
            "with when_null: keep would let them pass"
        )
    if answer.lost_leaders:
        yield (
            f"\n{plural(answer.lost_leaders, 'lost document')} led a cluster of duplicates: a run "
            "would let another of the cluster lead, if one meets the rules"
        )
    if total.gained and answer.has_tokens:
        yield f"\nthe {exact(total.gained)} gained are not tokenized: their tokens are not known"
    for title, examples, count in (
        ("lost", answer.lost, total.lost),
        ("gained", answer.gained, total.gained),
    ):
        if examples:
            yield f"\n{title}, {len(examples)} of {exact(count)}:"
        for name, values in examples:
            shown = ", ".join(
                f"{column} {value:g}" if isinstance(value, float) else f"{column} {value}"
                for column, value in values.items()
            )
            yield f"  {name}  {shown}"


def _read(
    sidecars: Sequence[tuple[Finished, str]], shard: int, num_shards: int, columns: set[str]
) -> Iterator[pa.RecordBatch]:
    """The columns of a shard's sidecars, side by side."""
    wanted = [
        [name for name in finished.schema(output).names if name in columns]
        for finished, output in sidecars
    ]
    paths = [finished.folder.table(output, shard, num_shards) for finished, output in sidecars]
    for step in read_aligned(paths, wanted, rows=BATCH_ROWS):
        yield join_measures(step)


def _joined_schema(sidecars: Sequence[tuple[Finished, str]]) -> pa.Schema:
    fields = {f.name: f for finished, output in sidecars for f in finished.schema(output)}
    return pa.schema(list(fields.values()))


def _token_counts(tokens: Finished, shard: int, num_shards: int) -> pa.Table:
    """Tokens of each document of a shard that the run kept, as ``NO_TOKENS`` has them."""
    path = tokens.folder.table(TOKENS, shard, num_shards)
    batches = read_table(path, columns=NO_TOKENS.schema.names, rows=BATCH_ROWS)
    return pa.Table.from_batches(
        [batch.cast(NO_TOKENS.schema) for batch in batches], NO_TOKENS.schema
    )
