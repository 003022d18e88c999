"""The strategy: what is asked about an item, how answers are read, and what is checked.

A strategy is one module of this folder that defines ``STRATEGY``, and one text file for each of its
steps; nothing else names it (see ``catalogue``). A sample of an item runs through the steps in
order. What a step's parser finds becomes fields, which later templates may name as ``$field``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from string import Template
from typing import Literal

from synth.verification.finding import Bounds, Verification

Fields = Mapping[str, str]
"""Named texts: those of the item, and those that the steps so far have found."""

Parser = Callable[[str], Fields]
"""Reads a completion, reasoning and all; raises AnswerFault where it does not have the form."""

Writer = Callable[[Fields], str]
"""The text of the document that a finished sample becomes."""


class AnswerFault(Exception):  # noqa: N818 - the sample's fault, no error of ours
    """An answer cannot be used; ``reason`` is a word for the report, ``detail`` what was found."""

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason if detail is None else f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request of a sample.

    A shared step is asked once for an item, with the seed of its first sample: all its samples go
    on from the same answer. A judge gives scores (fields of digits) and never spoils a sample: an
    answer of its that cannot be read leaves the scores out.
    """

    template: str
    parse: Parser
    is_shared: bool = False
    is_judge: bool = False

    @property
    def text(self) -> str:
        """The template as it is shipped."""
        return _read_template(self.template)

    def prompt(self, fields: Fields) -> str:
        """The template with its ``$field`` replaced; KeyError when one is not known."""
        return Template(self.text).substitute(fields)


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """Sampling where the recipe says nothing."""

    samples: int = 1
    temperature: float = 0.6
    top_p: float = 0.95
    max_tokens: int = 16_384


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A way to make documents of a model's answers.

    ``version`` is bumped whenever a text or a decision made from the same answers can change.
    ``reads`` is the column of the item it cannot do without. ``variants`` are texts of which each
    sample takes one, as ``$variant``: an item's own by its id, its further samples the next ones.
    ``measured_field`` is the text that is measured, and compared with the item's. ``bounds`` are
    the faults it looks for in the measures.
    """

    name: str
    version: int
    summary: str
    reads: Literal["document", "problem"]
    steps: tuple[Step, ...]
    write: Writer
    variants: tuple[str, ...] = ()
    verification: Verification | None = None
    measured_field: str
    bounds: tuple[Bounds, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)


@cache
def _read_template(name: str) -> str:
    return files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8").strip()
