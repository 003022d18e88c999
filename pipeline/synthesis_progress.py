"""How far the making of synthetic documents is: answers, tokens, rate, cost and time left."""

from pipeline.report.quantities import compact
from pipeline.storage.filesystem import exists, read_text
from pipeline.storage.stage_folder import StageFolder
from synth.config import Prices
from synth.engines.usage import Usage
from synth.engines.usage_notes import PLANNED_NAME, USAGE_NAME, read_usage

PRICED_TOKENS = 1_000_000


class SynthesisProgress:
    """Reads what the workers note of their answers, whatever runner they are of."""

    def __init__(self, prices: Prices | None) -> None:
        self._prices = prices
        self._before: Usage | None = None

    def describe(self, folder: StageFolder, seconds: float) -> str:
        """``1,024 of at most 9,840 answers, 31.2 a second, ...`` after so many seconds."""
        usage = read_usage(folder.locate(USAGE_NAME))
        before = self._before = usage if self._before is None else self._before
        done = usage.asked + usage.hits + usage.failed
        path = folder.locate(PLANNED_NAME)
        planned = int(read_text(path)) if exists(path) else 0
        said = [f"{done:,} of at most {planned:,} answers"]
        if usage.hits:
            said.append(f"{usage.hits:,} known before")
        if usage.failed:
            said.append(f"{usage.failed:,} failed")
        asked, tokens = (
            usage.asked - before.asked,
            usage.completion_tokens_asked - before.completion_tokens_asked,
        )
        if asked > 0 and seconds > 0:
            said.append(f"{asked / seconds:.1f} a second")
            said.append(f"{compact(round(tokens / seconds))} tokens out a second")
            said.append(f"at most {max(0, planned - done) * seconds / asked:.0f} s left")
        said.append(f"{compact(usage.prompt_tokens_asked)} tokens in")
        said.append(f"{compact(usage.completion_tokens_asked)} out")
        if self._prices is not None:
            sent = usage.prompt_tokens_asked * self._prices.prompt
            made = usage.completion_tokens_asked * self._prices.completion
            said.append(f"cost {(sent + made) / PRICED_TOKENS:,.2f}")
        return ", ".join(said)
