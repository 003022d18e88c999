"""The report as one HTML file: no script, no request, nothing of the machine it was made on.

Equal summaries give equal bytes. This module is the order of the parts and the first screen: what
came in, what came out, where it was lost. The parts below it are in the modules ``page_...``.
"""

from collections.abc import Sequence

from pipeline.report.frame import frame
from pipeline.report.markup import (
    NOTHING,
    Column,
    Html,
    code,
    count_column,
    element,
    join,
    number,
    paragraph,
    section,
    short_number,
    stack,
    swatch,
    table,
    text,
)
from pipeline.report.page_contamination import contamination_section
from pipeline.report.page_documents import (
    failures_section,
    fidelity_section,
    rejections_section,
    sources_section,
)
from pipeline.report.page_duplicates import duplicates_section
from pipeline.report.page_mixture import ledger_section, mixture_section, packing_section
from pipeline.report.page_synthesis import synthesis_section
from pipeline.report.page_tokenization import tokenization_section
from pipeline.report.quantities import byte_size, percent, plural, ratio_of
from pipeline.report.summary import Cause, RunSummary, StageYield

_CONTENTS = (
    ("yield", "Yield"),
    ("mixture", "Mixture"),
    ("packing", "Packing"),
    ("ledger", "Ledger"),
    ("synthesis", "Synthetic"),
    ("sources", "Sources"),
    ("tokenization", "Tokenization"),
    ("fidelity", "Fidelity"),
    ("duplicates", "Duplicates"),
    ("contamination", "Contamination"),
    ("rejections", "Rejections"),
    ("failures", "Failures"),
    ("stages", "Stages"),
)

_SHOWN_CAUSES = 3
"""Causes named below the bar of a stage."""


def render(summary: RunSummary) -> str:
    """The whole page, to be written as UTF-8."""
    return frame(
        title=f"{summary.recipe}: run report",
        eyebrow="Reasonmill run report",
        heading=summary.recipe,
        contents=_CONTENTS,
        sections=[
            _first_screen(summary),
            mixture_section(summary),
            packing_section(summary),
            ledger_section(summary),
            synthesis_section(summary),
            sources_section(summary),
            tokenization_section(summary),
            fidelity_section(summary),
            duplicates_section(summary),
            contamination_section(summary),
            rejections_section(summary),
            failures_section(summary),
            _stages_section(summary),
        ],
    )


def _first_screen(summary: RunSummary) -> Html:
    return section(
        "yield",
        "What came in, what came out",
        _tiles(summary),
        _accounted(summary.stages),
        _alarms(summary),
        _flow(summary),
    )


def _tiles(summary: RunSummary) -> Html:
    stages = [stage for stage in summary.mixture if stage.packing is not None]
    read = [source for source in summary.sources if source.records is not None]
    tiles = [
        (
            "Records read",
            short_number(summary.records),
            f"{byte_size(summary.payload_bytes)} from {plural(len(read), 'source')}",
        ),
        (
            "Documents kept",
            short_number(summary.kept),
            f"{percent(ratio_of(summary.kept, summary.records))} of the records",
        ),
        (
            "Tokens",
            short_number(summary.tokens),
            "each document counted once",
        ),
        (
            "Windows",
            short_number(summary.windows),
            f"in {plural(len(stages), 'stage')} of the mixture",
        ),
        (
            "Training tokens",
            short_number(summary.realised_tokens),
            "repetitions counted",
        ),
    ]
    return element(
        "dl",
        join(
            element(
                "div",
                join(
                    [
                        element("dt", text(title)),
                        element("dd", value, class_="figure"),
                        element("dd", text(note), class_="note"),
                    ]
                ),
            )
            for title, value, note in tiles
        ),
        class_="tiles",
    )


def _accounted(stages: Sequence[StageYield]) -> Html:
    """Says what the summary has checked: it is not made when counts do not add up."""
    if not stages:
        return paragraph("No stage has finished yet.")
    return paragraph(
        f"Every row is accounted for: in {plural(len(stages), 'finished stage')}, rows in = kept "
        "+ rejected + failed. Rejected rows were judged; failed ones raised, crashed or hung, and "
        "can be tried again."
    )


