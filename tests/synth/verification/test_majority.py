from hypothesis import given
from hypothesis import strategies as st

from synth.item import Item
from synth.verification.finding import Finding
from synth.verification.majority import vote
from synth.verification.mathematical_answer import MAJORITY, MathematicalAnswer
from synth.verification.tools import Tools
from synth.verification.verdict import Verdict


def same(one: str, other: str) -> bool:
    return one.replace("0.5", "\\frac{1}{2}") == other.replace("0.5", "\\frac{1}{2}")


def boxed(*answers: str) -> list[str]:
    return [f"So it is \\boxed{{{answer}}}." for answer in answers]


def test_spellings_of_one_answer_vote_together() -> None:
    found = vote(boxed("0.5", "\\frac{1}{2}", "3", "0.5"), same, min_votes=3, min_agreement=0.5)
    assert (found.answer, found.winner, found.agreement) == ("0.5", 0, 0.75)
    assert found.groups == (0, 0, 1, 0)


def test_a_sample_without_one_answer_has_no_vote() -> None:
    completions = [
        *boxed("4", "4"),
        "I tried.\nIt is hard.",
        "\\boxed{1} or perhaps rather \\boxed{2}",
    ]
    found = vote(completions, same, min_votes=2, min_agreement=0.5)
    assert found.groups[2:] == (None, None)
    assert (found.answer, found.agreement) == ("4", 1.0)


def test_too_few_votes_or_too_little_agreement_decide_nothing() -> None:
    assert vote(boxed("4", "4"), same, min_votes=3, min_agreement=0.5).answer is None
    split = vote(boxed("1", "2", "3", "4"), same, min_votes=3, min_agreement=0.5)
    assert (split.answer, split.winner, split.agreement) == (None, None, 0.25)
    assert vote([], same, min_votes=1, min_agreement=0.5).agreement == 0.0


@given(st.lists(st.sampled_from(["1", "2", "0.5", "\\frac{1}{2}"]), max_size=12), st.randoms())
def test_the_order_of_samples_does_not_matter(answers, random) -> None:
    found = vote(boxed(*answers), same, min_votes=1, min_agreement=0.0)
    order = list(range(len(answers)))
    random.shuffle(order)
    shuffled = vote(boxed(*(answers[i] for i in order)), same, min_votes=1, min_agreement=0.0)
    assert (shuffled.answer, shuffled.agreement) == (found.answer, found.agreement)
    assert shuffled.groups == tuple(found.groups[i] for i in order)


def conclude(answer: str | None, completions: list[str]) -> list[Finding | None]:
    item = Item(id="i", seed_id="i", problem="p", answer=answer)
    fields = [{"completion": completion} for completion in completions]
    kind = MathematicalAnswer()
    with Tools() as tools:
        checked = [kind.check(item, one, tools) for one in fields]
        return list(kind.conclude(item, checked, fields, tools).findings)


def test_without_a_known_answer_the_majority_is_right() -> None:
    findings = conclude(None, boxed(*["x=\\frac{1}{2}"] * 3, "0.5", "0.5", "0.5", "7", "8"))
    verdicts = [found.verdict for found in findings if found is not None]
    assert verdicts == [Verdict.CORRECT] * 6 + [Verdict.INCORRECT] * 2
    assert {found.label for found in findings if found is not None} == {MAJORITY}
    assert findings[0] is not None
    assert findings[0].agreement == 0.75


def test_few_samples_without_a_known_answer_stay_unverified() -> None:
    findings = conclude(None, boxed("1", "1", "1"))
    assert {found.verdict for found in findings if found is not None} == {Verdict.UNVERIFIED}


def test_a_known_answer_outweighs_the_majority() -> None:
    findings = conclude("7", boxed(*["8"] * 9, "7"))
    verdicts = [found.verdict for found in findings if found is not None]
    assert verdicts == [Verdict.INCORRECT] * 9 + [Verdict.CORRECT]
