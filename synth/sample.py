"""One sample of an item: its requests one after the other, and what became of it."""

import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from synth.item import Item
from synth.plain_text import chat_token
from synth.request import Answered, Completion, Message, Request, RequestFailure, Sampling
from synth.strategies.strategy import AnswerFault, Fields, Step, Strategy
from synth.verification.finding import COMPLETION, Finding


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How a strategy is asked: model, sampling, system message (None: none at all)."""

    model: str
    sampling: Sampling
    seed: int
    samples: int
    wanted: int | None = None
    system: str | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of a sample's answers, those from the cache too."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, completion: Completion) -> "Usage":
        """With one more answer."""
        return Usage(
            prompt_tokens=self.prompt_tokens + completion.prompt_tokens,
            completion_tokens=self.completion_tokens + completion.completion_tokens,
        )


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What became of a sample; exactly one of text, fault and failure is given.

    ``fields`` are the item's texts, what the steps found, and the last completion as it came, for
    verifiers that want to see where the reasoning ends. ``finding`` is None until the sample is
    checked, and stays so without a text.
    """

    number: int
    request: Request
    usage: Usage
    model: str | None = None
    fields: Fields | None = None
    text: str | None = None
    fault: AnswerFault | None = None
    failure: RequestFailure | None = None
    finding: Finding | None = None


def first_request(item: Item, number: int, strategy: Strategy, asking: Asking) -> Request:
    """What is asked first for a sample; together with the item, its identity."""
    return _request(strategy.steps[0], _given(item, number, strategy), number, 0, asking)


def converse(
    item: Item, number: int, strategy: Strategy, asking: Asking
) -> Generator[Request, Answered, Sample]:
    """Run the steps of a sample: yields each request, is sent its answer, returns the sample."""
    fields = dict(_given(item, number, strategy))
    first = first_request(item, number, strategy, asking)
    usage = Usage()
    model: str | None = None
    completion = ""
    for place, step in enumerate(strategy.steps):
        request = first if place == 0 else _request(step, fields, number, place, asking)
        answer = yield request
        if isinstance(answer, RequestFailure):
            return Sample(number=number, request=first, usage=usage, model=model, failure=answer)
        usage = usage.plus(answer)
        model = answer.model or request.model
        try:
            fields |= _read(step, answer)
        except AnswerFault as fault:
            if not step.is_judge:
                return Sample(number=number, request=first, usage=usage, model=model, fault=fault)
        if not step.is_judge:
            completion = answer.text
    try:
        text = _write(strategy, fields)
    except AnswerFault as fault:
        return Sample(number=number, request=first, usage=usage, model=model, fault=fault)
    return Sample(
        number=number,
        request=first,
        usage=usage,
        model=model,
        fields=fields | {COMPLETION: completion},
        text=text,
    )


def _given(item: Item, number: int, strategy: Strategy) -> Fields:
    """What the first template may name."""
    if not strategy.variants:
        return item.fields
    place = (zlib.crc32(item.id.encode()) + number) % len(strategy.variants)
    return item.fields | {"variant": strategy.variants[place]}


def _request(step: Step, fields: Fields, number: int, place: int, asking: Asking) -> Request:
    system = () if asking.system is None else (Message("system", asking.system),)
    sample = 0 if step.is_shared else number
    return Request(
        messages=(*system, Message("user", step.prompt(fields))),
        model=asking.model,
        sampling=asking.sampling,
        # Steps of a sample draw apart from one another, and all of them stay in 31 bits.
        seed=asking.seed + sample if place == 0 else _later_seed(asking.seed, sample, place),
    )


def _later_seed(seed: int, sample: int, place: int) -> int:
    return zlib.crc32(f"{seed}/{sample}/{place}".encode()) & 0x7FFF_FFFF


def _read(step: Step, answer: Completion) -> Mapping[str, str]:
    if answer.finish_reason == "length":
        raise AnswerFault("truncated", str(answer.completion_tokens))
    if answer.finish_reason != "stop":
        raise AnswerFault("unfinished", answer.finish_reason)
    return step.parse(answer.text)


def _write(strategy: Strategy, fields: Fields) -> str:
    text = strategy.write(fields).strip()
    token = chat_token(text)
    if token is not None:
        raise AnswerFault("chat_token", token)
    return text
