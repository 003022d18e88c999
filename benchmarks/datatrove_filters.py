"""FineWeb's filters as datatrove runs them, over texts on standard input.

Run by ``benchmarks.false_rejections`` and ``benchmarks.heuristics_speed`` with an interpreter that
has datatrove (``requirements/peers.in``). JSON lines {text} in; JSON lines out: for each text why
it was dropped, null where it was kept, in ``fineweb`` (Gopher's repetition and quality, C4 without
its rule of terminal punctuation, FineWeb's quality: FineWeb's order and settings, arXiv 2406.17557)
and in ``c4`` (C4's filter with its own defaults). Last, a line {cpu_seconds} of ``fineweb``.
"""

import json
import sys
import time
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

FINEWEB = (
    GopherRepetitionFilter(),
    GopherQualityFilter(),
    C4QualityFilter(filter_no_terminal_punct=False),
    FineWebQualityFilter(),
)
C4 = (C4QualityFilter(),)


def verdict(text: str, filters: tuple[Any, ...]) -> str | None:
    """Why the first filter that drops the text does so; a filter may change what the next sees."""
    document = Document(text=text, id="")
    for one in filters:
        result = one.filter(document)
        is_kept, reason = result if isinstance(result, tuple) else (result, "")
        if not is_kept:
            return f"{type(one).__name__}: {reason}"
    return None


def main() -> None:
    """Judge every line."""
    texts = [json.loads(line)["text"] for line in sys.stdin]
    if texts:
        verdict(texts[0], FINEWEB)  # loads the tokenizer
    start = time.process_time()
    fineweb = [verdict(text, FINEWEB) for text in texts]
    seconds = time.process_time() - start
    for text, reason in zip(texts, fineweb, strict=True):
        print(json.dumps({"fineweb": reason, "c4": verdict(text, C4)}))
    print(json.dumps({"cpu_seconds": seconds}))


if __name__ == "__main__":
    main()
