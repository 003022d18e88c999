"""What a recipe would do, and how far a run has come."""

from collections.abc import Iterable

from filters.dedup.config import DeduplicateConfig
from mixtures.spec import StageSpec
from mixtures.stage_files import RUN_NAME
from pipeline.checks import check_recipe
from pipeline.config import Recipe
from pipeline.records.manifest import MANIFEST_NAME
from pipeline.report.quantities import percent
from pipeline.report.similarity_curve import CurvePoint, curve, near_parameters
from pipeline.run import TOKENIZE_STAGES, read_run
from pipeline.storage.filesystem import exists, find, join
from pipeline.storage.splits import list_inputs, plan_splits
from pipeline.transforms.ingest import ingest_stage
from pipeline.transforms.solve import STAGE as SOLVE
from pipeline.transforms.solve import read_solution, solve_shards, solved_config
from synth.config import skip_reason

_CURVE_CHARS = 40
"""Of the bar of a certain event in the drawing of the S-curve."""


def print_plan(recipe: Recipe) -> None:
    """Print inputs, shards, duplicates and mixture of a recipe that is checked; writes nothing.

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
    _print_duplicates(recipe.deduplicate)
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


def _print_duplicates(config: DeduplicateConfig) -> None:
    """How duplicates are found, and how likely a pair of a given similarity is."""
    kinds = {"web address": config.url, "text": config.exact, "similar text": config.near}
    found = ", ".join(kind for kind, is_on in kinds.items() if is_on)
    print(f"\nduplicates are found by: {found or 'nothing, all is switched off'}")
    limits = [f"{name}: {percent(r)}" for name, r in sorted(config.max_duplicate_ratio_of.items())]
    print(
        f"the run stops when more than {percent(config.max_duplicate_ratio)} of a source's "
        "documents are duplicates" + (f" ({', '.join(limits)})" if limits else "")
    )
    if config.near is None:
        return
    print("\nnear duplicates:")
    _table(("setting", "value"), near_parameters(config.near))
    print("\nchance that a pair is found, by the Jaccard similarity of its shingles:")
    rows = [
        (
            f"{point.similarity:.2f}",
            f"{percent(point.candidate):>9}",
            f"{percent(point.merged):>6}",
            _drawn(point),
        )
        for point in curve(config.near)
    ]
    _table(("similarity", "candidate", "merged", "# merged  . compared, not merged"), rows)


def _drawn(point: CurvePoint) -> str:
    """One line of the S-curve: the merged pairs of the candidates."""
    candidate, merged = round(_CURVE_CHARS * point.candidate), round(_CURVE_CHARS * point.merged)
    return "#" * merged + "." * (candidate - merged)


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
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  " + "  ".join(cells).rstrip())
