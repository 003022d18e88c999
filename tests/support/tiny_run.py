"""A real run of a few dozen made-up documents, up to the rules."""

import json
from pathlib import Path
from typing import Any

from pipeline.config import parse_recipe
from pipeline.run import LOCAL_RUNNER, run

WORDS = (
    "the reason for this is that one number divides another and so on it goes until none is left"
)
NUM_DOCUMENTS = 48


def text_of(number: int) -> str:
    """Longer with its number; every sixth is too short for the recipe's rules."""
    length = 3 if number % 6 == 0 else 20 + number
    words = (WORDS.split() * 5)[:length]
    return f"Document {number}. " + " ".join(f"{word}{number}" for word in words) + "."


def make_run(folder: Path) -> Path:
    """Run a recipe over two sources below ``folder``; returns the run's folder."""
    for source, first in (("forum", 0), ("manual", 1)):
        lines = [
            json.dumps({"text": text_of(number), "url": f"https://site-{number}.org/{source}"})
            for number in range(first, NUM_DOCUMENTS, 2)
        ]
        (folder / f"{source}.jsonl").write_text("\n".join(lines) + "\n")
    recipe: dict[str, Any] = {
        "name": "tiny",
        "output": str(folder / "run"),
        "sources": {
            source: {"format": "jsonl", "paths": [str(folder / f"{source}.jsonl")]}
            for source in ("forum", "manual")
        },
        "annotate": {"content": {}, "prose": {}},
        "decide": {
            "rules": [
                {"column": "dedup.rank", "max": 0},
                {"column": "content.chars", "min": 60},
                {"column": "prose.words", "min": 10, "when_null": "keep"},
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
    run(
        parse_recipe(recipe, name="tiny"),
        beam_options=[f"--runner={LOCAL_RUNNER}"],
        until="tokenize",
    )
    return folder / "run"
