"""What is asked of a model and what comes back: values only, no I/O."""

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from pipeline.fingerprint import canonical_json, fingerprint

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is drawn. ``max_tokens`` bounds the completion, not the prompt.

    ``extra`` are further parameters that a server knows (top_k, repetition_penalty,
    chat_template_kwargs), as pairs of name and JSON, sorted by name.
    """

    temperature: float
    top_p: float
    max_tokens: int
    stop: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """Everything that decides an answer, and nothing else: no address, key or timeout.

    Two requests that differ only in ``seed`` are two samples of one prompt. ``response_schema`` is
    the JSON Schema, as JSON, that the answer must follow. Without one the answer is free text, and
    the key is made of the other fields alone.
    """

    messages: tuple[Message, ...]
    model: str
    sampling: Sampling
    seed: int
    response_schema: str | None = None

    @cached_property
    def key(self) -> str:
        """Content address: SHA-256 of :meth:`to_json`, 64 hex characters."""
        return fingerprint(self.content)

    @property
    def content(self) -> dict[str, Any]:
        """All fields that are given, as plain values."""
        content = asdict(self)
        if self.response_schema is None:
            del content["response_schema"]
        if not self.sampling.extra:
            del content["sampling"]["extra"]
        return content

    def to_json(self) -> str:
        """Canonical JSON of :attr:`content`."""
        return canonical_json(self.content)

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Read :meth:`to_json`."""
        raw = json.loads(text)
        return cls(
            messages=tuple(Message(**message) for message in raw["messages"]),
            model=raw["model"],
            sampling=_sampling(raw["sampling"]),
            seed=raw["seed"],
            response_schema=raw.get("response_schema"),
        )

    @property
    def prompt_sha256(self) -> str:
        """Digest of the messages alone: equal for all samples of a prompt, by any model."""
        return fingerprint(list(self.messages))

    @property
    def sampling_json(self) -> str:
        """Canonical JSON of the sampling parameters and the seed, for a document's lineage."""
        return canonical_json({"sampling": self.content["sampling"], "seed": self.seed})


def _sampling(raw: dict[str, Any]) -> Sampling:
    extra = tuple((name, value) for name, value in raw.get("extra", ()))
    return Sampling(**raw | {"stop": tuple(raw["stop"]), "extra": extra})


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A model's answer, whole or cut short.

    ``finish_reason`` is ``stop`` for a whole answer, ``length`` for a truncated one, else what the
    server said. ``model`` is the name the server gave; token counts are 0 where it gave none.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    model: str


@dataclass(frozen=True, kw_only=True)
class RequestFailure:
    """A request that got no answer, after every attempt; it can be asked again."""

    error_type: str
    message: str
    attempts: int = field(default=1)


Answered = Completion | RequestFailure
