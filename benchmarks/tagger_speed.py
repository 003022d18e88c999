"""Documents a CPU second of the shipped taggers, on one core, and what a cascade of them saves.

    python -m benchmarks.tagger_speed --texts FILE.jsonl [--documents 1000] [--model FOLDER]

FILE has rows with ``text`` and ``url``. Ours is the whole annotator, Arrow in and Arrow out. Rounds
alternate; loading is left out. The cascade asks the screen first and the embedding tagger where the
screen is not .9 sure of reasoning depth; the share that the screen answered is shown, and how often
its level is then that of the embedding tagger. JSON last. Goals: 3,000 for fastText, 150 for the
embedding tagger.
"""

import argparse
import json
import statistics
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.documents import batch_of
from filters.taggers.quality import CascadeConfig, QualityAnnotator, QualityConfig, ScreenConfig

GOALS = {"fasttext": 3000, "embedding": 150}
MIN_CONFIDENCE = 0.9


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=Path, required=True, metavar="FILE")
    parser.add_argument("--documents", type=int, default=1000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--model", metavar="FOLDER", help="another tagger to measure as well")
    stated = parser.parse_args()
    with stated.texts.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, stated.documents)]
    documents = batch_of([row["text"] for row in rows], [row.get("url") for row in rows])
    screen = ScreenConfig(model="fasttext", min_confidence=MIN_CONFIDENCE)
    configs = {
        "fasttext": QualityConfig(model="fasttext"),
        "embedding": QualityConfig(),
        "cascade": QualityConfig(cascade=CascadeConfig(screens=(screen,))),
    }
    if stated.model:
        configs[stated.model] = QualityConfig(model=stated.model)
    annotators = {name: QualityAnnotator(config) for name, config in configs.items()}
    speeds: dict[str, list[float]] = {name: [] for name in annotators}
    measures: dict[str, pa.RecordBatch] = {}
    for annotator in annotators.values():
        annotator.annotate(documents.slice(0, 8))
    for _ in range(stated.rounds):
        for name, annotator in annotators.items():
            start = time.process_time()
            measures[name] = annotator.annotate(documents)
            speeds[name].append(len(rows) / (time.process_time() - start))
    size = statistics.mean(len(row["text"]) for row in rows)
    print(f"{len(rows)} documents of {size:,.0f} characters, documents a CPU second:")
    for name, found in speeds.items():
        goal = f", goal {GOALS[name]:,}" if name in GOALS else ""
        print(f"  {name} {statistics.median(found):,.0f}{goal}")
    share, agreement = screened(measures["cascade"], measures["embedding"])
    print(f"  the screen answered {share:.3f} of them, with the model's level in {agreement:.3f}")
    result = {name: statistics.median(found) for name, found in speeds.items()}
    print(json.dumps({**result, "screened_ratio": share, "same_level_ratio": agreement}))


def screened(cascade: pa.RecordBatch, model: pa.RecordBatch) -> tuple[float, float]:
    """Share of the documents that the screen answered, and of those with the model's level."""
    steps = cascade.column("step").to_pylist()
    pairs = zip(
        steps,
        cascade.column("reasoning_depth").to_pylist(),
        model.column("reasoning_depth").to_pylist(),
        strict=True,
    )
    same = [level == wanted for step, level, wanted in pairs if step == 0]
    return len(same) / len(steps), float(np.mean(same)) if same else float("nan")


if __name__ == "__main__":
    main()
