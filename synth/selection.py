"""Which answers of a problem are used: neither those of trivial problems nor too many of one.

After MiMo-7B (arXiv 2505.07608, sections 3.1 and 3.3): problems that a model solves in more than
90% of its samples teach it little and are dropped; some of those come back, drawn from a pool of
easy problems, because without any training grows unstable; at most eight answers of a query are
kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import xxhash

from synth.item import Item
from synth.sample import Sample
from synth.verification.verdict import Verdict

SELECTED, RESAMPLED, EASY, BEYOND_CAP = "selected", "resampled", "easy", "beyond_cap"

EASY_PASS_RATE, HARD_PASS_RATE = 2 / 3, 1 / 3
"""A problem solved more often than the first is easy, less often than the second hard (KodCode,
arXiv 2503.02951: its three levels by pass rate)."""

_DRAW_SEED = 9
"""Keeps the draw of easy problems apart from other uses of a hash of the id."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """``max_pass_rate`` None lets every problem pass; ``easy_pool_ratio`` of the others come back.

    Of an item's answers, the first ``max_answers`` that are right are selected; of an item that is
    not verified, the first of all.
    """

    max_pass_rate: float | None = None
    easy_pool_ratio: float = 0.1
    max_answers: int = 8


@dataclass(frozen=True)
class Choice:
    """``rank`` and ``selection`` are None for an answer that is wrong, or is none."""

    rank: int | None = None
    selection: str | None = None


@dataclass(frozen=True)
class Selected:
    """Of one item: a choice for each sample, and how often it was solved.

    ``pass_rate`` is None where no answer could be judged. A sample that was cut short or lacks its
    parts counts as wrong; a request that failed does not count.
    """

    choices: tuple[Choice, ...]
    num_judged: int
    num_correct: int
    problem_selection: str

    @property
    def pass_rate(self) -> float | None:
        """Share of the judged answers that are right."""
        return self.num_correct / self.num_judged if self.num_judged else None


def select(
    item: Item, samples: Sequence[Sample], selection: Selection, *, is_verified: bool
) -> Selected:
    """Choose among the samples of an item, in their order.

    ``is_verified`` says that the strategy tells right from wrong. Where it could of none of the
    item's answers, nothing is judged.
    """
    verdicts = [sample.finding.verdict for sample in samples if sample.finding is not None]
    is_open = bool(verdicts) and set(verdicts) <= {Verdict.UNVERIFIED, None}
    num_correct = verdicts.count(Verdict.CORRECT)
    num_judged = sum(map(_is_judged, samples)) if is_verified and not is_open else 0
    pass_rate = num_correct / num_judged if num_judged else None
    problem = _select_problem(item, pass_rate, selection)
    choices: list[Choice] = []
    rank = 0
    for sample in samples:
        is_used = sample.text is not None and (not is_verified or _is_correct(sample))
        if not is_used:
            choices.append(Choice())
            continue
        is_beyond = rank >= selection.max_answers and problem != EASY
        choices.append(Choice(rank, BEYOND_CAP if is_beyond else problem))
        rank += 1
    return Selected(tuple(choices), num_judged, num_correct, problem)


def difficulty_of(pass_rate: float | None) -> str | None:
    """``easy``, ``medium`` or ``hard``; None where nothing was judged."""
    if pass_rate is None:
        return None
    if pass_rate > EASY_PASS_RATE:
        return "easy"
    return "hard" if pass_rate < HARD_PASS_RATE else "medium"


def draw(item_id: str) -> float:
    """A number from 0 up to 1 that the id alone decides: uniform over items."""
    return xxhash.xxh64_intdigest(item_id.encode(), seed=_DRAW_SEED) / 2.0**64


def _select_problem(item: Item, pass_rate: float | None, selection: Selection) -> str:
    limit = selection.max_pass_rate
    if limit is None or pass_rate is None or pass_rate <= limit:
        return SELECTED
    return RESAMPLED if draw(item.id) < selection.easy_pool_ratio else EASY


def _is_judged(sample: Sample) -> bool:
    """Whether it counts for the pass rate: an answer with a verdict, or none at all."""
    if sample.failure is not None:
        return False
    if sample.finding is None:
        return True
    return sample.finding.verdict in (Verdict.CORRECT, Verdict.INCORRECT)


def _is_correct(sample: Sample) -> bool:
    return sample.finding is not None and sample.finding.is_correct
