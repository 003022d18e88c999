"""The page's part about tokenization: how well the vocabulary fits each source, and how exactly."""

from pipeline.report.markup import (
    Column,
    Html,
    count_column,
    number,
    paragraph,
    quotient,
    section,
    table,
    text,
)
from pipeline.report.quantities import plural
from pipeline.report.summary import RunSummary, SourceSummary


def tokenization_section(summary: RunSummary) -> Html:
    """A row for each tokenized source, and which encoder did it."""
    shown = [one for one in summary.sources if one.inexact is not None]
    if not shown:
        return section(
            "tokenization", "Tokenization", paragraph("No document has been tokenized yet.")
        )
    columns = (
        Column(title="Source"),
        count_column("Documents"),
        count_column("Text bytes", "UTF-8"),
        count_column("Tokens", "one end of document each included"),
        count_column("Tokens per byte", "high where the tokenizer fits the text badly"),
        count_column("Unknown tokens", "for what the vocabulary can't spell"),
        count_column("Inexact", "documents whose tokens decode to another text: they failed"),
    )
    encoders = "; ".join(f"{name}, {plural(count, 'document')}" for name, count in summary.encoders)
    return section(
        "tokenization",
        "Tokenization",
        table(
            "What became of the texts, by source",
            columns,
            [[text(one.name), *_cells(one)] for one in shown],
            total=[text("All"), *_cells(summary)],
        ),
        paragraph(f"Encoded by {encoders}. Every text was decoded again and compared."),
    )


def _cells(one: SourceSummary | RunSummary) -> list[Html]:
    return [
        number(one.tokenized),
        number(one.text_bytes),
        number(one.tokens),
        quotient(one.tokens_per_byte, decimals=3),
        number(one.unknowns),
        number(one.inexact),
    ]
