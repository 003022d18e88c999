import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from pipeline.report.clusters import Clusters, LargeCluster, Sample
from pipeline.report.summary import RunSummary, summarize_run
from pipeline.report.terminal import MAX_CAUSES, WIDTH_CHARS, open_console, print_summary
from tests.pipeline.report.reported_run import SKIPPED, clusters, manifest, manifests, solution


@pytest.fixture(scope="module")
def summary() -> RunSummary:
    return summarize_run(
        recipe="demo",
        manifests=manifests(),
        skipped=SKIPPED,
        solution=solution(),
        clusters=clusters(),
    )


def printed(summary: RunSummary, file: io.StringIO | None = None) -> str:
    file = file or io.StringIO()
    print_summary(summary, open_console(file))
    return file.getvalue()


def line_of(text: str, *words: str) -> list[str]:
    """The cells of the only line that begins with these words."""
    begin = r"\s+".join(map(re.escape, words))
    [line] = [line for line in text.splitlines() if re.match(rf"\s*{begin}\s", line)]
    return line.split()


def test_without_a_terminal_lines_are_plain_and_fit(summary: RunSummary) -> None:
    text = printed(summary)
    assert "\x1b" not in text
    tables = text[text.index("Yield") :]
    assert max(len(line.rstrip()) for line in tables.splitlines()) <= WIDTH_CHARS


def test_an_output_without_unicode_gets_ascii(summary: RunSummary) -> None:
    sample = Sample(id="1" * 32, source="web", text="\N{GREEK SMALL LETTER PI} is 3.14159" * 9)
    cluster = LargeCluster(cluster_id="1" * 32, documents=7, samples=(sample,))
    found = replace(summary.duplicates, clusters=Clusters(largest=(cluster,)))
    summary = replace(summary, duplicates=found)
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    print_summary(summary, open_console(file))
    file.flush()
    text = raw.getvalue().decode("ascii")
    assert "#####" in text
    assert "? is 3.14159" in text


def test_yield_and_sources_are_those_of_the_manifests(summary: RunSummary) -> None:
    text = printed(summary)
    assert line_of(text, "ingest")[2:] == ["records", "2,310", "2,207", "84", "19", "95.5%"]
    assert line_of(text, "papers", "110") == [
        *("papers", "110", "48.0", "MB", "92", "6", "12", "1,420,118", "0.333", "65.5%")
    ]


def test_tokenization_is_that_of_the_manifests(summary: RunSummary) -> None:
    text = printed(summary).partition("Tokenization")[2]
    assert line_of(text, "papers", "92") == [
        "papers",
        "92",
        "4,260,512",
        "1,420,118",
        "0.333",
        "37",
        "0",
    ]
    assert line_of(text, "all", "1,604")[1:] == [
        "1,604",
        "14,272,650",
        "4,154,454",
        "0.291",
        "37",
        "0",
    ]
    assert "fastokens 0.3.5: 1,604 documents" in text


def test_the_mixture_has_target_and_realised_tokens_of_every_component(summary: RunSummary) -> None:
    text = printed(summary)
    first = line_of(text, "general", "web-prose")
    assert [cell for cell in first if "\N{FULL BLOCK}" not in cell] == [
        *("general", "web-prose", "50", "%", "2,080,768", "2,079,941", "50.0%", "2.07", "1,640")
    ]
    assert "absent" in line_of(text, "long", "synthetic")
    windows = line_of(text, "long", "32,768")
    assert windows == ["long", "32,768", "40", "1,305,021", "0.43%", "4.1%", "99.98%", "99.96%"]


def test_duplicates_are_those_of_the_manifests(summary: RunSummary) -> None:
    text = printed(summary).partition("\nDuplicates")[2].partition("Rejections")[0]
    assert line_of(text, "web", "1,322")[2:] == ["16", "44", "160", "220", "16.6%"]
    assert line_of(text, "129", "to", "256")[3:6] == ["1", "138", "39.5%"]
    assert line_of(text, "near", "28,410")[2:] == ["1", "130", "402", "90", "52", "260"]
    assert line_of(text, "138")[1:5] == ["0" * 32, "web,", "papers", "Keeper"]
    assert line_of(text, "0.75")[1::2] == ["77.2%", "0%"]
    assert "4 rounds (all); 2 rounds (strict); 1 large cluster of 131" in text


def test_a_long_text_of_many_sources_takes_no_number_away(summary: RunSummary) -> None:
    samples = tuple(
        Sample(id=f"{n:032x}", source=f"source-of-a-long-name-{n}", text="words and words " * 20)
        for n in range(3)
    )
    cluster = LargeCluster(cluster_id="a" * 32, documents=1_234_567, samples=samples)
    found = replace(summary.duplicates, clusters=Clusters(largest=(cluster,)))
    text = printed(replace(summary, duplicates=found))
    assert line_of(text, "1,234,567")[1] == "a" * 32
    assert max(map(len, text[text.index("Yield") :].splitlines())) <= WIDTH_CHARS


def test_a_text_cannot_steer_the_terminal(summary: RunSummary) -> None:
    evil = Sample(id="1" * 32, source="web", text="first\r\n\x1b[2J\x07second")
    cluster = LargeCluster(cluster_id="1" * 32, documents=7, samples=(evil,))
    found = replace(summary.duplicates, clusters=Clusters(largest=(cluster,)))
    text = printed(replace(summary, duplicates=found))
    assert "first [2Jsecond" in text
    assert "\x1b" not in text
    assert "\r" not in text


def test_the_mixture_comes_last(summary: RunSummary) -> None:
    text = printed(summary)
    titles = [
        "Yield",
        "Sources",
        "Tokenization",
        "Duplicates",
        "Clusters of duplicates",
        "Pairs",
        "How near duplicates are found",
        "Rejections",
        "Failures",
        "Look at these",
        "Mixture",
        "Windows",
    ]
    found = [line.strip() for line in text.splitlines() if line.strip() in titles]
    assert found == titles


def test_numbers_too_wide_for_a_column_are_scaled_and_never_cut() -> None:
    large = [replace(one, statistics=_times(one.statistics, 10**7)) for one in manifests()]
    text = printed(summarize_run(recipe="demo", manifests=large, solution=solution()))
    assert "\N{HORIZONTAL ELLIPSIS}" not in text.partition("Mixture")[2]
    assert line_of(text, "general", "web-prose")[5:7] == ["20.8", "T"]


def test_many_causes_are_summed_in_the_last_row() -> None:
    reasons = {f"rule-{n:02d}.too_low": 100 - n for n in range(MAX_CAUSES + 5)}
    total = sum(reasons.values())
    stage = manifest("decide", (total, 0, total, 0), rejected={"web": reasons})
    text = printed(summarize_run(recipe="demo", manifests=[stage]))
    rest = sum(sorted(reasons.values())[:5])
    assert line_of(text, "5", "others") == ["5", "others", str(rest)]


def test_a_run_of_nothing_says_so() -> None:
    text = printed(summarize_run(recipe="empty", manifests=[]))
    assert "empty: nothing has finished yet" in text
    assert "Mixture" not in text


def test_a_terminal_gets_colour(summary: RunSummary) -> None:
    file = io.StringIO()
    print_summary(summary, Console(file=file, width=WIDTH_CHARS, force_terminal=True))
    assert "\x1b[" in file.getvalue()


def _times(value: Any, factor: int) -> Any:
    if isinstance(value, dict):
        return {key: _times(inner, factor) for key, inner in value.items()}
    return value * factor
