"""The shipped three-stage mixture keeps MiMo's shares at any size of corpus."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from filters.taggers.taxonomy import TOPICS
from pipeline.config import load_recipe
from tests.mixtures.corpora import Corpus, corpus, drawn, solve_for, with_column

DOMAINS = ["mathematics", "humanities", "everyday_life"]
RECIPE = Path(__file__).parents[2] / "recipes" / "mimo-7b.yaml"


def made_up_corpus(count: int, seed: int) -> Corpus:
    """Documents of heavy-tailed lengths; a tenth code, a twentieth mathematics, some synthetic."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(6.5, 1.3, count), 20, 200_000).astype(int)
    kinds = rng.choice(["web", "code", "maths", "synthetic"], count, p=[0.83, 0.1, 0.05, 0.02])
    num_files = count // 20
    kinds[:num_files] = "code"
    documents = corpus(code=lengths[:num_files].tolist(), any=lengths[num_files:].tolist())
    archives = [{"archive": f"repository-{n // 4}"} for n in range(count)]
    quality = pa.array(rng.beta(2, 2, count), pa.float32(), mask=rng.random(count) < 0.02)
    domains = pa.array(rng.choice(DOMAINS, count).tolist(), mask=kinds == "code")
    strategies = [{"strategy": "mathematics" if k == "synthetic" else None} for k in kinds]
    for name, values in (
        ("content.code_ratio", pa.array(np.where(kinds == "code", 0.9, 0.01))),
        ("content.math_ratio", pa.array(np.where(kinds == "maths", 0.2, 0.0))),
        ("tagger.topic", pa.array(rng.choice(TOPICS, count).tolist())),
        ("tagger.quality", quality),
        ("quality.domain", domains),
        ("provenance", pa.array(archives, pa.struct([("archive", pa.string())]))),
        ("lineage", pa.array(strategies, pa.struct([("strategy", pa.string())]))),
    ):
        documents = with_column(documents, name, values)
    return documents


@pytest.mark.parametrize(("count", "seed"), [(1_500, 1), (12_000, 2), (60_000, 3)])
def test_mimo_stages_hold_their_shares_at_any_size(count: int, seed: int) -> None:
    documents = made_up_corpus(count, seed)
    mixture = load_recipe(str(RECIPE)).mixture
    solution = solve_for(documents, mixture)
    uses = np.zeros(count, np.int64)
    parts: dict[str, dict[str, float]] = {}
    for stage in mixture.stages:
        sampled = drawn(documents, mixture, solution, stage.name)
        tokens = documents.num_tokens[sampled.row]
        parts[stage.name] = {
            component.name: 100 * tokens[sampled.component == n].sum() / tokens.sum()
            for n, component in enumerate(stage.components)
        }
        uses += np.bincount(sampled.row, minlength=count)
    assert parts["reasoning"]["code"] + parts["reasoning"]["mathematics"] == pytest.approx(
        70, abs=0.5
    )
    assert parts["long"]["synthetic"] == pytest.approx(10, abs=0.25)
    reasoning = ("repositories", "code", "mathematics")
    assert sum(parts["long"][name] for name in reasoning) == pytest.approx(63, abs=0.5)
    assert parts["general"]["professional"] >= 39.75
    assert parts["general"]["light"] <= 10.25
    budgets = np.array([stage.budget_tokens for stage in solution.stages])
    window = 100 * 32_768 / budgets.sum()  # budgets come in whole windows
    assert 100 * budgets / budgets.sum() == pytest.approx([74.8, 16.8, 8.4], abs=window)
    is_synthetic = np.array(
        [v["strategy"] is not None for v in documents.columns["lineage"].to_pylist()]
    )
    assert uses[~is_synthetic].max() <= 7
    assert uses[is_synthetic].max() <= 100
