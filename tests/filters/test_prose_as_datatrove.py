"""On pure prose the measures are those that datatrove's filters compare with their bounds.

The golden values are datatrove's own: ``.venv-peers/bin/python benchmarks/datatrove_measures.py``
over the texts. Measures that are not listed there are 0.
"""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from filters.prose import COLUMNS, ProseAnnotator, ProseConfig
from tests.support.document_rows import documents_of

REPOSITORY = Path(__file__).parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "filters" / "datatrove_measures.json"
PEERS_PYTHON = REPOSITORY / ".venv-peers" / "bin" / "python"

OURS_ALONE = frozenset(
    {"digit_ratio", "javascript_lines", "policy_lines", "lorem_ipsum_lines", "curly_bracket_lines"}
)
COMPARED = [name for name in COLUMNS.names if name not in OURS_ALONE]

CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))

VOCABULARY = (
    "the", "of", "and", "to", "be", "that", "have", "with", "rain", "bridge", "river", "mill",
    "garden", "bread", "music", "letter", "window", "walked", "carried", "opened", "waited",
    "often", "slowly", "never", "because", "under", "green", "old", "quiet",
)  # fmt: skip


def measure(text: str) -> dict[str, float]:
    row = ProseAnnotator(ProseConfig()).annotate(documents_of(text)).to_pylist()[0]
    return {name: row[name] for name in COMPARED}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_measures_are_those_of_datatrove(case: dict[str, Any]) -> None:
    wanted = {name: case["measures"].get(name, 0) for name in COMPARED}
    assert measure(case["text"]) == pytest.approx(wanted, rel=1e-6, abs=2e-7)


def made_up_prose(seed: int) -> str:
    """Sentences of a few words, in lines and paragraphs; some lines and sentences repeat."""
    chance = random.Random(seed)

    def sentence() -> str:
        words = [chance.choice(VOCABULARY) for _ in range(chance.randint(3, 14))]
        comma = chance.choice(["", ", " + chance.choice(VOCABULARY)])
        return " ".join(words).capitalize() + comma + chance.choice([".", ".", "!", "?", "..."])

    known = [sentence() for _ in range(12)]
    lines = [
        " ".join(chance.choice([*known, sentence()]) for _ in range(chance.randint(1, 4)))
        for _ in range(chance.randint(1, 20))
    ]
    return "".join(line + chance.choice(["\n", "\n", "\n\n"]) for line in lines)


def ask_datatrove(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not PEERS_PYTHON.is_file():
        pytest.skip(f"needs datatrove in {PEERS_PYTHON.parent.parent.name} (requirements/peers.in)")
    script = REPOSITORY / "benchmarks" / "datatrove_measures.py"
    sent = "".join(json.dumps(one) + "\n" for one in asked)
    run = subprocess.run(
        [PEERS_PYTHON, script], input=sent, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_datatrove_itself_gives_the_golden_values() -> None:
    found = ask_datatrove([{"text": case["text"]} for case in CASES])
    for case, measures in zip(CASES, found, strict=True):
        wanted = {name: case["measures"].get(name, 0) for name in COMPARED}
        assert measures == pytest.approx(wanted, rel=1e-6, abs=2e-7), case["name"]


def test_datatrove_itself_agrees_on_made_up_prose() -> None:
    texts = [made_up_prose(seed) for seed in range(20)]
    for text, measures in zip(texts, ask_datatrove([{"text": t} for t in texts]), strict=True):
        assert measure(text) == pytest.approx(measures, rel=1e-6, abs=2e-7), text
