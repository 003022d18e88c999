"""A model server that judges documents by the shipped rubric, and errs on demand.

It answers with ``made_up_labels`` of the excerpt. Words of the excerpt say what goes wrong:
``MUMBLES`` gets an answer without JSON at first and a good one when asked again, ``STUBBORN`` never
a good one, ``OFFSCALE`` a level that the rubric does not have, ``THINKS`` reasoning before all.
"""

import json
from collections.abc import Mapping
from typing import Any

from filters.taggers.rubric import load_rubric
from tests.support.tagger import made_up_labels
from tests.synth.chat_server import MODEL

RUBRIC = load_rubric()
PROMPT_TOKENS, COMPLETION_TOKENS = 3000, 250


def excerpt_in(body: Mapping[str, Any]) -> str:
    """The excerpt that a request asks about."""
    asked: str = body["messages"][1]["content"]
    return asked.partition("<<<\n")[2].rpartition("\n>>>")[0]


def judge(body: Mapping[str, Any]) -> dict[str, Any]:
    """The chat completion for a request."""
    excerpt = excerpt_in(body)
    labels: dict[str, Any] = made_up_labels(RUBRIC, excerpt)
    is_second = len(body["messages"]) > 2
    text = json.dumps(labels)
    if "STUBBORN" in excerpt or ("MUMBLES" in excerpt and not is_second):
        text = "I would say it is rather good."
    if "OFFSCALE" in excerpt and not is_second:
        text = json.dumps(labels | {"cleanliness": 9})
    if "THINKS" in excerpt:
        text = f"<think>\nIs it {{5}}?\n</think>\n\n```json\n{text}\n```"
    return {
        "model": MODEL,
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS},
    }
