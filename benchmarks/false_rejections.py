"""Good pages that rules drop: FineWeb's filters, as datatrove runs them, beside our recipe's rules.

    python -m benchmarks.false_rejections --dataset DIR --peers-python PATH [--recipe RECIPE]

DIR holds ``pages/<id>.html`` (``--pages`` names another folder) and ``truth.jsonl.gz``. *Good* are
the pages whose truth has a formula or a code block. *Boilerplate* is what stands in the header,
footer, menus and side bars of the other pages of the open web, and nothing else. Both sides judge
the same text, our extractor's; of good pages datatrove also judges trafilatura's, as in FineWeb.
Ours are the rules of ``decide`` in the recipe, except those of columns that other stages write.

JSON last: ``ours_ratio`` and ``datatrove_ratio`` are the shares of good pages dropped,
``ours_boilerplate_ratio`` and ``datatrove_boilerplate_ratio`` those of boilerplate.
"""

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import trafilatura

from benchmarks.documents import ask_datatrove, batch_of
from benchmarks.tagger_documents import frame_text
from extractors.html import extract_text
from filters.annotation import annotate, build_annotators
from filters.rule import decide
from pipeline.config import load_recipe

MIN_BOILERPLATE_CHARS = 200


def main() -> None:
    """Print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR")
    parser.add_argument("--pages", type=Path, metavar="DIR", help="where the pages lie, unpacked")
    parser.add_argument("--peers-python", required=True, metavar="PATH")
    parser.add_argument("--recipe", default="recipes/mimo-7b.yaml")
    stated = parser.parse_args()
    folder = stated.pages or stated.dataset / "pages"
    with gzip.open(stated.dataset / "truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        truth = [json.loads(line) for line in lines]
    good, by_trafilatura, boilerplate = [], [], []
    for page in truth:
        path = folder / f"{page['id']}.html"
        if page["formulas"] or page["code_blocks"]:
            data = path.read_bytes()
            good.append((page["url"], extract_text(data, page["url"])))
            text = trafilatura.extract(data, favor_precision=True, include_comments=False)
            by_trafilatura.append(text or "")
        elif page["kind"].startswith("web/"):
            text = frame_text(path.read_bytes())
            if len(text) >= MIN_BOILERPLATE_CHARS:
                boilerplate.append((page["url"], text))
    rules = Rules(stated.recipe)
    ours = [rules.reasons(good), rules.reasons(boilerplate)]
    peers = [
        ask_datatrove(stated.peers_python, [text for _, text in side])[:-1]
        for side in (good, boilerplate)
    ]
    fineweb = [[one["fineweb"] for one in side] for side in peers]
    c4 = [[one["c4"] for one in side] for side in peers]
    on_its_text = ask_datatrove(stated.peers_python, by_trafilatura)[:-1]
    peer_on_its_text = [one["fineweb"] for one in on_its_text]
    print(f"{len(good)} good pages, {len(boilerplate)} of boilerplate; share dropped")
    print(f"{'':34}{'good':>8}{'boilerplate':>13}")
    for name, (of_good, of_boilerplate) in (
        (f"ours ({stated.recipe})", ours),
        ("datatrove: FineWeb's filters", fineweb),
        ("datatrove: C4 with its defaults", c4),
    ):
        print(f"{name:34}{ratio(of_good):8.3f}{ratio(of_boilerplate):13.3f}")
    print(f"{'FineWeb, on text of trafilatura':34}{ratio(peer_on_its_text):8.3f}")
    for name, reasons in (("ours", ours[0]), ("datatrove", fineweb[0]), ("c4", c4[0])):
        shown = Counter(str(reason) for reason in reasons if reason).most_common(6)
        print(f"{name}, good pages by first reason: {dict(shown)}")
    result = {
        "good": len(good),
        "boilerplate": len(boilerplate),
        "ours_ratio": ratio(ours[0]),
        "datatrove_ratio": ratio(fineweb[0]),
        "datatrove_on_trafilatura_ratio": ratio(peer_on_its_text),
        "c4_ratio": ratio(c4[0]),
        "ours_boilerplate_ratio": ratio(ours[1]),
        "datatrove_boilerplate_ratio": ratio(fineweb[1]),
        "c4_boilerplate_ratio": ratio(c4[1]),
    }
    print(json.dumps(result))


class Rules:
    """The rules of a recipe that its annotators alone can answer."""

    def __init__(self, recipe: str) -> None:
        """Load the recipe and its models."""
        config = load_recipe(recipe)
        self._annotators = build_annotators(config.annotate)
        names = {annotator.name for annotator in self._annotators}
        self._rules = [
            rule for rule in config.decide.rules if rule.column.partition(".")[0] in names
        ]

    def reasons(self, pages: Sequence[tuple[str, str]]) -> list[str | None]:
        """For each (address, text) the first reason to drop it, null where it is kept."""
        documents = batch_of([text for _, text in pages], [url for url, _ in pages])
        return decide(annotate(documents, self._annotators), self._rules).reason.to_pylist()


def ratio(reasons: Sequence[str | None]) -> float:
    """The share that has a reason."""
    return sum(reason is not None for reason in reasons) / len(reasons)


if __name__ == "__main__":
    main()
