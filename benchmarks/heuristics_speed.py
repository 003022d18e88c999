"""Word, line and repetition measures: documents a CPU second of ours and of FineWeb's filters.

    python -m benchmarks.heuristics_speed --peers-python PATH --texts FILE.jsonl [--documents 300]

FILE has rows with ``text``. Ours is the whole prose annotator, Arrow in and Arrow out, formulas,
code and tables set aside first; theirs are datatrove's four filters (``datatrove_filters``), which
stop at the first one that drops a document, to their advantage. Rounds alternate; loading is left
out. JSON last. Goal: ten times.
"""

import argparse
import json
import statistics
import time
from itertools import islice
from pathlib import Path

from benchmarks.documents import ask_datatrove, batch_of
from filters.prose import ProseAnnotator, ProseConfig

GOAL = 10


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers-python", required=True, metavar="PATH")
    parser.add_argument("--texts", type=Path, required=True, metavar="FILE")
    parser.add_argument("--documents", type=int, default=300, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    stated = parser.parse_args()
    with stated.texts.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in islice(lines, stated.documents)]
    documents = batch_of(texts)
    annotator = ProseAnnotator(ProseConfig())
    annotator.annotate(documents)
    ours, theirs = [], []
    for _ in range(stated.rounds):
        start = time.process_time()
        annotator.annotate(documents)
        ours.append(len(texts) / (time.process_time() - start))
        seconds = ask_datatrove(stated.peers_python, texts)[-1]["cpu_seconds"]
        theirs.append(len(texts) / seconds)
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    size = statistics.mean(map(len, texts))
    print(f"{len(texts)} documents of {size:,.0f} characters, documents a CPU second:")
    print(f"  ours {statistics.median(ours):,.0f}, datatrove {statistics.median(theirs):,.0f}")
    print(f"  {ratio:.1f} times; goal {GOAL}")
    result = {"ours": statistics.median(ours), "datatrove": statistics.median(theirs)}
    print(json.dumps({**result, "ratio": ratio}))


if __name__ == "__main__":
    main()
