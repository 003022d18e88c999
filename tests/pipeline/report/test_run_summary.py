import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.errors import InvariantError
from pipeline.records.manifest import Counts, Manifest
from pipeline.report.summary import RunSummary, SourceSummary, summarize_run
from tests.pipeline.report.reported_run import (
    SKIPPED,
    clusters,
    documents_path,
    duplicate_pairs,
    examples,
    ingest,
    manifest,
    manifests,
    solution,
    structure,
)


def summarize(stages: list[Manifest], *, solved: bool = True) -> RunSummary:
    return summarize_run(
        recipe="demo",
        manifests=stages,
        skipped=SKIPPED,
        solution=solution() if solved else None,
        examples=examples(),
    )


def source(summary: RunSummary, name: str) -> SourceSummary:
    return {one.name: one for one in summary.sources}[name]


def test_every_record_of_a_source_is_kept_rejected_or_failed() -> None:
    for one in summarize(manifests()).sources:
        assert one.records == one.kept + one.rejected + one.failed


def test_totals_are_those_of_the_manifests() -> None:
    summary = summarize(manifests())
    assert summary.records == 2310
    assert summary.kept == 1604
    assert summary.tokens == 1_204_332 + 1_420_118 + 1_530_004
    assert summary.windows == 508 + 244 + 40
    assert summary.realised_tokens == sum(
        one.realised_tokens for stage in summary.mixture for one in stage.components
    )


def test_the_order_of_keys_in_statistics_does_not_matter() -> None:
    read_back = [Manifest.from_json(one.to_json()) for one in manifests()]
    assert summarize(read_back) == summarize(manifests())
    reversed_keys = [replace(one, statistics=_reversed(one.statistics)) for one in manifests()]
    assert summarize(reversed_keys) == summarize(manifests())


def test_a_manifest_whose_counts_do_not_add_up_gets_no_report() -> None:
    broken = replace(ingest(), counts=Counts(2310, 2207, 84, 18))
    with pytest.raises(InvariantError, match="ingest"):
        summarize([broken])


def test_without_stages_nothing_is_known_and_nothing_is_zero() -> None:
    summary = summarize([], solved=False)
    assert summary.records is summary.kept is summary.tokens is summary.windows is None
    assert summary.duplicates is None
    assert summary.mixture == summary.sources == summary.ledgers == ()


def test_before_decide_no_document_is_called_kept() -> None:
    summary = summarize([ingest()], solved=False)
    assert source(summary, "web").documents == 1322
    assert source(summary, "web").kept is None
    assert source(summary, "web").tokens is None


def test_a_source_that_lost_every_document_kept_none() -> None:
    counts = manifest("decide", (2206, 1512, 694, 0), kept={"web": 801, "repositories": 711})
    summary = summarize([ingest(), counts], solved=False)
    assert source(summary, "papers").kept == 0


def test_solved_but_unwritten_stages_have_targets_and_no_realised_tokens() -> None:
    summary = summarize([ingest(), *documents_path()])
    assert [stage.name for stage in summary.mixture] == ["general", "mathematics-code", "long"]
    assert summary.windows is None
    first = summary.mixture[0].components[0]
    assert first.realised_tokens is first.difference_tokens is None
    assert first.epochs == first.solved.epochs


def test_a_component_that_a_stage_does_not_hold_realised_nothing() -> None:
    long = summarize(manifests()).mixture[2]
    synthetic = long.components[0]
    assert (synthetic.realised_tokens, synthetic.documents, synthetic.epochs) == (0, 0, None)
    assert sum(one.realised_ratio for one in long.components) == pytest.approx(1)


def test_synthetic_sources_follow_those_that_were_read_and_have_no_records() -> None:
    made = [
        manifest(
            "synthesize",
            (40, 31, 8, 1),
            documents={
                "a-synthetic": {
                    "documents": 31,
                    "chars": 9000,
                    "media_types": {"text/markdown": 31},
                    "structure": structure(formulas=(10, 10)),
                }
            },
            rejected={"a-synthetic": {"synth.incorrect": 8}},
            failed={"a-synthetic": {"TimeoutError": 1}},
        ),
        manifest("annotate-synthetic", (31, 31, 0, 0)),
        manifest(
            "tokenize-synthetic",
            (31, 31, 0, 0),
            tokens={
                "sources": {"a-synthetic": {"documents": 31, "tokens": 4000, "bytes": 9100}},
                "language.code": {"en": 4000},
            },
        ),
    ]
    summary = summarize([*manifests(), *made])
    assert [one.name for one in summary.sources] == ["papers", "repositories", "web", "a-synthetic"]
    last = summary.sources[-1]
    assert (last.records, last.documents, last.kept, last.tokens) == (None, 31, None, 4000)
    assert [stage.name for stage in summary.stages if stage.is_on_synthetic_path] == [
        "synthesize",
        "annotate-synthetic",
        "tokenize-synthetic",
    ]
    assert summary.kept == 1604


