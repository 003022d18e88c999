"""Trains the encoder tagger: one encoder, tuned on the labelled documents that are not held out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filters.taggers import encoders
from filters.taggers.backend import HeadSpec
from filters.taggers.training.calibration import calibrate
from filters.taggers.training.encoder import Teacher
from filters.taggers.training.examples import make_examples

SEED = 1


def train(
    documents: Sequence[Mapping[str, Any]],
    labels: Mapping[str, Mapping[str, int | str]],
    heads: Sequence[HeadSpec],
    out: Path,
    *,
    encoder: Path,
    report: Callable[[str], None] = print,
    **stated: Any,
) -> None:
    """Tune the BERT-like encoder in the folder ``encoder`` and write a model folder.

    ``documents`` hold id, url and text; ``labels`` are by id, and a head may be missing in some.
    ``stated`` is kept in the model file.
    """
    examples = make_examples(documents, labels, heads)
    training = examples.select(~examples.is_held_out & examples.has_label)
    report(
        f"{len(training.texts)} documents to train on, {int(examples.is_held_out.sum())} held out"
    )
    teacher = Teacher(encoder, heads, device=encoders.device(), seed=SEED)
    teacher.fit(training, report=report)
    teacher.write(out, **stated)
    calibrate(out, training)
