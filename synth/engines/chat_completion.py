"""The protocol of OpenAI's ``/v1/chat/completions``: requests as bodies, bodies as completions."""

import json
from typing import Any

from synth.request import Completion, Request

SET_PARAMETERS = frozenset(
    ("model", "messages", "temperature", "top_p", "max_tokens", "seed", "stop", "response_format")
)
"""Parameters that are made from a request's own fields; ``Sampling.extra`` may not name them."""


def encode_request(request: Request) -> bytes:
    """The body that asks for ``request``, as JSON."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "max_tokens": request.sampling.max_tokens,
        "seed": request.seed,
    }
    if request.sampling.stop:
        body["stop"] = list(request.sampling.stop)
    body |= {name: json.loads(value) for name, value in request.sampling.extra}
    if request.response_schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": True,
                "schema": json.loads(request.response_schema),
            },
        }
    return json.dumps(body).encode()


def parse_completion(body: Any) -> Completion:
    """The first choice of a chat completion; ValueError that says what is missing.

    A server that keeps reasoning apart (``reasoning_content``) gets it back in front of the
    answer, between ``<think>`` and ``</think>``, as the model wrote it.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text = message.get("content") or ""
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        if reasoning:
            text = f"<think>\n{reasoning}\n</think>\n\n{text}"
        usage = body.get("usage") or {}
        return Completion(
            text=text,
            finish_reason=choice.get("finish_reason") or "unknown",
            prompt_tokens=int(usage.get("prompt_tokens") or 0),
            completion_tokens=int(usage.get("completion_tokens") or 0),
            model=str(body.get("model") or ""),
        )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"no chat completion: {str(body)[:200]}") from error
