"""Trains, cross-validates on sites that training did not see, and writes the model."""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from extractors.html.content.classifier import MODEL_FILE, THRESHOLD
from extractors.html.content.training import evidence, fit, labels, pages
from extractors.html.content.training.pages import LabelledPage

Scorer = Callable[[LabelledPage], npt.NDArray[np.float64]]


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m extractors.html.content.training")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=MODEL_FILE)
    parser.add_argument("--folds", type=int, default=0, help="cross-validate in so many folds")
    options = parser.parse_args()
    found = pages.load(options.dataset)
    counts = {page.id: evidence.count(page) for page in found if page.main}
    if options.folds:
        cross_validate(found, counts, options.folds)
    fit.save(fit.fit(found, counts), options.out)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes, {len(found)} pages")


def cross_validate(
    found: Sequence[LabelledPage], counts: dict[str, evidence.PageCounts], num_folds: int
) -> None:
    """Print, by kind, F1 of runs of four words on pages of sites that training did not see."""
    results: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for fold in range(num_folds):
        seen = [page for page in found if fit.fold_of(page, num_folds, "outer") != fold]
        model = fit.fit(seen, counts)
        for page in found:
            if page.main and fit.fold_of(page, num_folds, "outer") == fold:
                pair = precision_and_recall(page, model.scores(page) >= THRESHOLD)
                group = page.kind.partition("/")[0]
                results[f"{group}/*"].append(pair)
                if group not in ("docs", "math", "code", "fixture"):
                    results[page.kind].append(pair)
    print(f"{'kind':24}{'pages':>6}  P     R     F1   (sites not seen in training)")
    for kind, pairs in sorted(results.items()):
        precision, recall = np.mean(pairs, axis=0)
        score = 2 * precision * recall / max(precision + recall, 1e-9)
        print(f"{kind:24}{len(pairs):6}  {precision:.3f} {recall:.3f} {score:.3f}")


def precision_and_recall(page: LabelledPage, is_kept: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Of the runs of four words in the kept blocks, against the true main text's."""
    text = "\n".join(text for text, kept in zip(page.texts, is_kept, strict=True) if kept)
    ours, true = labels.runs(labels.words_of(text)), labels.runs(labels.words_of(page.main or ""))
    common = (ours & true).total()
    return common / max(ours.total(), 1), common / max(true.total(), 1)


if __name__ == "__main__":
    main()
