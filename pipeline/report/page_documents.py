"""The page's parts about documents: sources, extraction, and why rows left."""

from collections.abc import Sequence

from pipeline.report.markup import (
    ABSENT,
    NOTHING,
    Column,
    Html,
    code,
    count_column,
    element,
    join,
    measured,
    number,
    paragraph,
    quotient,
    section,
    share,
    table,
    text,
)
from pipeline.report.quantities import byte_size, percent, plural, ratio_of
from pipeline.report.summary import (
    MIN_FIDELITY_RATIO,
    STRUCTURE_KINDS,
    Cause,
    Fidelity,
    RunSummary,
    SourceSummary,
)

MAX_LISTED = 6
"""Names listed in a cell."""


def sources_section(summary: RunSummary) -> Html:
    """Each source from records to tokens."""
    rows = [
        [
            text(one.name),
            number(one.records),
            text(byte_size(one.payload_bytes)),
            number(one.documents),
            number(one.kept),
            number(one.rejected),
            number(one.failed),
            number(one.tokens),
            number(one.text_bytes),
            quotient(one.tokens_per_byte, decimals=3),
        ]
        for one in summary.sources
    ]
    columns = (
        Column(title="Source"),
        count_column("Records"),
        count_column("Read"),
        count_column("Documents", "that extraction made of the records"),
        count_column("Kept", "passed every rule"),
        count_column("Rejected", "in any stage"),
        count_column("Failed", "in any stage"),
        count_column("Tokens"),
        count_column("Text bytes", "UTF-8, of the tokenized documents"),
        count_column("Tokens per byte", "high where the tokenizer fits the text badly"),
    )
    total = [
        text("All"),
        number(summary.records),
        text(byte_size(summary.payload_bytes)),
        number(summary.documents),
        number(summary.kept),
        number(sum(one.rejected for one in summary.sources)),
        number(sum(one.failed for one in summary.sources)),
        number(summary.tokens),
        number(summary.text_bytes),
        quotient(ratio_of(summary.tokens, summary.text_bytes), decimals=3),
    ]
    contents = [
        [text(one.name), _listing(one.media_types), _listing(one.ignored)]
        for one in summary.sources
        if one.media_types or one.ignored
    ]
    return section(
        "sources",
        "Sources",
        table("From records to tokens, by source", columns, rows, total=total),
        table(
            "What the sources hold",
            (
                Column(title="Source"),
                Column(title="Documents by media type"),
                Column(title="Ignored", hint="entries of the inputs that hold no document"),
            ),
            contents,
        ),
    )


def _listing(counts: Sequence[tuple[str, int]]) -> Html:
    """Names and counts, largest first; those beyond the first few are summed."""
    if not counts:
        return ABSENT
    shown = [*counts[:MAX_LISTED]]
    others = counts[MAX_LISTED:]
    if others:
        shown.append((f"{len(others)} others", sum(rows for _, rows in others)))
    return join(
        (
            element("span", join([text(name), Html("&nbsp;"), number(rows)]), class_="named")
            for name, rows in shown
        ),
        ", ",
    )


def fidelity_section(summary: RunSummary) -> Html:
    """How much of the formulas, code, tables and posts of the inputs the texts still hold."""
    rows = [_fidelity_row(one) for one in summary.sources if any(f.found for f in one.fidelity)]
    columns = (
        Column(title="Source"),
        *(count_column(kind.replace("_", " ").capitalize()) for kind in STRUCTURE_KINDS),
    )
    return section(
        "fidelity",
        "Extraction fidelity",
        paragraph(
            "Structures kept in the text, of those found in the input. Below "
            f"{percent(MIN_FIDELITY_RATIO, decimals=0)} is an alarm."
        ),
        table("Structures kept, by source", columns, rows),
    )


def _fidelity_row(source: SourceSummary) -> list[Html]:
    found = {one.kind: one for one in source.fidelity}
    return [text(source.name), *(_fidelity(found.get(kind)) for kind in STRUCTURE_KINDS)]


def _fidelity(one: Fidelity | None) -> Html:
    if one is None or not one.found:
        return ABSENT
    tone = "alarm" if one.is_low else "kept"
    said = share(one.ratio)
    if one.is_low:
        said = element("strong", join([text("low "), said]), class_="said-alarm")
    detail = join([number(one.kept), text(" of "), number(one.found)])
    return measured(one.ratio, detail, tone=tone, said=said)


def rejections_section(summary: RunSummary) -> Html:
    """Rows that were judged and not kept."""
    why = "Rows that were judged and not kept, by the first rule they broke."
    return _causes_section("rejections", "Rejections", why, "Reason", summary.rejections)


def failures_section(summary: RunSummary) -> Html:
    """Rows whose processing raised, crashed or hung."""
    why = "Rows whose processing raised, crashed or hung. They can be tried again."
    return _causes_section("failures", "Failures", why, "Error", summary.failures)


def _causes_section(
    anchor: str, title: str, why: str, heading: str, causes: Sequence[Cause]
) -> Html:
    columns = (
        Column(title=heading),
        Column(title="Stage"),
        count_column("Rows"),
        count_column("Share", "of the rows that entered the stage"),
        Column(title="From"),
    )
    rows = [
        [
            code(cause.name),
            text(cause.stage),
            number(cause.rows),
            measured(ratio, NOTHING, tone=anchor),
            _listing(cause.by_source),
        ]
        for cause in causes
        for ratio in [ratio_of(cause.rows, cause.rows_in)]
    ]
    examples = [_examples(cause) for cause in causes if cause.examples]
    return section(
        anchor, title, paragraph(why), table(f"{title} by cause", columns, rows), *examples
    )


def _examples(cause: Cause) -> Html:
    items = join(
        element(
            "li",
            join(
                [
                    element("span", text(f"{one.source}: {one.locator}"), class_="locator"),
                    element("small", text(one.detail)),
                ]
            ),
        )
        for one in cause.examples
    )
    said = join([code(cause.name), text(f": {plural(len(cause.examples), 'example')}")])
    return element("details", join([element("summary", said), element("ul", items)]))
