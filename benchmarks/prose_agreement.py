"""How often our prose measures are within 2% of those that datatrove compares with its bounds.

    python -m benchmarks.prose_agreement --peers-python PATH --texts FILE.jsonl [--documents 60]

FILE has rows with ``text``; texts with formulas, code or tables are passed over, because ours sets
those aside. Whole numbers below 50 must be equal. JSON last.
"""

import argparse
import json
import subprocess
from pathlib import Path

from benchmarks.documents import batch_of
from filters.prose import ProseAnnotator, ProseConfig
from filters.spans import SpanKind, split_spans

NOT_THEIRS = frozenset(
    {"digit_ratio", "javascript_lines", "policy_lines", "lorem_ipsum_lines", "curly_bracket_lines"}
)
LENGTHS = range(800, 6000)
"""Characters of the texts taken: long enough for prose, short enough for datatrove's tokenizer."""


def main() -> None:
    """Print the share of the texts for each measure and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peers-python", required=True, metavar="PATH")
    parser.add_argument("--texts", type=Path, required=True, metavar="FILE")
    parser.add_argument("--documents", type=int, default=60, metavar="N")
    stated = parser.parse_args()
    texts: list[str] = []
    with stated.texts.open(encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"]
            if len(text) in LENGTHS and all(
                one.kind is SpanKind.PROSE for one in split_spans(text)
            ):
                texts.append(text)
            if len(texts) == stated.documents:
                break
    rows = ProseAnnotator(ProseConfig()).annotate(batch_of(texts)).to_pylist()
    near = [
        {name: value for name, value in row.items() if value is not None and name not in NOT_THEIRS}
        for row in rows
    ]
    sent = "".join(
        json.dumps({"text": text, "near": of_text}) + "\n"
        for text, of_text in zip(texts, near, strict=True)
    )
    command = [stated.peers_python, str(Path(__file__).with_name("datatrove_measures.py"))]
    run = subprocess.run(command, input=sent, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in run.stdout.splitlines()]
    shares = {
        name: sum(one[name] for one in found if name in one) / sum(name in one for one in found)
        for name in near[0]
    }
    print(f"{len(texts)} texts of plain prose; share of them where ours is within 2% of theirs:")
    for name, share in shares.items():
        print(f"  {name:34}{share:.2f}")
    print(json.dumps(shares))


if __name__ == "__main__":
    main()