def test_low_fidelity_alarms_and_fidelity_at_the_bound_does_not() -> None:
    summary = summarize(manifests())
    alarms = [alarm.text for alarm in summary.alarms if alarm.section == "fidelity"]
    assert alarms == ["papers: 64.8% of 2,210 formulas kept", "web: 72.8% of 412 tables kept"]
    tables = {one.kind: one for one in source(summary, "papers").fidelity}["tables"]
    assert tables.ratio == 0.8
    assert not tables.is_low


def test_skipped_stages_failures_and_absent_components_alarm() -> None:
    sections = [alarm.section for alarm in summarize(manifests()).alarms]
    assert sections == ["stages", "fidelity", "fidelity", "duplicates", "failures", "mixture"]
    nothing = manifest("ingest", (0, 0, 0, 0))
    assert summarize_run(recipe="demo", manifests=[nothing]).alarms == ()


def test_causes_of_all_sources_are_added_and_the_largest_is_first() -> None:
    summary = summarize(manifests())
    first = summary.rejections[0]
    assert (first.name, first.stage, first.rows) == ("dedup.rank.too_high", "decide", 249)
    assert first.by_source == (("web", 220), ("repositories", 27), ("papers", 2))
    assert sum(cause.rows for cause in summary.rejections) == 84 + 602
    assert sum(cause.rows for cause in summary.failures) == 20


def test_examples_stand_with_their_cause_and_nowhere_else() -> None:
    summary = summarize(manifests())
    shown = {cause.name: cause.examples for cause in (*summary.rejections, *summary.failures)}
    assert {name for name, found in shown.items() if found} == {
        "prose.words.too_low",
        "ProcessDied",
    }


def test_duplicates_leave_out_documents_that_are_kept() -> None:
    found = summarize(manifests()).duplicates
    assert found.kinds == ("url", "exact", "near")
    assert found.documents == 2207
    assert found.duplicates == 249
    assert [found.of_kind(kind) for kind in found.kinds] == [16, 66, 167]


def test_a_stage_that_marks_no_duplicate_still_counts_its_documents() -> None:
    found = summarize([manifest("deduplicate", (3, 3, 0, 0), dedup={"web": {"none": 3}})])
    assert (found.duplicates.documents, found.duplicates.duplicates) == (3, 0)


def test_what_was_compared_is_in_the_order_of_the_work_and_unknown_is_not_zero() -> None:
    found = summarize(manifests()).duplicates
    assert found.measures == (
        *("keys", "hot_buckets", "hot_documents"),
        *("pairs", "screened_pairs", "compared_pairs", "merged_pairs"),
    )
    compared = {kind: dict(counted) for kind, counted in found.compared}
    assert "screened_pairs" not in compared["exact"]
    assert compared["near"]["screened_pairs"] == 90
    assert found.rounds == (("all", 4), ("strict", 2))
    assert (found.stricter.clusters, found.stricter.dropped_pairs) == (1, 57)


def test_pairs_that_were_found_are_told_before_they_are_marked() -> None:
    found = summarize([ingest(), duplicate_pairs(threshold=0.7)]).duplicates
    assert found.sources == found.clusters.largest == ()
    assert found.kinds == ("exact", "near")
    assert found.near.threshold == 0.7


def test_without_large_clusters_there_was_no_stricter_pass_and_no_alarm() -> None:
    counts = {"rounds": 1, "large_clusters": 0, "large_documents": 0, "dropped_pairs": 0}
    searches = {"all": counts}
    one = manifest("deduplicate", (3, 3, 0, 0), dedup={"web": {}}, searches=searches)
    summary = summarize_run(recipe="demo", manifests=[one], clusters=clusters())
    assert summary.duplicates.stricter is None
    assert summary.duplicates.clusters == clusters()
    assert summary.alarms == ()


def test_ledgers_add_up_to_the_tokens_of_each_stage() -> None:
    summary = summarize(manifests())
    assert [ledger.column for ledger in summary.ledgers] == [
        "source",
        "topic",
        "quality",
        "language",
    ]
    for ledger in summary.ledgers:
        for number, stage in enumerate(summary.mixture):
            assert sum(row.stage_tokens[number] for row in ledger.rows) == stage.realised_tokens


def test_quality_tenths_keep_their_order_and_other_values_stand_by_size() -> None:
    ledgers = {ledger.column: ledger for ledger in summarize(manifests()).ledgers}
    assert [row.value for row in ledgers["quality"].rows] == list("0123456789")
    assert [row.value for row in ledgers["language"].rows] == ["en", "de", "none"]
    assert not ledgers["quality"].has_supply


def _reversed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _reversed(value[key]) for key in reversed(json.loads(json.dumps(list(value))))}
