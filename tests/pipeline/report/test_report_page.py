import re
from dataclasses import replace
from typing import Any

import pytest

from pipeline.records.manifest import Manifest
from pipeline.report.clusters import OF_EARLIER_RUN, Clusters, LargeCluster, Sample
from pipeline.report.page import render
from pipeline.report.page_mixture import MAX_LEDGER_ROWS
from pipeline.report.summary import RunSummary, summarize_run
from tests.pipeline.report.parsed_page import ParsedPage
from tests.pipeline.report.reported_run import (
    EVIL,
    SKIPPED,
    clusters,
    documents_path,
    duplicate_pairs,
    examples,
    ingest,
    manifest,
    manifests,
    solution,
)

SVG_LABEL = ("svg", "aria-label")


def summarize(stages: list[Manifest]) -> RunSummary:
    return summarize_run(
        recipe="demo",
        manifests=stages,
        skipped=SKIPPED,
        solution=solution(),
        examples=examples(),
        clusters=clusters(),
    )


@pytest.fixture(scope="module")
def page() -> ParsedPage:
    return ParsedPage(render(summarize(manifests())))


def test_stages_are_those_of_the_manifests(page: ParsedPage) -> None:
    table = page.tables["Stages of the run"]
    assert table.names() == [one.stage for one in manifests()]
    for one in manifests():
        row = table.row(one.stage)
        assert row["Identity"] == one.identity
        assert row["Version"] == str(one.version)
        counts = one.counts
        assert [row[name] for name in ("In", "Kept", "Rejected", "Failed")] == [
            f"{count:,}" for count in (counts.rows_in, counts.kept, counts.rejected, counts.failed)
        ]


def test_sources_are_those_of_the_manifests(page: ParsedPage) -> None:
    row = page.tables["From records to tokens, by source"].row("web")
    assert row == {
        "Source": "web",
        "Records": "1,400",
        "Read": "61.2 MB",
        "Documents": "1,322",
        "Kept": "801",
        "Rejected": "592",
        "Failed": "7",
        "Tokens": "1,204,332",
        "Text bytes": "4,811,020",
        "Tokens per byte": "0.250",
    }


def test_tokenization_of_every_source_and_its_encoder(page: ParsedPage) -> None:
    table = page.tables["What became of the texts, by source"]
    assert table.row("papers") == {
        "Source": "papers",
        "Documents": "92",
        "Text bytes": "4,260,512",
        "Tokens": "1,420,118",
        "Tokens per byte": "0.333",
        "Unknown tokens": "37",
        "Inexact": "0",
    }
    assert table.row("All")["Documents"] == "1,604"
    assert "Encoded by fastokens 0.3.5, 1,604 documents." in page.text


def test_mixture_is_that_of_the_solution_and_the_windows(page: ParsedPage) -> None:
    table = page.tables["general: target and realised tokens"]
    assert table.row("mathematics") == {
        "Component": "mathematics",
        "Asked": "20 %",
        "Target": "20.0%",
        "Target tokens": "832,307",
        "Realised tokens": "831,902",
        "Difference": "\N{MINUS SIGN}405",
        "Realised": "20.0%",
        "Epochs": "0.59",
        "Most copies": "1",
        "Unique tokens": "415,922",
        "New tokens": "207,931",
        "Supply tokens": "1,420,118",
        "Documents": "61",
    }
    assert table.row("All")["Realised tokens"] == f"{2_079_941 + 831_902 + 1_248_000:,}"


def test_packing_is_that_of_the_windows(page: ParsedPage) -> None:
    row = page.tables["Windows of each stage"].row("long")
    assert (row["Tokens a window"], row["Windows"]) == ("32,768", "40")
    assert (row["Padding tokens"], row["Padding"]) == ("5,699", "0.43%")
    live = page.tables["Live targets by depth of Multi-Token Prediction"].row("long")
    assert live["Depth 1"].endswith(f"{1_305_021 - 2 * 291:,}")


def test_ledger_totals_are_the_tokens_of_the_windows(page: ParsedPage) -> None:
    total = page.tables["By source"].row("All")
    assert {name: total[name] for name in ("supply", "general", "mathematics-code", "long")} == {
        "supply": "4,154,454",
        "general": "4,159,843",
        "mathematics-code": "1,997,801",
        "long": "1,305,021",
    }


