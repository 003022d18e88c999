"""A recipe with benchmark files, run for real: over web pages and synthetic documents."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.config import Recipe, parse_recipe
from pipeline.errors import ConfigError
from pipeline.report.contamination import summarize_contamination
from pipeline.run import LOCAL_RUNNER, run, scoped_rules
from pipeline.transforms.decide import KEPT
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.outcome import REJECTED
from pipeline.transforms.stage import Finished
from tests.filters.decontamination.benchmark_items import LONG, SHORT, write_jsonl
from tests.support.tiny_run import text_of
from tests.synth.chat_server import MODEL, ChatServer, problem_of, solve

ASKED, QUOTING, SAMPLES = 7, 3, 3
"""The problem that stands in the benchmark too, and the one whose answers quote another item."""


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(answer_of=answer_with_an_item) as up:
        yield up


def answer_with_an_item(body: Mapping[str, Any]) -> dict[str, Any]:
    """Right or wrong, but for one problem with a benchmark's question recalled on the way."""
    answer = solve(body)
    if problem_of(body) == f"What is {QUOTING} + 100?":
        message = answer["choices"][0]["message"]
        message["content"] = f"I recall: {LONG['question']}\n\n{message['content']}"
    return answer


def write_inputs(folder: Path) -> None:
    texts = [text_of(number) for number in range(1, 5)]
    texts.append(f"{text_of(7)}\n\n{LONG['question']}\n\n{text_of(8)}")
    lines = [
        json.dumps({"text": text, "url": f"https://a.org/{n}"}) for n, text in enumerate(texts)
    ]
    (folder / "web.jsonl").write_text("\n".join(lines))
    story = "Behind the barn of Hollin stand some calves and beside it as many geese as told. "
    sums = [
        {
            "id": f"s{n}",
            "problem": f"{story * (n == ASKED)}What is {n} + 100?",
            "answer": str(n + 100),
        }
        for n in range(12)
    ]
    (folder / "problems.jsonl").write_text("\n".join(json.dumps(one) for one in sums))
    asked = {"id": "made/sum", "benchmark": "made", "split": "train"}
    write_jsonl(folder / "items.jsonl", LONG, asked | {"question": sums[ASKED]["problem"]})


def recipe_in(folder: Path, **changes: Any) -> Recipe:
    raw: dict[str, Any] = {
        "name": "clean",
        "output": str(folder / "run"),
        "sources": {"web": {"format": "jsonl", "paths": [str(folder / "web.jsonl")]}},
        "annotate": {
            "language": None,
            "tagger": None,
            "content": {},
            "prose": None,
            "decontamination": {"benchmarks": [{"paths": [str(folder / "items.jsonl")]}]},
        },
        "decide": {
            "rules": [
                {"column": "dedup.rank", "max": 0},
                {"column": "decontamination.hits", "max": 0},
            ]
        },
        "mixture": {
            "seed": 0,
            "tokenizer": "qwen2.5",
            "stages": [
                {
                    "name": "all",
                    "sequence_tokens": 64,
                    "components": [{"name": "text", "weight": 100}],
                }
            ],
        },
    }
    return parse_recipe(raw | changes, name="clean")


def finished(recipe: Recipe, until: str) -> dict[str, Finished]:
    stages = run(recipe, beam_options=[f"--runner={LOCAL_RUNNER}"], until=until)
    return {one.manifest.stage: one for one in stages}


def rows(stage: Finished, output: str) -> pa.Table:
    return pa.concat_tables(
        pq.read_table(stage.folder.locate(shard.name)) for shard in stage.manifest.shards(output)
    )


def test_pages_problems_and_synthetic_documents_with_items_are_rejected(
    tmp_path: Path, server: ChatServer
) -> None:
    write_inputs(tmp_path)
    synthesize = {
        "endpoint": {"url": server.url, "model": MODEL},
        "problems": {"sums": {"paths": [str(tmp_path / "problems.jsonl")]}},
        "strategies": {"mathematics": {"problems": ["sums"], "samples": SAMPLES}},
    }
    stages = finished(recipe_in(tmp_path, synthesize=synthesize), "tokenize-synthetic")
    web = rows(stages["decide"], REJECTED)
    assert web.column("reason").to_pylist() == ["decontamination.hits.too_high"]
    assert rows(stages["decide"], KEPT).num_rows == 4
    refused = rows(stages["decide-problems"], REJECTED)
    assert refused.column("reason").to_pylist() == ["decontamination.hits.too_high"]
    asked = " ".join(body["messages"][-1]["content"] for body in server.asked)
    assert "What is 8 + 100?" in asked
    assert "barn of Hollin" not in asked, "a problem of a benchmark is not even asked about"
    texts = rows(stages["synthesize"], DOCUMENTS)
    is_quoted = pc.match_substring(texts.column("text"), LONG["question"])
    quoting_ids = set(texts.filter(is_quoted).column("id").to_pylist())
    made = rows(stages["decide-synthetic"], REJECTED)
    hit = made.filter(pc.equal(made.column("reason"), "decontamination.hits.too_high"))
    kept_ids = set(rows(stages["decide-synthetic"], KEPT).column("id").to_pylist())
    assert quoting_ids
    assert set(hit.column("id").to_pylist()) <= quoting_ids
    assert not quoting_ids & kept_ids
    assert kept_ids

    summary = summarize_contamination([one.manifest for one in stages.values()])
    assert summary is not None
    found = {(one.source, one.benchmark, one.split): one for one in summary.hits}
    assert found["web", "made", "test"].documents == 1
    assert dict(found["web", "made", "test"].by_part) == {"question": 1, "answer": 0, "both": 0}
    assert {key[0] for key in found if key[2] == "train"} == {"problems.sums"}
    assert found["synth.mathematics", "made", "test"].documents == SAMPLES
    assert dict(summary.searched)["web"] == 5


def test_a_rule_on_items_judges_synthetic_documents_too(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    rules = [
        {"column": "decontamination.hits", "max": 0},
        {"column": "content.chars", "min": 2},
        {"column": "decontamination.score", "max": 0.5, "sources": ["web"]},
    ]
    scoped = scoped_rules(recipe_in(tmp_path, decide={"rules": rules}))
    assert [rule.sources for rule in scoped] == [None, ["web"], ["web"]]


def test_other_items_measure_again_and_equal_ones_do_not(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    recipe = recipe_in(tmp_path)
    before = finished(recipe, "annotate")
    assert finished(recipe, "annotate")["annotate"].identity == before["annotate"].identity
    write_jsonl(tmp_path / "items.jsonl", LONG, SHORT)
    after = finished(recipe, "annotate")
    assert after["ingest"].identity == before["ingest"].identity
    assert after["annotate"].identity != before["annotate"].identity


@pytest.mark.parametrize(
    ("decontamination", "message"),
    [
        ({"benchmarks": [{"paths": ["none/*.jsonl"]}]}, r"benchmarks\.0\.paths: no file is named"),
        ({"indexes": ["none.parquet"]}, r"annotate\.decontamination\.indexes: cannot read none"),
        ({}, r"annotate\.decontamination: no benchmark item"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_read(
    tmp_path: Path, decontamination: dict[str, Any], message: str
) -> None:
    recipe = recipe_in(tmp_path, annotate={"decontamination": decontamination})
    with pytest.raises(ConfigError, match=message):
        finished(recipe, "annotate")
    assert not (tmp_path / "run").exists()


def test_a_rule_without_decontamination_is_refused(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    with pytest.raises(ConfigError, match=r"decontamination\.hits"):
        finished(recipe_in(tmp_path, annotate={}), "annotate")
