"""The results of a run for a person: tables on the terminal, and the report's page."""

from pipeline.report.clusters import read_clusters
from pipeline.report.examples import read_examples
from pipeline.report.page import render
from pipeline.report.summary import summarize_run
from pipeline.report.synthesis import SynthesisCost
from pipeline.report.terminal import open_console, print_summary
from pipeline.run import RunRecord, read_run
from pipeline.storage.filesystem import join, write_text
from pipeline.transforms.solve import STAGE as SOLVE
from pipeline.transforms.solve import read_solution

SYNTHESIZE = "synthesize"

PAGE_NAME = "report.html"


def _cost(record: RunRecord) -> SynthesisCost:
    prompt, completion = record.prices or (None, None)
    seconds = dict(record.seconds).get(SYNTHESIZE)
    return SynthesisCost(prompt_price=prompt, completion_price=completion, seconds=seconds)


def report(output: str, *, is_quiet: bool = False) -> str:
    """Print the tables of the newest run in ``output``, write its page, return the page's path.

    Made from the manifests alone, with a few rejected and failed rows as examples, and the
    beginnings of a few texts of the largest clusters of duplicates.
    """
    record, stages = read_run(output)
    solved = next((one for one in stages if one.manifest.stage == SOLVE), None)
    tables = [(one.folder, one.manifest) for one in stages]
    summary = summarize_run(
        recipe=record.recipe,
        skipped=record.skipped,
        manifests=[one.manifest for one in stages],
        solution=None if solved is None else read_solution(solved),
        examples=read_examples(tables),
        clusters=read_clusters(tables),
        cost=_cost(record),
    )
    page = join(output, PAGE_NAME)
    write_text(page, render(summary))
    if not is_quiet:
        print_summary(summary, open_console())
    return page
