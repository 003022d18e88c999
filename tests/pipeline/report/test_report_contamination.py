import io
from typing import Any

import pyarrow as pa

from pipeline.records.manifest import merge_statistics
from pipeline.report.contamination import summarize_contamination
from pipeline.report.page import render
from pipeline.report.summary import RunSummary, summarize_run
from pipeline.report.terminal import open_console, print_summary
from pipeline.transforms.annotate import summarize_measures
from tests.pipeline.report.reported_run import EVIL, manifest

HITS = [
    ("web", 1, "made", "test", "question"),
    ("web", 2, "made", "test", "both"),
    ("web", 0, None, None, None),
    ("papers", 1, EVIL, None, "answer"),
    ("papers", None, None, None, None),
]
"""Source, hits, benchmark, split and where of documents; the last failed to be measured."""


def measures(rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
    names = ("hits", "benchmark", "split", "where")
    columns = {"source": pa.array([row[0] for row in rows], pa.string())}
    types = (pa.int32(), pa.string(), pa.string(), pa.string())
    for place, (name, of_type) in enumerate(zip(names, types, strict=True), start=1):
        columns[f"decontamination.{name}"] = pa.array([row[place] for row in rows], of_type)
    return pa.RecordBatch.from_pydict(columns)


def summary() -> RunSummary:
    annotate = manifest("annotate", (5, 4, 0, 1), measures=summarize_measures(measures(HITS)))
    made = manifest(
        "annotate-synthetic",
        (1, 1, 0, 0),
        measures=summarize_measures(measures([("sums", 1, "made", "train", "question")])),
    )
    return summarize_run(recipe="demo", manifests=[annotate, made])


def test_statistics_of_batches_add_up() -> None:
    parts = [summarize_measures(measures([row])) for row in HITS]
    assert merge_statistics(parts) == summarize_measures(measures(HITS))


def test_without_decontamination_nothing_is_counted() -> None:
    batch = pa.RecordBatch.from_pydict({"source": ["web"]})
    assert summarize_measures(batch) == {}
    assert summarize_contamination([manifest("annotate", (1, 1, 0, 0), measures={})]) is None


def test_hits_are_told_by_source_benchmark_and_split() -> None:
    found = summary().contamination
    assert found is not None
    assert found.searched == (("papers", 1), ("sums", 1), ("web", 3))
    assert [(one.source, one.benchmark, one.split, one.documents) for one in found.hits] == [
        ("web", "made", "test", 2),
        ("papers", EVIL, None, 1),
        ("sums", "made", "train", 1),
    ]
    assert dict(found.hits[0].by_part) == {"question": 1, "answer": 0, "both": 1}
    assert (found.hit_documents, found.documents, found.ratio(found.hits[0])) == (4, 5, 2 / 3)


def test_the_page_and_the_terminal_show_them() -> None:
    page = render(summary())
    assert EVIL not in page
    assert "4 documents of 5 searched" in page
    file = io.StringIO()
    print_summary(summary(), open_console(file))
    [line] = [line for line in file.getvalue().splitlines() if line.split()[:2] == ["web", "made"]]
    assert line.split() == ["web", "made", "test", "2", "1", "0", "1", "66.7%"]


def test_a_run_that_looked_for_nothing_says_so() -> None:
    blank = summarize_run(recipe="demo", manifests=[manifest("annotate", (1, 1, 0, 0))])
    assert "No benchmark was looked for" in render(blank)
