"""ChatML, the plain form of a chat's turns: for models that come without a template."""

from collections.abc import Sequence

from synth.request import Message

TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"


def chatml_prompt(messages: Sequence[Message]) -> str:
    """The turns as they are, open for the assistant's; no system turn is added."""
    turns = "".join(
        f"{TURN_START}{message.role}\n{message.content}{TURN_END}\n" for message in messages
    )
    return f"{turns}{TURN_START}assistant\n"
