"""Benchmark items made up for the tests, none of them of a real benchmark."""

import gzip
import json
from pathlib import Path
from typing import Any

from filters.decontamination.annotator import DecontaminationAnnotator
from filters.decontamination.config import BenchmarkSet, DecontaminationConfig

LONG = {
    "id": "made/long",
    "benchmark": "made",
    "split": "test",
    "question": "A miller grinds 42 sacks of rye before noon, half as many after supper, and "
    "sells each sack for $3 \\frac{1}{2}$ crowns. How many crowns does it earn on that one day?",
    "answer": "220.5",
}
SHORT = {
    "id": "made/short",
    "benchmark": "made",
    "split": "test",
    "question": "Which heron nests highest above Lake Tiberon?",
    "answer": "the silver heron",
}
CHOICES = {
    "id": "made/choices",
    "benchmark": "chosen",
    "question": "Which of these minerals colours the cliffs of Upper Morvane so green?\n"
    "A. serpentine\nB. malachite\nC. olivine\nD. fuchsite",
    "answer": "B",
}
CODE = {
    "task_id": "made/code",
    "prompt": 'def braid_strands(strands, twist):\n    """Interleave strands, turning every other '
    'one by twist places."""\n',
    "canonical_solution": "    braided = []\n    for position, strand in enumerate(strands):\n"
    "        turned = strand[twist:] + strand[:twist] if position % 2 else strand\n"
    "        braided.extend(turned)\n    return braided\n",
}


def write_jsonl(path: Path, *rows: dict[str, Any]) -> Path:
    """A file of rows; gzip where its name says so."""
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def sets_in(folder: Path) -> list[BenchmarkSet]:
    """The items as files of ``folder``: two of text, one of code with its own field names."""
    text = write_jsonl(folder / "text.jsonl.gz", LONG, SHORT, CHOICES)
    code = write_jsonl(folder / "code.jsonl", CODE)
    return [
        BenchmarkSet(paths=[str(text)]),
        BenchmarkSet.model_validate(
            {
                "paths": [str(code)],
                "benchmark": "made_code",
                "split": "test",
                "is_code": True,
                "fields": {
                    "id": "task_id",
                    "question": "prompt",
                    "answer": "canonical_solution",
                },
            }
        ),
    ]


def annotator_in(folder: Path, **settings: Any) -> DecontaminationAnnotator:
    """An annotator that looks for the items."""
    return DecontaminationAnnotator(DecontaminationConfig(benchmarks=sets_in(folder), **settings))
