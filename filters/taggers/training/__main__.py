"""Trains the shipped taggers: ``python -m filters.taggers.training --help``.

``reasonmill tag train`` trains from one label file; this also takes several, pages of which only
the topic and the format are known, and trains the fastText screen on what the other one says.
"""

import argparse
import json
import lzma
from pathlib import Path

from filters.taggers.backend import load_backend
from filters.taggers.labels import join_labels, read_documents, read_labels
from filters.taggers.rubric import head_specs, load_rubric
from filters.taggers.taxonomy import FORMATS, TOPICS
from filters.taggers.training.train_tagger import train


def main() -> None:
    """Read the arguments, train, and write the model's folder."""
    parser = argparse.ArgumentParser(prog="python -m filters.taggers.training")
    parser.add_argument("--documents", required=True, help="JSONL of {id, url, text}")
    parser.add_argument("--labels", required=True, nargs="+", help="label files, the best first")
    parser.add_argument("--pages", help="JSONL.xz of {url, text, topic_id, format_id}")
    parser.add_argument("--encoder", type=Path, help="folder of a BERT-like sentence encoder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model to write")
    parser.add_argument(
        "--screen", type=Path, help="folder of the screen to write; --out is not trained but read"
    )
    stated = parser.parse_args()
    rubric = load_rubric()
    documents = read_documents(stated.documents)
    labels: dict[str, dict[str, int | str]] = {}
    for path in reversed(stated.labels):
        joined = join_labels(read_labels(path, rubric), documents)
        print(f"{path}: {joined.describe()}")
        labels.update({row.id: dict(row.labels) for row in joined.labels})
    if stated.pages:
        known = {document["id"] for document in documents}
        with lzma.open(stated.pages, "rt", encoding="utf-8") as lines:
            pages = [json.loads(line) for line in lines]
        for page in pages:
            if page["url"] not in known:
                documents.append({"id": page["url"], "url": page["url"], "text": page["text"]})
            topic, layout = TOPICS[page["topic_id"]], FORMATS[page["format_id"]]
            labels.setdefault(page["url"], {"topic": topic, "format": layout})
    heads = head_specs(rubric)
    if stated.screen is None:
        train(documents, labels, heads, stated.out, encoder=stated.encoder, rubric=rubric.version)
        return
    from filters.taggers.training import train_fasttext

    filled = train_fasttext.fill_labels(documents, labels, load_backend(stated.out))
    train_fasttext.train(documents, filled, heads, stated.screen, rubric=rubric.version)


if __name__ == "__main__":
    main()
