"""The block classifier: its labels, its forests, and what it does to pages."""

import numpy as np
import pytest

from extractors.html import extract_text
from extractors.html.content import classifier, features, forest, main_content
from extractors.html.content.context import CONTEXT_NAMES
from extractors.html.content.training import evidence, fit, labels, pages
from extractors.html.page import parse

ARTICLE = "The river rose by a metre in one night, and nobody in the valley had seen it coming. "
PAGE = (
    "<html><head><title>A night of rain</title></head><body><div class='site-nav'>"
    + "".join(f"<a href='/{name}'>{name}</a> " for name in ("Home", "News", "Sport", "Contact"))
    + "</div><article><h1>A night of rain</h1>"
    + "".join(f"<p>{ARTICLE * 3}</p>" for _ in range(6))
    + "</article><div class='related'><h4>Related</h4><ul>"
    + "".join(f"<li><a href='/{n}'>Another story {n}</a></li>" for n in range(8))
    + "</ul></div><footer>All rights reserved.</footer></body></html>"
)


def test_the_model_asks_only_for_features_that_there_are() -> None:
    model = classifier.load()
    assert model.first.feature.max() < features.NUM_FEATURES
    assert model.second.feature.max() < features.NUM_FEATURES + len(CONTEXT_NAMES)
    assert model.first.feature.shape[1] == forest.NUM_INNER


def test_an_article_is_kept_and_the_rest_is_not() -> None:
    text = extract_text(PAGE.encode(), None)
    assert text.startswith("# A night of rain\n\nThe river rose")
    assert text.count("The river rose") == 18
    assert not any(word in text for word in ("Contact", "Another story", "rights reserved"))


def test_a_page_with_text_never_comes_out_empty() -> None:
    for body in ("Home", "<nav><a href=x>Home</a></nav>", "<footer>c</footer>", "<p>a<p>b"):
        assert extract_text(body.encode(), None)


def test_a_data_table_is_kept_or_dropped_whole() -> None:
    rows = "".join(f"<tr><td>name {n}</td><td>{n}</td></tr>" for n in range(9))
    page = parse(PAGE.replace("</article>", f"<table>{rows}</table></article>"))
    blocks = main_content.read_blocks(page)
    scores = main_content.scores(page, blocks, None)
    (table,) = np.flatnonzero(page.tape.tag == main_content.TABLE)
    assert len(set(scores[blocks.first[table] : blocks.last[table]].tolist())) == 1


@pytest.mark.parametrize(
    ("blocks", "truth", "found"),
    [
        (["Home", "The whole of a sentence.", "Footer"], "The whole of a sentence.", [0, 1, 0]),
        (["a b", "one two three four"], "one two three five", [0, 0.75]),
        (["\u4e2d\u6587\u5b57", "x"], "\u4e2d\u6587\u5b57", [1, 0]),
        (["", "x"], "", [0, 0]),
    ],
)
def test_labels_are_shares_of_words_in_the_truth(
    blocks: list[str], truth: str, found: list[float]
) -> None:
    assert labels.shares(blocks, truth).tolist() == found


def test_a_block_that_was_moved_is_content() -> None:
    second, first = "second part of it " * 9, "first part of it " * 9
    assert (labels.shares([second, first], first + second) > pages.IS_CONTENT_SHARE).all()


def test_a_forest_scores_as_the_booster_it_was_made_of() -> None:
    lightgbm = pytest.importorskip("lightgbm", exc_type=OSError)
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, 6)).astype(np.float32).astype(np.float64)
    wanted = (rows[:, 0] * rows[:, 1] > 0).astype(np.float64)
    booster = lightgbm.train(
        fit.PARAMETERS | {"min_data_in_leaf": 5}, lightgbm.Dataset(rows, wanted), 20
    )
    made = forest.Forest(**fit.flatten(booster))
    assert np.allclose(made.score(rows), booster.predict(rows, raw_score=True), atol=1e-5)


def test_evidence_speaks_for_what_most_sites_agree_on() -> None:
    truths = [
        {"id": str(n), "kind": "web/x", "url": f"https://site{n}.org/", "main_text": ARTICLE * 18}
        for n in range(10)
    ]
    counts = [evidence.count(pages.label(truth, PAGE.encode())) for truth in truths]
    found = evidence.gather(counts)
    assert found.classes[features.hash_of("related")] < 0
    assert found.words[features.hash_of("river")] > 0
    assert found.words[features.hash_of("contact")] < 0
