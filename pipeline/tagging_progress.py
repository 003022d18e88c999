"""How far the annotation of documents by a model is: rate, tokens, cost and time left."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.report.quantities import compact, plural
from pipeline.storage.stage_folder import StageFolder
from pipeline.transforms.outcome import FAILED
from pipeline.transforms.tag_annotate import LABELS, SHARD_DOCUMENTS

PRICED_TOKENS = 1_000_000
"""Tokens that a price is for, as model servers state prices."""


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost, in any currency; None where it is not known."""

    prompt: float | None = None
    completion: float | None = None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Of so many tokens; None unless both prices are known."""
        if self.prompt is None or self.completion is None:
            return None
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / PRICED_TOKENS


class AnnotationProgress:
    """Reads the receipts of an annotation as its workers leave them."""

    def __init__(self, num_documents: int, prices: Prices) -> None:
        self._num_documents = num_documents
        self._num_shards = -(-num_documents // SHARD_DOCUMENTS)
        self._prices = prices
        self._known: dict[int, Mapping[str, int]] = {}
        self._before: int | None = None

    def describe(self, folder: StageFolder, seconds: float) -> str:
        """``128 of 3,000 documents, 4.2 a second, ...`` after so many seconds."""
        for shard in range(self._num_shards):
            if shard not in self._known and (found := _read_shard(folder, shard)):
                self._known[shard] = found
        total = {
            name: sum(found.get(name, 0) for found in self._known.values())
            for name in ("done", "failed", "prompt_tokens", "completion_tokens")
        }
        done = total["done"]
        before = self._before = done if self._before is None else self._before
        said = [f"{done:,} of {plural(self._num_documents, 'document')}"]
        if total["failed"]:
            said.append(f"{total['failed']:,} failed")
        if done > before and seconds > 0:
            rate = (done - before) / seconds
            said.append(f"{rate:.1f} a second")
            said.append(f"about {(self._num_documents - done) / rate:.0f} s left")
        return ", ".join([*said, self._spent(total)])

    def describe_total(self, statistics: Mapping[str, int]) -> str:
        """What all labels took, including those that were known before."""
        return f"{statistics.get('mended', 0):,} answers mended, {self._spent(statistics)}"

    def _spent(self, counts: Mapping[str, int]) -> str:
        prompt, completion = counts.get("prompt_tokens", 0), counts.get("completion_tokens", 0)
        said = f"{compact(prompt)} tokens in, {compact(completion)} out"
        cost = self._prices.cost(prompt, completion)
        return said if cost is None else f"{said}, cost {cost:,.2f}"


def _read_shard(folder: StageFolder, shard: int) -> Mapping[str, int] | None:
    """Counts of a finished shard; None while it is not."""
    entries = folder.receipts((LABELS, FAILED), shard)
    if entries is None:
        return None
    labels, failed = entries
    counted = {"done": labels.rows + failed.rows, "failed": failed.rows}
    return counted | {name: int(value) for name, value in labels.statistics.items()}
