"""What a recipe would do, and how far a run has come."""

from collections.abc import Iterable

from pipeline.checks import check_recipe
from pipeline.config import Recipe
from pipeline.records.manifest import MANIFEST_NAME
from pipeline.run import read_run
from pipeline.storage.filesystem import exists, find, join
from pipeline.storage.splits import list_inputs, plan_splits
from pipeline.transforms.ingest import ingest_stage
from pipeline.transforms.solve import STAGE as SOLVE
from pipeline.transforms.solve import read_solution
from synth.config import skip_reason


def print_plan(recipe: Recipe) -> None:
    """Print inputs, shards and mixture of a recipe that has been checked; reads listings only."""
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
    weights = [
        (
            one.name,
            f"{one.sequence_tokens:,}",
            part.name,
            f"{part.weight:g} %",
            f"{part.max_epochs:g}",
        )
        for one in recipe.mixture.stages
        for part in one.components
    ]
    _table(("stage", "window", "component", "weight", "max epochs"), weights)
    if done:
        _print_solution(recipe.output)


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


def _print_solution(output: str) -> None:
    """The solved mixture of the newest run, when it came that far."""
    _, stages = read_run(output)
    solved = [one for one in stages if one.manifest.stage == SOLVE]
    if solved:
        print("\nsolved for the tokens measured in the last run:")
        table = read_solution(solved[0]).table()
        columns = ("stage", "component", "supply_tokens", "target_tokens", "epochs", "note")
        _table(columns, [tuple(str(row[name]) for name in columns) for row in table])


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
