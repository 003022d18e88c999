"""What a strategy is asked about: a problem to solve, or a document to think about."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

ITEM_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # of the problem or document
        pa.field("seed_id", pa.string(), nullable=False),  # as its file calls it, else as id
        pa.field("domain", pa.string()),  # the stratum it was drawn from; null where not stratified
        pa.field("document", pa.large_string()),  # text of a seed document; null for a problem
        pa.field("problem", pa.large_string()),  # null for a document
        pa.field("answer", pa.large_string()),  # null where none is known
        pa.field("reference", pa.large_string()),  # a whole solution; null where none is known
        pa.field("tests", pa.large_string()),  # of code, as its file has them; null without any
        pa.field("url", pa.string()),
        pa.field("archive", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("offset", pa.int64()),
    ]
)


STRATEGY_COLUMN = "strategy"

ASKED_SCHEMA = pa.schema([*ITEM_SCHEMA, pa.field(STRATEGY_COLUMN, pa.string(), nullable=False)])
"""Items with the strategy that asks about them; a batch is of one strategy."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A row of ``ITEM_SCHEMA``."""

    id: str
    seed_id: str
    domain: str | None = None
    document: str | None = None
    problem: str | None = None
    answer: str | None = None
    reference: str | None = None
    tests: str | None = None
    url: str | None = None
    archive: str = ""
    member: str | None = None
    offset: int | None = None

    @property
    def source_text(self) -> str:
        """What the item is: the document, or the problem with what is known of its solution."""
        if self.document is not None:
            return self.document
        known = (self.problem, self.reference, self.answer)
        return "\n\n".join(text for text in known if text)

    @property
    def fields(self) -> dict[str, str]:
        """What a template may name; empty where the item has none.

        The reference is the answer where no whole solution is known.
        """
        named = {
            "document": self.document,
            "problem": self.problem,
            "answer": self.answer,
            "reference": self.reference if self.reference is not None else self.answer,
            "tests": self.tests,
        }
        return {name: (text or "").strip() for name, text in named.items()}

    @property
    def locator(self) -> dict[str, Any]:
        """Where the seed lies, as rejections and failures say it."""
        return {name: getattr(self, name) for name in ("url", "archive", "member", "offset")}


def items_of(batch: pa.RecordBatch) -> list[Item]:
    """The rows of a batch with the columns of ``ITEM_SCHEMA``."""
    return [Item(**row) for row in batch.select(ITEM_SCHEMA.names).to_pylist()]
