"""MiMo's reward by the difficulty of tests (arXiv 2505.07608, section on code RL).

Tests of a problem are put into groups by how often samples pass them, as in the subtasks of the
International Olympiad in Informatics: a solution earns the score of a group. The report names no
numbers; choices made here:

* groups hold as equal numbers of tests as ties allow: tests of the same pass rate share a group,
  so that a group never depends on the order of tests;
* each group is worth the same, and all together are worth 1.
"""

from collections.abc import Sequence

GROUPS = 3
"""By pooled pass rate; ours, as the report does not say how many."""

Results = Sequence[Sequence[bool | None]]
"""Samples of a problem, of one model or several, by tests; None for a test that was not run."""


def pass_rates(results: Results) -> list[float | None]:
    """For each test the ratio of samples that pass it, of those that ran it; None if none did.

    Raises ValueError when samples have different numbers of tests.
    """
    if len({len(sample) for sample in results}) > 1:
        sizes = sorted({len(sample) for sample in results})
        raise ValueError(f"samples have {sizes} tests; all must have the same")
    rates: list[float | None] = []
    for outcomes in zip(*results, strict=True):
        run = [outcome for outcome in outcomes if outcome is not None]
        rates.append(sum(run) / len(run) if run else None)
    return rates


def difficulty_groups(
    rates: Sequence[float | None], groups: int = GROUPS
) -> tuple[int | None, ...]:
    """The group of each test, 0 the easiest, without gaps; None for a test without a rate.

    There are fewer groups than asked for where there are fewer different rates.
    """
    if groups < 1:
        raise ValueError(f"groups is {groups}; at least one is needed")
    ranked = sorted((rate for rate in rates if rate is not None), reverse=True)
    middles = {
        rate: (ranked.index(rate) + len(ranked) - 1 - ranked[::-1].index(rate)) / 2
        for rate in set(ranked)
    }
    wanted = {rate: int((middle + 0.5) * groups / len(ranked)) for rate, middle in middles.items()}
    numbers = {group: number for number, group in enumerate(sorted(set(wanted.values())))}
    return tuple(None if rate is None else numbers[wanted[rate]] for rate in rates)


def strict_score(outcomes: Sequence[bool | None], groups: Sequence[int | None]) -> float | None:
    """Share of the groups up to the first with a test that is not passed, from the easiest on.

    A test that was not run is not passed. None where no test has a group.
    """
    members = _members(outcomes, groups)
    earned = 0
    for group in members:
        if not all(group):
            break
        earned += 1
    return earned / len(members) if members else None


def soft_score(outcomes: Sequence[bool | None], groups: Sequence[int | None]) -> float | None:
    """Each group's score split equally over its tests: the mean over groups of the passed share."""
    members = _members(outcomes, groups)
    if not members:
        return None
    return sum(sum(group) / len(group) for group in members) / len(members)


def _members(outcomes: Sequence[bool | None], groups: Sequence[int | None]) -> list[list[bool]]:
    """Outcomes of each group, the easiest first."""
    found: dict[int, list[bool]] = {}
    for outcome, group in zip(outcomes, groups, strict=True):
        if group is not None:
            found.setdefault(group, []).append(bool(outcome))
    return [found[group] for group in sorted(found)]
