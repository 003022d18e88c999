r"""A recipe, run: one Beam graph for each materialised stage, each ending in a manifest.

    sources --ingest--> documents --annotate--> measures --duplicate-pairs--> pairs
                            \                        \         deduplicate--> marks
                             \________________________\______________________\--decide--> kept
                              \_______________________________________________\--cut-passages
    kept documents --seeds--> chosen ones -> problems --> through the same stages -> kept problems
    chosen ones, kept problems --synthesize--> documents, through the same stages, compared with the
                                     \                                    natural ones
                                      tokenize (natural, synthetic) --solve--> solution
                                                  \__________________\--windows--> shards
                                                                                     \--export-->

Stages run in this order and never look back. A stage whose identity is found finished is not run
again; a change in the recipe makes another identity for the first stage it touches and for all
after it. ``run.json`` in the run's folder names the stages that make up the newest run.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import partial

import pyarrow as pa

from filters.decontamination.annotator import DecontaminationAnnotator
from filters.rule import Rule
from mixtures.quantiles import has_percentiles
from mixtures.stage_files import RUN_NAME
from pipeline.checks import check_recipe, recipe_annotators
from pipeline.config import Recipe
from pipeline.duplicate_alarm import check_duplicate_ratios
from pipeline.errors import ConfigError
from pipeline.storage.filesystem import exists, join, read_text, write_text
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.annotate import MEASURES, annotate_stage
from pipeline.transforms.annotate import STAGE as ANNOTATE_STAGE
from pipeline.transforms.cut_passages import PASSAGES, PASSAGES_SCHEMA, passages_stage
from pipeline.transforms.decide import STAGE as DECIDE_STAGE
from pipeline.transforms.decide import decide_stage
from pipeline.transforms.dedup_index import IndexedRun, compare_with
from pipeline.transforms.deduplicate import STAGE as DEDUPLICATE_STAGE
from pipeline.transforms.deduplicate import deduplicate_stage
from pipeline.transforms.duplicate_pairs import STAGE as PAIRS_STAGE
from pipeline.transforms.duplicate_pairs import pairs_stage
from pipeline.transforms.export import export_stage
from pipeline.transforms.ingest import STAGE as INGEST_STAGE
from pipeline.transforms.ingest import ingest_stage
from pipeline.transforms.rank_clusters import MARKS
from pipeline.transforms.select_seeds import seeds_stage
from pipeline.transforms.solve import quantiles_stage, solve_stage
from pipeline.transforms.stage import Finished, Stage, run_stage
from pipeline.transforms.tokenize import TokenizeInput, tokenize_stage
from pipeline.transforms.windows import windows_stage
from synth.config import skip_reason

SYNTHETIC = "-synthetic"
"""Behind the name of a stage that does for synthetic documents what another one does."""

OF_PROBLEMS = "-problems"
"""The same, for the problems that synthetic documents solve."""

JUDGE_ALL = (f"{MARKS}.", f"{DecontaminationAnnotator.name}.")
"""Columns whose rules judge synthetic documents too."""

TOKENIZE_STAGES = ("tokenize", "tokenize" + SYNTHETIC)
"""The stages that tokenize natural and synthetic documents."""

LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""Beam's in-process runner: the least CPU of all local ones, and no daemon or download."""

Watch = Callable[[Stage, StageFolder], AbstractContextManager[object]]
"""Called around each stage; shows progress, or does nothing."""


def _unwatched(stage: Stage, folder: StageFolder) -> AbstractContextManager[object]:
    del stage, folder
    return nullcontext()


def local_options(*, min_workers: int = 1) -> list[str]:
    """Beam options for this machine: one worker thread a core, and at least ``min_workers``.

    Parsers run in child processes and the kernels release the interpreter's lock, so threads
    keep the cores busy without the start-up cost of worker processes.
    """
    return [
        f"--runner={LOCAL_RUNNER}",
        "--direct_running_mode=multi_threading",
        f"--direct_num_workers={max(min_workers, len(os.sched_getaffinity(0)))}",
    ]


def runner_options(beam_options: Sequence[str], *, min_workers: int = 1) -> list[str]:
    """``beam_options``, behind those of this machine where they name no runner."""
    has_runner = any(option.startswith("--runner") for option in beam_options)
    return [*([] if has_runner else local_options(min_workers=min_workers)), *beam_options]


