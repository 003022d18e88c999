import json
import math
from pathlib import Path

import fasttext
import numpy as np
import pytest

from filters.taggers.taxonomy import FORMATS, HIGH_QUALITY, LOW_QUALITY, TOPICS
from filters.taggers.train import (
    COUNT_SMOOTHING,
    initial_vectors,
    is_held_out,
    main,
    quality_label,
    read_pages,
)
from pipeline.errors import ConfigError


def test_initial_vectors_are_log_count_ratios() -> None:
    documents = [["a", "b"], ["a"], ["b"], ["b", "b"]]
    vectors = initial_vectors(documents, [0, 0, 1, 1], num_classes=3, vocabulary=["a", "b"])
    k = COUNT_SMOOTHING
    a, b = 2 / 4, 3 / 4
    assert vectors == pytest.approx(
        np.array(
            [
                [math.log((2 + k * a) / (2 + k) / a), math.log((0 + k * a) / (2 + k) / a), 0],
                [math.log((1 + k * b) / (2 + k) / b), math.log((2 + k * b) / (2 + k) / b), 0],
            ]
        )
    )
    assert vectors[0, 0] > 0 > vectors[0, 1]


def test_a_tenth_of_the_hosts_is_held_out_with_all_their_pages() -> None:
    held_out = sum(is_held_out(f"https://host{n}.example/page") for n in range(5000))
    assert 400 < held_out < 600
    for n in range(100):
        urls = [f"http://host{n}.example/a", f"https://www.host{n}.example/b?c=d"]
        assert len({is_held_out(url) for url in urls}) == 1


def test_quality_labels_come_from_formats() -> None:
    assert quality_label("tutorial_or_how_to") == HIGH_QUALITY
    assert quality_label("spam_or_ads") == LOW_QUALITY
    assert quality_label("news_article") is None
    labels = [quality_label(page_format) for page_format in FORMATS]
    assert (labels.count(HIGH_QUALITY), labels.count(LOW_QUALITY)) == (5, 5)


def test_pages_are_read_with_their_labels(tmp_path: Path) -> None:
    path = tmp_path / "pages.jsonl"
    row = {"url": "http://a.example/", "text": "One $x$ two", "topic_id": 19, "format_id": 22}
    path.write_text(json.dumps(row) + "\n")
    (page,) = read_pages(path)
    assert page.topic == TOPICS[19] == "science_math_and_technology"
    assert page.quality == HIGH_QUALITY
    assert page.topic_words == ["one", "x", "two"]
    assert page.quality_words == ["one", "two"]


@pytest.mark.skipif(hasattr(fasttext, "train_supervised"), reason="this fasttext can train")
def test_training_without_the_trainer_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fasttext-predict, which cannot train: install fasttext"):
        main(["--pages", str(tmp_path / "pages.jsonl"), "--out", str(tmp_path)])
