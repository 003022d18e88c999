"""Texts as documents, and what datatrove's filters say of them: what several benchmarks need."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.records.document import DOCUMENT_SCHEMA


def batch_of(texts: Sequence[str], urls: Sequence[str | None] | None = None) -> pa.RecordBatch:
    """Documents with these texts, numbered, of the web."""
    rows = [
        {
            "id": str(number),
            "url": None if urls is None else urls[number],
            "text": text,
            "source": "web",
            "media_type": "text/html",
            "provenance": {"archive": "", "extractor": "html"},
        }
        for number, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT_SCHEMA)


def ask_datatrove(python: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    """The lines that ``datatrove_filters`` prints: a verdict on each text, then its CPU seconds."""
    sent = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    command = [python, str(Path(__file__).with_name("datatrove_filters.py"))]
    run = subprocess.run(command, input=sent, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]
