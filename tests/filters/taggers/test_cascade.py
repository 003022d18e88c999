"""A cascade: the first tagger that is sure answers, and nobody where all are unsure."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.taggers.backend import HeadSpec, Probabilities
from filters.taggers.cascade import Cascade, Screen
from pipeline.errors import ConfigError

HEADS = (HeadSpec("depth", "ordinal", (1, 2)), HeadSpec("domain", "nominal", ("art", "law")))


class Stated:
    """Says what the text says: ``"0.9 0.6"`` are the tops of its two heads; ``"-"`` abstains."""

    def __init__(self, name: str, *, heads: tuple[HeadSpec, ...] = HEADS, at: int) -> None:
        self.heads = heads
        self.name, self._at = name, at
        self.asked: list[str] = []

    def probabilities(
        self, texts: Sequence[str], urls: Sequence[str | None]
    ) -> dict[str, Probabilities]:
        assert len(urls) == len(texts)
        self.asked += texts
        rows = [self._tops(text) for text in texts]
        return {
            head.name: np.array([[top[place], 1 - top[place]] for top in rows], np.float32)
            for place, head in enumerate(self.heads)
        }

    def _tops(self, text: str) -> list[float]:
        own = text.split("|")[self._at].strip()
        return [float("nan")] * 2 if own == "-" else [float(part) for part in own.split()]


def cascade(**settings: object) -> tuple[Cascade, Stated, Stated]:
    cheap, dear = Stated("cheap", at=0), Stated("dear", at=1)
    made = {"deciding": ("depth",), "abstain_below": 0.0, **settings}
    return Cascade([Screen("cheap", cheap, 0.8)], dear, **made), cheap, dear  # type: ignore[arg-type]


def test_the_costly_one_is_asked_only_where_the_cheap_one_is_unsure() -> None:
    made, cheap, dear = cascade()
    texts = ["0.9 0.5 | 0.7 0.7", "0.6 0.9 | 0.7 0.7", "- | 0.55 0.6", "0.8 0.5 | -"]
    answers = made.ask(texts, [None] * 4)
    assert cheap.asked == texts
    assert dear.asked == texts[1:3]
    assert answers.step.tolist() == [0, 1, 1, 0]
    assert answers.probabilities["depth"][:, 0] == pytest.approx([0.9, 0.7, 0.55, 0.8])
    assert answers.probabilities["domain"][:, 0] == pytest.approx([0.5, 0.7, 0.6, 0.5])


def test_every_deciding_head_must_be_sure() -> None:
    made, _, dear = cascade(deciding=("depth", "domain"))
    made.ask(["0.9 0.7 | 0.6 0.6", "0.9 0.9 | 0.6 0.6"], [None, None])
    assert dear.asked == ["0.9 0.7 | 0.6 0.6"]


def test_an_unsure_answer_is_none_head_by_head() -> None:
    made, _, _ = cascade(abstain_below=0.65)
    found = made.probabilities(["0.9 0.5 | 0.7 0.7", "0.5 0.5 | 0.6 0.7"], [None, None])
    assert np.isnan(found["depth"]).all(axis=1).tolist() == [False, True]
    assert np.isnan(found["domain"]).all(axis=1).tolist() == [True, False]


def test_where_the_last_one_abstains_there_is_no_answer() -> None:
    made, _, _ = cascade()
    answers = made.ask(["- | -"], [None])
    assert np.isnan(answers.probabilities["depth"]).all()
    assert answers.step.tolist() == [1]


tops = st.floats(0.5, 1, width=16).map(lambda top: f"{top:.3f}")
judged = st.one_of(st.just("-"), st.tuples(tops, tops).map(" ".join))


@given(st.lists(st.tuples(judged, judged).map("|".join), max_size=12), st.data())
def test_every_text_is_judged_alone(texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(texts)))
    made, _, _ = cascade(abstain_below=0.6)
    whole = made.ask(texts, [None] * len(texts))
    parts = [made.ask(part, [None] * len(part)) for part in (texts[:cut], texts[cut:])]
    assert whole.step.tolist() == [step for part in parts for step in part.step.tolist()]
    for name, rows in whole.probabilities.items():
        joined = np.concatenate([part.probabilities[name] for part in parts])
        assert np.array_equal(rows, joined, equal_nan=True)


def test_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="there is no 'colour'"):
        cascade(deciding=("colour",))
    other = Stated("other", heads=HEADS[:1], at=0)
    with pytest.raises(ConfigError, match="the screen 'other' has other heads"):
        Cascade([Screen("other", other, 0.5)], Stated("d", at=1), deciding=(), abstain_below=0)
