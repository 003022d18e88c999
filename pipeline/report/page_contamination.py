"""The page's part about benchmark items that documents hold."""

from pipeline.report.contamination import PARTS
from pipeline.report.markup import (
    ABSENT,
    NOTHING,
    Column,
    Html,
    count_column,
    measured,
    number,
    paragraph,
    section,
    table,
    text,
)
from pipeline.report.quantities import exact, percent, plural, ratio_of
from pipeline.report.summary import RunSummary

_WHAT = (
    "Documents that hold the question or the answer of a benchmark's item; each counts under the "
    "item that it covers best. Nothing is removed here: the recipe's rule on decontamination.hits "
    "decides."
)


def contamination_section(summary: RunSummary) -> Html:
    """Hits by source, benchmark and split."""
    found = summary.contamination
    if found is None:
        nothing = "No benchmark was looked for: the recipe's annotate.decontamination is null."
        return section("contamination", "Contamination", paragraph(nothing))
    rows = [
        [
            text(one.source),
            text(one.benchmark),
            ABSENT if one.split is None else text(one.split),
            number(one.documents),
            *(number(count) for _, count in one.by_part),
            measured(found.ratio(one), NOTHING, tone="rejections"),
        ]
        for one in found.hits
    ]
    columns = (
        Column(title="Source"),
        Column(title="Benchmark"),
        Column(title="Split"),
        count_column("Documents"),
        *(count_column(part.capitalize(), "what of the item they hold") for part in PARTS),
        count_column("Share", "of the documents of the source"),
    )
    hit = ratio_of(found.hit_documents, found.documents)
    said = (
        f"{plural(found.hit_documents, 'document')} of {exact(found.documents)} searched "
        f"({percent(hit)})."
    )
    return section(
        "contamination",
        "Contamination",
        paragraph(f"{_WHAT} {said}"),
        table("Benchmark items found, by source, benchmark and split", columns, rows),
    )
