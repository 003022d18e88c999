from hypothesis import given
from hypothesis import strategies as st

from synth.item import Item
from synth.request import Request, RequestFailure, Sampling
from synth.sample import Sample, Usage
from synth.selection import (
    BEYOND_CAP,
    EASY,
    RESAMPLED,
    SELECTED,
    Selected,
    Selection,
    difficulty_of,
    draw,
    select,
)
from synth.strategies.strategy import AnswerFault
from synth.verification.finding import Finding
from synth.verification.verdict import Verdict

SAMPLING = Sampling(temperature=1, top_p=1, max_tokens=1)
REQUEST = Request(messages=(), model="m", sampling=SAMPLING, seed=0)
KINDS = ("right", "wrong", "unverified", "plain", "cut", "failed")


def sample(kind: str, number: int = 0) -> Sample:
    made = Sample(number=number, request=REQUEST, usage=Usage())
    match kind:
        case "cut":
            return Sample(**vars(made) | {"fault": AnswerFault("truncated")})
        case "failed":
            failure = RequestFailure(error_type="HTTP 500", message="")
            return Sample(**vars(made) | {"failure": failure})
    verdicts = {
        "right": Verdict.CORRECT,
        "wrong": Verdict.INCORRECT,
        "unverified": Verdict.UNVERIFIED,
        "plain": None,
    }
    return Sample(**vars(made) | {"text": "t", "finding": Finding(verdict=verdicts[kind])})


def samples(*kinds: str) -> list[Sample]:
    return [sample(kind, number) for number, kind in enumerate(kinds)]


def item(name: str = "i") -> Item:
    return Item(id=name, seed_id=name, problem="p")


def chosen(
    kinds: tuple[str, ...],
    selection: Selection,
    *,
    of: Item | None = None,
    is_verified: bool = True,
) -> Selected:
    return select(of or item(), samples(*kinds), selection, is_verified=is_verified)


def easy_item(*, is_resampled: bool, ratio: float = 0.1) -> Item:
    return next(item(f"i{n}") for n in range(1000) if (draw(f"i{n}") < ratio) == is_resampled)


def test_the_pass_rate_counts_cut_answers_as_wrong_and_failed_requests_not_at_all() -> None:
    found = chosen(("right", "wrong", "cut", "failed", "right"), Selection())
    assert (found.num_correct, found.num_judged, found.pass_rate) == (2, 4, 0.5)


def test_what_could_not_be_verified_counts_neither_way() -> None:
    assert chosen(("right", "unverified", "unverified"), Selection()).pass_rate == 1
    assert chosen(("unverified", "cut"), Selection()).pass_rate is None
    assert chosen(("cut", "failed"), Selection()).pass_rate == 0
    assert chosen(("plain", "cut"), Selection(), is_verified=False).pass_rate is None


def test_right_answers_beyond_the_cap_are_marked_in_their_order() -> None:
    found = chosen(("wrong", "right", "right", "right"), Selection(max_answers=2))
    assert [choice.selection for choice in found.choices] == [None, SELECTED, SELECTED, BEYOND_CAP]
    assert [choice.rank for choice in found.choices] == [None, 0, 1, 2]


def test_without_verification_the_first_texts_are_selected() -> None:
    found = chosen(("cut", "plain", "plain"), Selection(max_answers=1), is_verified=False)
    assert [choice.selection for choice in found.choices] == [None, SELECTED, BEYOND_CAP]


def test_problems_that_are_solved_too_often_are_easy_but_for_the_pool() -> None:
    selection = Selection(max_pass_rate=0.9)
    always = ("right",) * 4
    dropped = chosen(always, selection, of=easy_item(is_resampled=False))
    again = chosen(always, selection, of=easy_item(is_resampled=True))
    assert (dropped.problem_selection, again.problem_selection) == (EASY, RESAMPLED)
    assert {choice.selection for choice in dropped.choices} == {EASY}
    assert {choice.selection for choice in again.choices} == {RESAMPLED}
    mixed = chosen(("right", "wrong"), selection, of=easy_item(is_resampled=False))
    assert mixed.problem_selection == SELECTED


def test_the_pool_gives_back_the_share_that_was_asked_for() -> None:
    drawn = sum(draw(f"problem-{n}") < 0.1 for n in range(10_000))
    assert 900 < drawn < 1100


@given(st.lists(st.sampled_from(KINDS), max_size=12), st.integers(1, 4))
def test_only_texts_are_chosen_and_never_more_than_the_cap(kinds: list[str], cap: int) -> None:
    found = chosen(tuple(kinds), Selection(max_answers=cap))
    assert len(found.choices) == len(kinds)
    used = [k for k, c in zip(kinds, found.choices, strict=True) if c.selection == SELECTED]
    assert used == [kind for kind in kinds if kind == "right"][:cap]
    assert found.pass_rate is None or 0 <= found.pass_rate <= 1


def test_difficulty_is_by_thirds() -> None:
    assert [difficulty_of(rate) for rate in (None, 0.0, 0.5, 1.0)] == [
        None,
        "hard",
        "medium",
        "easy",
    ]