def test_causes_are_those_of_the_manifests(page: ParsedPage) -> None:
    row = page.tables["Rejections by cause"].row("dedup.rank.too_high")
    assert (row["Rows"], row["Share"]) == ("249", "11.3%")
    assert row["From"].replace("\N{NO-BREAK SPACE}", " ") == "web 220, repositories 27, papers 2"
    assert page.tables["Failures by cause"].row("ProcessDied")["Rows"] == "9"


def test_duplicates_are_those_of_the_manifests(page: ParsedPage) -> None:
    row = page.tables["Documents that another document of their cluster outranks"].row("web")
    assert row == {
        "Source": "web",
        "Documents": "1,322",
        "url": "16",
        "exact": "44",
        "near": "160",
        "Duplicates": "220",
        "Share": "16.6%",
    }
    compared = page.tables["What was compared"]
    assert compared.row("near")["Screened pairs"] == "90"
    assert compared.row("near")["Compared pairs"] == "52"
    assert compared.row("exact")["Compared pairs"] == "\N{EN DASH}"
    assert "That took 4 rounds (all), 2 rounds (strict)." in page.text
    assert "1 cluster had more documents than" in page.text
    assert "57 pairs did not" in page.text


def test_clusters_by_size_add_up(page: ParsedPage) -> None:
    table = page.tables["Clusters by number of documents"]
    assert table.names() == ["2", "3 to 4", "129 to 256", "All"]
    assert table.row("129 to 256") == {
        "Documents in a cluster": "129 to 256",
        "Clusters": "1.0%1",
        "Documents": "39.5%138",
    }
    assert table.row("All")["Documents"] == "349"


def test_samples_of_the_largest_clusters_stand_beside_each_other(page: ParsedPage) -> None:
    assert "138 documents \N{MIDDLE DOT} web, papers" in page.text
    assert "web: https://example.org/?a=1&b=2" in page.text
    assert "Another of them" in page.text
    assert f"No text: {OF_EARLIER_RUN}." in page.text
    assert "The text is empty." in page.text


def test_every_large_cluster_is_on_the_page_and_most_are_folded() -> None:
    many = tuple(
        LargeCluster(cluster_id=f"{n:032x}", documents=50, samples=(Sample(id="0" * 32, text="t"),))
        for n in range(50)
    )
    found = summarize_run(
        recipe="demo", manifests=documents_path(), clusters=Clusters(largest=many)
    )
    page = ParsedPage(render(found))
    assert all(one.cluster_id in page.text for one in many)
    assert "40 more clusters" in page.text
    assert (
        len([name for tag, name, _ in page.attributes if (tag, name) == ("details", "open")]) == 3
    )


def test_the_curve_is_drawn_and_said_in_numbers(page: ParsedPage) -> None:
    assert {"svg", "polyline"} <= page.tags
    labels = [value or "" for tag, name, value in page.attributes if (tag, name) == SVG_LABEL]
    assert len(labels) == 1
    assert "compared with a chance of 92% and merged with one of 92%" in labels[0]
    table = page.tables["Chance that a pair is found, by similarity"]
    assert table.row("0.75") == {"Similarity": "0.75", "Candidate": "77.2%", "Merged": "0%"}
    settings = page.tables["How near duplicates are found"]
    assert settings.row("Bands x rows")["Value"].startswith("14 x 8 (112 of 112 values), derived")


@pytest.mark.parametrize(
    "near",
    [
        {"threshold": 1.0},
        {"threshold": 0.01, "bands": 112, "rows": 1},
        {"verify": "signature", "permutations": 1024},
    ],
)
def test_any_curve_stays_inside_its_drawing(near: dict[str, Any]) -> None:
    html = render(summarize_run(recipe="demo", manifests=[duplicate_pairs(**near)]))
    [(width, height)] = re.findall(r'viewBox="0 0 (\d+) (\d+)"', html)
    lines = re.findall(r'<polyline points="([^"]+)"', html)
    assert len(lines) == 2
    for point in " ".join(lines).split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= float(width)
        assert 0 <= y <= float(height)


def test_fidelity_below_the_bound_says_so_in_words(page: ParsedPage) -> None:
    table = page.tables["Structures kept, by source"]
    assert table.row("papers")["Formulas"] == "low 64.8%1,431 of 2,210"
    assert table.row("papers")["Tables"] == "80.0%96 of 120"
    assert table.row("repositories")["Formulas"] == "\N{EN DASH}"


