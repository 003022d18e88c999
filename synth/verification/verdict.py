"""The verdict: what a check found out about one sample."""

from enum import StrEnum


class Verdict(StrEnum):
    """``unverified`` is not a soft ``incorrect``: nothing was found out.

    There was no gold answer, or the comparison hit a limit.
    """

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNVERIFIED = "unverified"