@dataclass(frozen=True)
class RunRecord:
    """What ``run.json`` says: the stages in order, and those that were left out and why.

    ``seconds`` are of the stages that ran in this folder, by name, when they last did; ``prices``
    those of a million tokens that are sent and made, where the recipe states them.
    """

    recipe: str
    stages: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    seconds: tuple[tuple[str, float], ...] = ()
    prices: tuple[float, float] | None = None

    def to_json(self) -> str:
        """Readable JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """Read :meth:`to_json`, of earlier versions too."""
        raw = json.loads(text)
        prices = raw.get("prices")
        return cls(
            recipe=raw["recipe"],
            stages=tuple((name, identity) for name, identity in raw["stages"]),
            skipped=tuple((name, reason) for name, reason in raw["skipped"]),
            seconds=tuple((name, spent) for name, spent in raw.get("seconds", ())),
            prices=None if prices is None else (prices[0], prices[1]),
        )


def run(
    recipe: Recipe,
    *,
    beam_options: Sequence[str],
    watch: Watch = _unwatched,
    until: str | None = None,
) -> list[Finished]:
    """Run every stage, or those up to the one named ``until``; returns them in order.

    Raises what the stages raise: ConfigError before data is read, InfeasibleError when the
    mixture can't be met, InvariantError when counts do not add up.
    """
    check_recipe(recipe)
    return _Run(recipe, runner_options(beam_options), watch, until).stages()


def scoped_rules(recipe: Recipe) -> list[Rule]:
    """The recipe's rules, where one that names no source judges all of the recipe's sources.

    Synthetic documents were verified instead: of these rules only those on duplicates and on
    benchmark items judge them, and any that names them.
    """
    natural = sorted(recipe.sources)
    return [
        rule
        if rule.sources is not None or rule.column.startswith(JUDGE_ALL)
        else rule.model_copy(update={"sources": natural})
        for rule in recipe.decide.rules
    ]


class _StopError(Exception):
    """The stage the caller asked for is done."""


class _Run:
    """The order of the stages, and what each hands to the next."""

    def __init__(
        self, recipe: Recipe, options: Sequence[str], watch: Watch, until: str | None
    ) -> None:
        self._recipe = recipe
        self._options = options
        self._watch = watch
        self._until = until
        self._finished: list[Finished] = []
        self._skipped: list[tuple[str, str]] = []
        self._seconds: dict[str, float] = {}

    def stages(self) -> list[Finished]:
        record = join(self._recipe.output, RUN_NAME)
        if exists(record):
            self._seconds.update(RunRecord.from_json(read_text(record)).seconds)
        with suppress(_StopError):
            self._run_all()
        return self._finished

    def _run_all(self) -> None:
        recipe = self._recipe
        documents = self._do(
            ingest_stage(
                recipe.sources,
                recipe.extract,
                split_bytes=recipe.split_bytes,
                max_record_bytes=recipe.max_record_bytes,
            )
        )
        measures = self._do(self._annotate(documents, ANNOTATE_STAGE))
        index = [read_indexed(path) for path in recipe.deduplicate.index]
        pairs, marks = self._deduplicate(index, documents, measures)
        check_duplicate_ratios(marks.manifest, recipe.deduplicate)
        rules = scoped_rules(recipe)
        kept = self._do(decide_stage(documents, measures, marks, rules))
        sidecars = [(measures, MEASURES), (marks, MARKS)]
        shared: tuple[pa.Schema, ...] = ()
        if recipe.deduplicate.passages is not None:
            cut = passages_stage(documents, measures, kept, recipe.deduplicate.passages)
            sidecars.append((self._do(cut), PASSAGES))
            shared = (PASSAGES_SCHEMA,)
        tokens = [TokenizeInput(documents, tuple(sidecars), kept)]
        reason = skip_reason(recipe.synthesize)
        if reason is None:
            made, measured = self._synthesize(documents, measures, marks, kept)
            made_measures = self._do(
                self._annotate(made, ANNOTATE_STAGE + SYNTHETIC, measured=measured)
            )
            natural = IndexedRun(recipe.output, documents, measures, pairs)
            judging = [*rules, *recipe.decide.synthetic]
            _, made_marks = self._deduplicate(
                [*index, natural], made, made_measures, SYNTHETIC, rules=judging
            )
            made_kept = self._do(
                decide_stage(
                    made,
                    made_measures,
                    made_marks,
                    judging,
                    name=DECIDE_STAGE + SYNTHETIC,
                )
            )
            made_sidecars = ((made_measures, MEASURES), (made_marks, MARKS))
            tokens.append(TokenizeInput(made, made_sidecars, made_kept, shared))
        else:
            self._skipped.append(("synthesize", reason))
        tokenized = [
            self._do(tokenize_stage(read, recipe.mixture, name=name))
            for read, name in zip(tokens, TOKENIZE_STAGES, strict=False)
        ]
        quantiles = None
        if has_percentiles(recipe.mixture):
            quantiles = self._do(quantiles_stage(tokenized, recipe.mixture))
        solved = self._do(solve_stage(tokenized, recipe.mixture, quantiles))
        for stage in recipe.mixture.stages:
            windows = self._do(windows_stage(tokenized, solved, recipe.mixture, stage.name))
            for format_name in recipe.mixture.exports:
                self._do(export_stage(windows, recipe.mixture.tokenizer, format_name))

    def _annotate(
        self, documents: Finished, name: str, *, measured: tuple[str, pa.Schema] | None = None
    ) -> Stage:
        recipe = self._recipe
        return annotate_stage(
            documents,
            partial(recipe_annotators, recipe),
            config={"annotate": recipe.annotate, "sketch": recipe.deduplicate.sketch_parameters()},
            name=name,
            measured=measured,
        )

    def _synthesize(
        self, documents: Finished, measures: Finished, marks: Finished, kept: Finished
    ) -> tuple[Finished, tuple[str, pa.Schema]]:
        """Synthetic documents, and which output measures them already.

        Problems go through the stages of documents before they are asked about: those that repeat
        one another, or a benchmark, are left out.
        """
        # Beam's inference package brings torch along wherever that is installed.
        from pipeline.transforms.problems import problems_stage
        from pipeline.transforms.synthesize import VERIFICATION, Sources, synthesize_stage
        from synth.judgement import VERIFICATION_SCHEMA

        recipe = self._recipe
        seeds = problems = kept_problems = None
        if recipe.seeds:
            seeds = self._do(seeds_stage(documents, measures, marks, kept, recipe.seeds))
        sets = recipe.synthesize.problems
        if sets:
            problems = self._do(
                problems_stage(sets, seeds, split_bytes=recipe.synthesize.split_bytes)
            )
            their_measures = self._do(self._annotate(problems, ANNOTATE_STAGE + OF_PROBLEMS))
            _, their_marks = self._deduplicate([], problems, their_measures, OF_PROBLEMS)
            kept_problems = self._do(
                decide_stage(
                    problems,
                    their_measures,
                    their_marks,
                    scoped_rules(recipe),
                    name=DECIDE_STAGE + OF_PROBLEMS,
                )
            )
        sources = Sources(problems, kept_problems, seeds)
        made = self._do(synthesize_stage(recipe.synthesize, sources))
        return made, (VERIFICATION, VERIFICATION_SCHEMA)

    def _deduplicate(
        self,
        index: Sequence[IndexedRun],
        documents: Finished,
        measures: Finished,
        suffix: str = "",
        *,
        rules: Sequence[Rule] | None = None,
    ) -> tuple[Finished, Finished]:
        """The pairs and the marks of documents, compared with those of ``index`` too.

        Of a natural document and a synthetic one, the natural one is kept. ``rules`` are those that
        judge the documents, by default the recipe's.
        """
        config = self._recipe.deduplicate
        rules = scoped_rules(self._recipe) if rules is None else rules
        compared = compare_with(index, documents, measures, config)
        pairs = self._do(pairs_stage(compared, config, name=PAIRS_STAGE + suffix))
        marks = deduplicate_stage(
            compared.corpus,
            pairs,
            config,
            rules,
            marks_indexed=not suffix,
            keeps_indexed=suffix == SYNTHETIC,
            name=DEDUPLICATE_STAGE + suffix,
        )
        return pairs, self._do(marks)

    def _do(self, stage: Stage) -> Finished:
        is_done = stage.folder(self._recipe.output).read_manifest() is not None
        started = time.monotonic()
        with self._watch(stage, stage.folder(self._recipe.output)):
            finished = run_stage(
                stage,
                self._recipe.output,
                self._options,
                max_failed_ratio=self._recipe.max_failed_ratio,
            )
        if not is_done:
            self._seconds[stage.name] = round(time.monotonic() - started, 1)
        self._finished.append(finished)
        self._write_record()
        if stage.name == self._until:
            raise _StopError
        return finished

    def _write_record(self) -> None:
        prices = self._recipe.synthesize.prices
        record = RunRecord(
            recipe=self._recipe.name,
            stages=tuple((one.manifest.stage, one.identity) for one in self._finished),
            skipped=tuple(self._skipped),
            seconds=tuple(self._seconds.items()),
            prices=None if prices is None else (prices.prompt, prices.completion),
        )
        write_text(join(self._recipe.output, RUN_NAME), record.to_json())


def read_run(output: str) -> tuple[RunRecord, list[Finished]]:
    """The newest run in a folder: its record, and the stages that have finished.

    Raises FileNotFoundError when no run has started there.
    """
    path = join(output, RUN_NAME)
    if not exists(path):
        raise FileNotFoundError(f"no {RUN_NAME} in {output!r}: nothing has been run there")
    record = RunRecord.from_json(read_text(path))
    folders = [StageFolder.of(output, name, identity) for name, identity in record.stages]
    return record, [Finished(folder, folder.require_manifest()) for folder in folders]


def read_indexed(output: str) -> IndexedRun:
    """What the newest run in a folder contributes to the index of a later one.

    Raises ConfigError when there is no run, or it did not come as far as its pairs.
    """
    try:
        _, stages = read_run(output)
    except FileNotFoundError as error:
        raise ConfigError(f"deduplicate.index: {error}") from error
    found = {one.manifest.stage: one for one in stages}
    wanted = (INGEST_STAGE, ANNOTATE_STAGE, PAIRS_STAGE)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ConfigError(f"deduplicate.index: the run in {output!r} has no stage {missing[0]!r}")
    return IndexedRun(output, *(found[name] for name in wanted))