def test_skipped_stages_stand_with_their_reason(page: ParsedPage) -> None:
    table = page.tables["Stages that were skipped"]
    assert table.row("synthesize")["Why"] == SKIPPED[0][1]


def test_the_page_asks_nothing_of_anyone(page: ParsedPage) -> None:
    html = render(summarize(manifests()))
    assert page.tags.isdisjoint({"script", "img", "iframe", "object", "embed", "form", "base"})
    assert not [link for link in page.links() if not link.startswith("#") and link != "data:,"]
    assert not re.search(r"url\(|@import|https?:", html.replace("https://example.org/", ""))
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_every_link_inside_the_page_leads_somewhere(page: ParsedPage) -> None:
    ids = page.ids()
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.links() if link.startswith("#")} <= set(ids)


def test_every_table_has_a_caption_and_can_be_reached_by_keyboard(page: ParsedPage) -> None:
    assert "" not in page.tables
    regions = [value for _, name, value in page.attributes if name == "role"]
    assert regions.count("region") == len(page.tables)


def test_equal_runs_give_equal_bytes() -> None:
    read_back = [Manifest.from_json(one.to_json()) for one in manifests()]
    assert render(summarize(read_back)) == render(summarize(manifests()))


def test_text_of_examples_is_shown_and_never_run(page: ParsedPage) -> None:
    html = render(summarize(manifests()))
    assert EVIL not in html
    assert page.text.count(EVIL) == 3
    assert '"quoted" & more' in page.text


def test_names_from_data_are_escaped_wherever_they_stand() -> None:
    evil = "\"><script src='http://evil.example'>&amp;"
    renamed = manifests()
    for name in ("web", "language.code.not_allowed"):
        renamed = [replace(one, statistics=_rename(one.statistics, name, evil)) for one in renamed]
    summary = replace(summarize(renamed), recipe=evil, skipped=((evil, evil),))
    parsed = ParsedPage(render(summary))
    assert "script" not in parsed.tags
    assert evil in parsed.tables["From records to tokens, by source"].names()
    assert evil in parsed.tables["By source"].names()
    assert evil in parsed.tables["Rejections by cause"].names()
    assert parsed.tables["Stages that were skipped"].row(evil)["Why"] == evil


def test_a_run_of_nothing_has_a_page() -> None:
    parsed = ParsedPage(render(summarize_run(recipe="empty", manifests=[])))
    assert parsed.tables == {}
    assert "No stage has finished yet." in parsed.text


def test_a_run_without_documents_has_a_page() -> None:
    empty = [manifest(one.stage, (0, 0, 0, 0)) for one in [ingest(), *documents_path()]]
    parsed = ParsedPage(render(summarize_run(recipe="empty", manifests=empty)))
    assert parsed.tables["Stages of the run"].row("ingest")["In"] == "0"
    assert "Rejections by cause: nothing to show." in parsed.text


@pytest.mark.parametrize("done", range(1, 11))
def test_every_unfinished_run_has_a_page(done: int) -> None:
    stages = manifests()[:done]
    parsed = ParsedPage(render(summarize(stages)))
    assert parsed.tables["Stages of the run"].names() == [one.stage for one in stages]


def test_a_long_ledger_is_cut_and_still_adds_up() -> None:
    counts = {"documents": 1, "unique_tokens": 0, "new_tokens": 0}
    languages = {f"language-{n:03d}": {**counts, "tokens": 100 + n} for n in range(60)}
    counted = sum(sums["tokens"] for sums in languages.values())
    stage = manifest(
        "windows-general",
        (60, 60, 0, 0),
        window_documents={"ledger": {"text": {"web": {"science": {"9": languages}}}}},
    )
    parsed = ParsedPage(render(summarize_run(recipe="demo", manifests=[stage])))
    rows = parsed.tables["By language"].rows[1:]
    assert len(rows) == MAX_LEDGER_ROWS + 1
    numbers = [int(row[1].rpartition("%")[2].replace(",", "")) for row in rows]
    assert sum(numbers[:-1]) == numbers[-1] == counted


def _rename(statistics: Any, old: str, new: str) -> Any:
    if not isinstance(statistics, dict):
        return statistics
    return {
        new if key == old else key: _rename(value, old, new) for key, value in statistics.items()
    }
