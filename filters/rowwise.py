"""Annotating row by row: from a function of one text to a batch of measures."""

from collections.abc import Callable, Sequence

import pyarrow as pa

Row = Sequence[str | float | None]
"""One value for each column of an annotator."""


def annotate_texts(
    documents: pa.RecordBatch,
    columns: pa.Schema,
    measure: Callable[[str], Row],
    *,
    measure_source_file: Callable[[str], Row] | None = None,
) -> pa.RecordBatch:
    """One row of ``columns`` for each document, from its text alone.

    Source files (``code`` is not null) are given to ``measure_source_file``; all their measures
    are null without it.
    """
    nulls = (None,) * len(columns)
    rows: list[Row] = []
    for text, is_source_file in zip(
        documents.column("text").to_pylist(),
        documents.column("code").is_valid().to_pylist(),
        strict=True,
    ):
        if not is_source_file:
            rows.append(measure(text))
        else:
            rows.append(measure_source_file(text) if measure_source_file else nulls)
    return batch_of_rows(rows, columns)


def batch_of_rows(rows: Sequence[Row], columns: pa.Schema) -> pa.RecordBatch:
    """Rows, each with one value for each column, as a batch."""
    return pa.RecordBatch.from_arrays(
        [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(columns)],
        schema=columns,
    )