def _alarms(summary: RunSummary) -> Html:
    if not summary.alarms:
        return NOTHING
    items = [
        element("li", element("a", text(alarm.text), href=f"#{alarm.section}"))
        for alarm in summary.alarms
    ]
    heading = element("h3", text("Look at these"))
    return element("div", join([heading, element("ul", join(items))]), class_="alarms")


def _flow(summary: RunSummary) -> Html:
    """A bar for each stage on the way from record to token; widths are rows."""
    main = [stage for stage in summary.stages if stage.is_on_main_path]
    made = [stage for stage in summary.stages if stage.is_on_synthetic_path]
    figures = [
        _flow_figure(stages, caption, summary)
        for stages, caption in (
            (main, "From records to tokens: rows of each stage"),
            (made, "Synthetic documents: rows of each stage"),
        )
        if stages
    ]
    return join(figures, "\n")


def _flow_figure(stages: Sequence[StageYield], caption: str, summary: RunSummary) -> Html:
    widest = max(stage.counts.rows_in for stage in stages)
    legend = join(element("li", swatch(tone, tone)) for tone in ("kept", "rejected", "failed"))
    items = [_flow_item(stage, widest, _losses(stage, summary)) for stage in stages]
    return element(
        "figure",
        join(
            [
                element("figcaption", text(caption)),
                element("ul", legend, class_="legend"),
                element("ol", join(items, "\n"), class_="flow"),
            ]
        ),
    )


def _flow_item(stage: StageYield, widest: int, losses: Sequence[Cause]) -> Html:
    counts = stage.counts
    parts = (("kept", counts.kept), ("rejected", counts.rejected), ("failed", counts.failed))
    drawn = [(tone, ratio_of(rows, widest) or 0.0, NOTHING) for tone, rows in parts]
    said = [join([number(counts.rows_in), text(f" {stage.unit} in")])]
    said += [
        element("span", join([number(rows), text(f" {tone}")]), class_=f"said-{tone}")
        for tone, rows in parts
        if rows or tone == "kept"
    ]
    lost = counts.rejected + counts.failed
    return element(
        "li",
        join(
            [
                element("b", text(stage.name)),
                element("span", join(said, " &middot; "), class_="counts"),
                stack(drawn),
                element("small", _why(losses, lost)) if lost else NOTHING,
            ]
        ),
    )


def _why(losses: Sequence[Cause], lost: int) -> Html:
    """The causes that took most rows, and how many rows the others took."""
    shown = losses[:_SHOWN_CAUSES]
    said = [join([code(cause.name), Html("&nbsp;"), text(f"{cause.rows:,}")]) for cause in shown]
    others = lost - sum(cause.rows for cause in shown)
    if others:
        said.append(text(f"others {others:,}"))
    return join(said, ", ")


def _losses(stage: StageYield, summary: RunSummary) -> list[Cause]:
    """Every cause of a stage, rejections and failures alike, largest first."""
    causes = [
        cause for cause in (*summary.rejections, *summary.failures) if cause.stage == stage.name
    ]
    return sorted(causes, key=lambda cause: -cause.rows)


def _stages_section(summary: RunSummary) -> Html:
    """Every stage with its identity, and those that were left out."""
    columns = (
        Column(title="Stage"),
        count_column("Version"),
        Column(title="Identity", hint="digest of the stage's version, settings and inputs"),
        Column(title="Rows are"),
        count_column("In"),
        count_column("Kept"),
        count_column("Rejected"),
        count_column("Failed"),
    )
    rows = [
        [
            text(stage.name),
            number(stage.version),
            code(stage.identity),
            text(stage.unit),
            number(stage.counts.rows_in),
            number(stage.counts.kept),
            number(stage.counts.rejected),
            number(stage.counts.failed),
        ]
        for stage in summary.stages
    ]
    skipped = [[text(name), text(reason)] for name, reason in summary.skipped]
    left_out = (
        table("Stages that were skipped", (Column(title="Stage"), Column(title="Why")), skipped)
        if skipped
        else NOTHING
    )
    copies = paragraph(
        "A copy is a document drawn into a stage of the mixture; a document of two epochs is "
        "drawn twice."
    )
    return section("stages", "Stages", table("Stages of the run", columns, rows), copies, left_out)
