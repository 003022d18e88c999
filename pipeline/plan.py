"""What a recipe would do, and how far a run has come."""

from collections.abc import Iterable

from mixtures.spec import StageSpec
from mixtures.stage_files import RUN_NAME
from pipeline.checks import check_recipe
from pipeline.config import Recipe
from pipeline.records.manifest import MANIFEST_NAME
from pipeline.run import TOKENIZE_STAGES, read_run
from pipeline.storage.filesystem import exists, find, join
from pipeline.storage.splits import list_inputs, plan_splits
from pipeline.transforms.ingest import ingest_stage
from pipeline.transforms.solve import STAGE as SOLVE
from pipeline.transforms.solve import read_solution, solve_shards, solved_config
from synth.config import skip_reason


def print_plan(recipe: Recipe) -> None:
    """Print inputs, shards and mixture of a recipe that has been checked; writes nothing.

    Listings are read, and the token shards of the newest run where it came that far.
    """
    check_recipe(recipe)
    listing = list_inputs(recipe.sources)
    splits = plan_splits(listing, recipe.sources, split_bytes=recipe.split_bytes)
    print(f"recipe {recipe.name}, output {recipe.output}\n")
    rows = [
        (
            source,
            recipe.sources[source].format,
            f"{len(files):,}",
            f"{sum(file.bytes for file in files):,}",
            str(sum(split.source == source for split in splits)),
        )
        for source, files in listing.items()
    ]
    _table(("source", "format", "files", "bytes", "shards"), rows)
    reason = skip_reason(recipe.synthesize)
    if reason is not None:
        print(f"\nsynthesize is skipped: {reason}")
    stage = ingest_stage(
        recipe.sources,
        recipe.extract,
        split_bytes=recipe.split_bytes,
        max_record_bytes=recipe.max_record_bytes,
    )
    done = stage.folder(recipe.output).read_manifest() is not None
    print(f"\ningest {stage.identity}: {'already done' if done else 'to do'}")
    print("\nmixture:")
    asked = [
        (one.name, f"{one.sequence_tokens:,}", _budget(one), part.name, part.asked)
        for one in recipe.mixture.stages
        for part in one.components
    ]
    _table(("stage", "window", "budget", "component", "asked"), asked)
    _print_solution(recipe)


def print_status(output: str) -> None:
    """Print the finished stages of the newest run with their counts, then unfinished ones."""
    record, stages = read_run(output)
    print(f"recipe {record.recipe}, run {output}\n")
    rows = []
    for finished in stages:
        counts = finished.manifest.counts
        numbers = (counts.rows_in, counts.kept, counts.rejected, counts.failed)
        rows.append(
            (finished.manifest.stage, finished.identity, *(f"{number:,}" for number in numbers))
        )
    _table(("stage", "identity", "rows in", "kept", "rejected", "failed"), rows)
    for name, reason in record.skipped:
        print(f"\n{name} was skipped: {reason}")
    for folder in find(join(output, "*", "*")):
        receipts = len(find(join(folder.path, "receipts", "*.json")))
        if receipts and not exists(join(folder.path, MANIFEST_NAME)):
            print(f"\n{folder.name} is not finished: {receipts} shard files are")


def _budget(stage: StageSpec) -> str:
    if stage.budget_tokens is not None:
        return f"{stage.budget_tokens:,} tokens"
    return "what there is" if stage.budget_percent is None else f"{stage.budget_percent:g} %"


def _print_solution(recipe: Recipe) -> None:
    """The mixture solved for the tokens of the newest run, where it came that far.

    Nothing is written, so weights can be tried. Raises InfeasibleError when they can't be met.
    """
    record = join(recipe.output, RUN_NAME)
    stages = read_run(recipe.output)[1] if exists(record) else []
    tokens = [one for one in stages if one.manifest.stage in TOKENIZE_STAGES]
    if not tokens:
        print(
            "\nThe mixture is solved for measured tokens; to see it before anything is packed:\n"
            "  reasonmill run RECIPE --until tokenize"
        )
        return
    solved = [one for one in stages if one.manifest.stage == SOLVE]
    wanted = solved_config(recipe.mixture)
    if solved and solved[0].manifest.config == wanted:
        solution = read_solution(solved[0])
    else:
        solution = solve_shards(tokens, recipe.mixture)
    print("\nsolved for the tokens of the newest run:")
    header = ("stage", "component", "asked", "supply", "target", "share", "epochs", "copies", "")
    rows = [
        (
            str(row["stage"]),
            str(row["component"]),
            str(row["asked"]),
            f"{row['supply_tokens']:,}",
            f"{row['target_tokens']:,}",
            f"{row['target_percent']:.2f} %",
            f"{row['epochs']:.2f}",
            f"<= {row['max_copies']}",
            str(row["note"]),
        )
        for row in solution.table()
    ]
    _table(header, rows)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
