"""Seeds: kept documents that keep the set's rules, in equal shares of domains, and what is made."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Recipe, parse_recipe
from pipeline.errors import ConfigError
from pipeline.run import LOCAL_RUNNER, run
from pipeline.transforms.ingest import DOCUMENTS
from pipeline.transforms.problems import ITEMS
from pipeline.transforms.select_seeds import SEEDS
from pipeline.transforms.stage import Finished
from tests.support.tiny_run import text_of
from tests.synth.chat_server import MODEL, ChatServer

PAGES, NOTES = 24, 6
THREAD = (
    "# What is 3 + 100?\n\n**ann**\n\nI have to find what 3 + 100 gives. How do I compute it?\n\n"
    "**bob** \u00b7 5 votes \u00b7 accepted answer\n\nAdd the units first: 3 + 0 = 3, and the "
    "hundred stays as it is, so nothing is carried over.\n\nAnswer: $103$."
)


def recipe_in(folder: Path, url: str | None = None, **changes: Any) -> Recipe:
    texts = {
        "pages": [text_of(n) for n in range(1, PAGES + 1)],
        "notes": [text_of(100 + n) for n in range(1, NOTES + 1)],
        "forum": [THREAD],
    }
    for source, held in texts.items():
        lines = [
            json.dumps({"text": text, "url": f"https://{source}.org/{n}"}) + "\n"
            for n, text in enumerate(held)
        ]
        (folder / f"{source}.jsonl").write_text("".join(lines))
    raw: dict[str, Any] = {
        "name": "seeds",
        "output": str(folder / "run"),
        "split_bytes": 1 << 16,
        "sources": {
            source: {"format": "jsonl", "paths": [str(folder / f"{source}.jsonl")]}
            for source in texts
        },
        "annotate": {"language": None, "tagger": None, "content": {}, "prose": {}},
        "decide": {"rules": [{"column": "content.chars", "min": 60}]},
        "seeds": {
            "some": {
                "where": [{"column": "source", "allowed": ["pages", "notes"]}],
                "max_documents": 8,
            },
            "long": {"where": [{"column": "prose.words", "min": 35, "when_null": "reject"}]},
            "threads": {"where": [{"column": "source", "allowed": ["forum"]}]},
        },
        "synthesize": {
            "problems": {"asked": {"seeds": "threads"}},
            "strategies": {
                "mathematics": {"problems": ["asked"], "samples": 2},
                "think_aloud": {"seeds": ["some"]},
            },
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
    if url is not None:
        raw["synthesize"]["endpoint"] = {"url": url, "model": MODEL}
    return parse_recipe(raw | changes, name="seeds")


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """A sum for a problem, thoughts for a document."""
    asked = body["messages"][-1]["content"]
    text = "Three and a hundred: \\boxed{103}."
    if "Read it as an expert" in asked:
        text = "Why does each step follow? A smaller case shows that nothing else can happen here."
    return {
        "model": MODEL,
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
    }


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    folder = tmp_path_factory.mktemp("seeds")
    with ChatServer(answer_of=answer) as server:
        made = run(
            recipe_in(folder, server.url),
            beam_options=[f"--runner={LOCAL_RUNNER}"],
            until="decide-synthetic",
        )
    return {one.manifest.stage: one for one in made}


def rows(finished: Finished, output: str) -> list[dict[str, Any]]:
    shards = finished.manifest.shards(output)
    return pa.concat_tables(
        pq.read_table(finished.folder.locate(one.name)) for one in shards
    ).to_pylist()


def test_domains_get_equal_shares_and_all_of_a_set_without_a_limit(
    stages: dict[str, Finished],
) -> None:
    chosen = rows(stages["seeds"], SEEDS)
    some = [row for row in chosen if row["set"] == "some"]
    assert sorted(row["domain"] for row in some) == ["notes"] * 4 + ["pages"] * 4
    kept = {row["id"] for row in rows(stages["decide"], "kept")}
    assert {row["id"] for row in chosen} <= kept
    long = {row["id"] for row in chosen if row["set"] == "long"}
    words = {row["id"]: row["prose.words"] for row in rows(stages["annotate"], "measures")}
    assert long == {name for name in kept if (words[name] or 0) >= 35}
    assert stages["seeds"].manifest.statistics[SEEDS]["some"] == {"notes": 4, "pages": 4}


def test_a_question_of_a_page_is_a_problem_with_its_answer(stages: dict[str, Finished]) -> None:
    (item,) = rows(stages["problems"], ITEMS)
    assert "3 + 100" in item["problem"]
    assert item["answer"] == "103"
    assert "nothing is carried over" in item["reference"]
    documents = rows(stages["synthesize"], DOCUMENTS)
    solved = [row for row in documents if row["source"] == "synth.mathematics"]
    assert [row["lineage"]["verdict"] for row in solved] == ["correct", "correct"]


def test_thoughts_stand_behind_the_whole_document(stages: dict[str, Finished]) -> None:
    texts = {row["id"]: row["text"] for row in rows(stages["ingest"], DOCUMENTS)}
    thoughts = [
        row for row in rows(stages["synthesize"], DOCUMENTS) if row["source"] == "synth.think_aloud"
    ]
    assert len(thoughts) == 8
    for row in thoughts:
        (seed,) = row["lineage"]["seed_ids"]
        assert row["text"].startswith(texts[seed])
        assert row["text"].endswith("nothing else can happen here.")
        assert row["lineage"]["verdict"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": {"x": {"where": [{"column": "no.such", "min": 1}]}}}, r"seeds\.x\.where"),
        ({"seeds": {"x": {"by": ["no.such"]}}}, r"seeds\.x\.by: there is no 'no.such'"),
        ({"seeds": {}}, r"synthesize\.problems\.asked\.seeds: there is no set 'threads'"),
        (
            {"synthesize": {"strategies": {"mathematics": {"seeds": ["some"]}}}},
            "mathematics is asked about problems, not seeds",
        ),
        (
            {"synthesize": {"strategies": {"think_aloud": {}}}},
            r"think_aloud\.seeds: name at least one set",
        ),
    ],
)
def test_a_set_that_there_is_not_is_refused_before_anything_is_read(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(recipe_in(tmp_path, **changes), beam_options=[f"--runner={LOCAL_RUNNER}"])
