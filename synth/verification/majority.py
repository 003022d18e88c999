"""What most samples of a problem agree on: a label where nobody has stated one.

Self-consistency (Wang et al., arXiv 2203.11171): solutions that go wrong do so in different ways,
those that go right meet. The comparison of two answers need not be symmetric or transitive (a gold
answer may be freer than a given one), so each answer is compared with the first of each group only,
groups in the order of their first spelling, and the result does not depend on the samples' order.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synth.verification.final_answer import final_answers
from synth.verification.latex import canonical, without_redundant_brackets

MAX_GROUPS = 24
"""Answers that are compared by algebra; with more there is no majority worth finding."""

Compare = Callable[[str, str], bool | None]
"""Whether two answers say the same, the first one as if it were the label; None: not found out."""


@dataclass(frozen=True)
class Vote:
    """``groups`` gives each sample the number of its answer's group, None without one answer.

    ``answer`` and ``winner`` are None unless enough samples agree; ``agreement`` is the largest
    group's share of the samples that gave an answer, 0.0 where none did.
    """

    answer: str | None
    winner: int | None
    agreement: float
    groups: tuple[int | None, ...]


def vote(
    completions: Sequence[str], is_equivalent: Compare, *, min_votes: int, min_agreement: float
) -> Vote:
    """Group the final answers of samples of one problem, and find the largest group.

    A sample without a final answer, or with two that differ, has no vote. Of groups of one size the
    one that sorts first wins, which makes no difference at an agreement above one half.
    """
    answers = [_only_answer(completion) for completion in completions]
    spellings = [None if answer is None else _spelling(answer) for answer in answers]
    votes = Counter(spelling for spelling in spellings if spelling is not None)
    first_form = {
        spelling: min(a for a, s in zip(answers, spellings, strict=True) if a and s == spelling)
        for spelling in votes
    }
    # The most frequent spellings first, so that a group is led by what most samples wrote.
    leaders: list[str] = []
    group_of: dict[str, int] = {}
    for spelling in sorted(votes, key=lambda spelling: (-votes[spelling], spelling)):
        group_of[spelling] = _group(spelling, leaders, first_form, is_equivalent)
    groups = tuple(None if spelling is None else group_of[spelling] for spelling in spellings)
    sizes = Counter(group for group in groups if group is not None)
    num_votes = sum(sizes.values())
    if not num_votes:
        return Vote(None, None, 0.0, groups)
    winner = min(sizes, key=lambda group: (-sizes[group], group))
    agreement = sizes[winner] / num_votes
    if num_votes < min_votes or agreement < min_agreement:
        return Vote(None, None, agreement, groups)
    return Vote(first_form[leaders[winner]], winner, agreement, groups)


def _only_answer(completion: str) -> str | None:
    found = final_answers(completion)
    return found[0] if len(found) == 1 and found[0].strip() else None


def _spelling(answer: str) -> str:
    return without_redundant_brackets(canonical(answer)).replace(" ", "")


def _group(spelling: str, leaders: list[str], forms: dict[str, str], is_equivalent: Compare) -> int:
    for number, leader in enumerate(leaders[:MAX_GROUPS]):
        if is_equivalent(forms[leader], forms[spelling]):
            return number
    leaders.append(spelling)
    return len(leaders) - 1
