import json
import shutil
from pathlib import Path

import pytest

from filters.taggers.backend import MIN_TAGGED_WORDS
from filters.taggers.tagger import (
    HEADS,
    MODELS_FILE,
    SHIPPED_MODELS,
    TaggerAnnotator,
    TaggerConfig,
)
from filters.taggers.taxonomy import TOPICS
from pipeline.errors import ConfigError
from tests.support.document_rows import SOURCE_FILE, documents_of

NOTHING = {"topic": None, "topic_score": None, "quality": None}

EXPLANATION = """To find the roots of a quadratic equation, first bring it to the standard form. The
discriminant tells how many real solutions there are: two if it is positive, one if it is zero. The
proof completes the square. For example, consider the function whose graph is a parabola, and note
how the theorem explains the position of its vertex relative to the axis.
"""

RECIPE = """Preheat the oven and butter a baking dish. Mix the flour with sugar and two eggs, add
the melted chocolate and stir until the dough is smooth. Bake the cake for half an hour, let it
cool, and serve it with whipped cream and fresh strawberries. Leftovers keep for some days.
"""

SHOP = """Add to cart. Free shipping on all orders. Buy now and save. Our best selling products at
the lowest prices online. Click here to view your shopping cart, log in to your account, or sign up
for our newsletter. In stock. Sale price. Home. Contact us. All rights reserved. Privacy policy.
"""


@pytest.fixture(scope="module")
def annotator() -> TaggerAnnotator:
    return TaggerAnnotator(TaggerConfig())


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_MODELS, tmp_path / "models"))


def test_topics_and_quality_of_plain_cases(annotator: TaggerAnnotator) -> None:
    explanation, recipe, shop = annotator.annotate(
        documents_of(EXPLANATION, RECIPE, SHOP)
    ).to_pylist()
    assert explanation["topic"] == "science_math_and_technology"
    assert recipe["topic"] == "food_and_dining"
    assert explanation["quality"] > 0.8
    assert shop["quality"] < 0.2


def test_formulas_do_not_lower_the_quality(annotator: TaggerAnnotator) -> None:
    formulas = "\n\n$$\nx_{1,2} = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a} = 1.50, 2.99, 3.99\n$$\n\n"
    with_formulas = EXPLANATION.replace(". ", f". {formulas}")
    bare, formal = annotator.annotate(documents_of(EXPLANATION, with_formulas)).to_pylist()
    assert formal["quality"] == pytest.approx(bare["quality"], abs=0.01)


def test_the_tagger_abstains_on_too_few_words(annotator: TaggerAnnotator) -> None:
    enough = "word " * MIN_TAGGED_WORDS
    few = "word " * (MIN_TAGGED_WORDS - 1) + "1 2 3 " * 50
    chinese = "\u6570\u5b66\u662f\u7814\u7a76\u6570\u91cf\u7684\u5b66\u79d1\u3002" * 50
    measured = annotator.annotate(documents_of(enough, few, chinese, "")).to_pylist()
    assert None not in measured[0].values()
    assert measured[1:] == [NOTHING] * 3


def test_quality_is_null_where_the_words_are_not_prose(annotator: TaggerAnnotator) -> None:
    code = "```\n" + "return the value of the function\n" * 20 + "```\n"
    measured = annotator.annotate(documents_of(f"Usage:\n\n{code}")).to_pylist()[0]
    assert measured["topic"] in TOPICS
    assert measured["quality"] is None


def test_a_source_file_is_not_tagged(annotator: TaggerAnnotator) -> None:
    measures = annotator.annotate(documents_of(EXPLANATION, code=SOURCE_FILE))
    assert measures.to_pylist() == [NOTHING]


def test_models_of_a_folder_are_used(models: Path, annotator: TaggerAnnotator) -> None:
    copied = TaggerAnnotator(TaggerConfig(models=str(models)))
    documents = documents_of(EXPLANATION, SHOP)
    assert copied.annotate(documents).equals(annotator.annotate(documents))


@pytest.mark.parametrize("head", HEADS)
def test_a_missing_model_is_refused_before_the_run(models: Path, head: str) -> None:
    (models / f"{head}.ftz").unlink()
    with pytest.raises(ConfigError, match=rf"tagger.{head}: cannot read the model .*{head}.ftz"):
        TaggerAnnotator(TaggerConfig(models=str(models)))


@pytest.mark.parametrize("head", HEADS)
def test_a_damaged_model_is_refused(models: Path, head: str) -> None:
    path = models / f"{head}.ftz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=f"tagger.{head}: .* is damaged or of another version"):
        TaggerAnnotator(TaggerConfig(models=str(models)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read .*models.json"),
        ("{", "cannot read .*models.json"),
        ("[]", "is of version None"),
        ('{"version": 0, "sha256": {}}', "is of version 0, and this code reads version"),
        ("no sha256", "lacks the sha256 of one of topic, quality"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    models: Path, content: str | None, message: str
) -> None:
    path = models / MODELS_FILE
    if content is None:
        path.unlink()
    elif content == "no sha256":
        path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": {"topic": "0"}}))
    else:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"tagger.models: .*{message}"):
        TaggerAnnotator(TaggerConfig(models=str(models)))


def test_the_shipped_models_are_small_and_have_a_card() -> None:
    assert sum(path.stat().st_size for path in SHIPPED_MODELS.glob("*.ftz")) < 6_000_000
    assert (SHIPPED_MODELS / "CARD.md").is_file()
