"""Making a chat answer plain text: what a base model must never see is taken out or refused."""

import re

_STOP_AT_END = re.compile(r"(?:<\|(?:im_end|endoftext|eot_id|end|end_of_text)\|>|</s>)\Z")
_CHAT_TOKEN = re.compile(
    r"<\|[a-zA-Z0-9_]{1,40}\|>"  # Qwen, Llama 3, Phi
    r"|<\uff5c[^<>|]{1,60}\uff5c>"  # DeepSeek
    r"|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|^<s>|</s>",  # Llama 2, Gemma
    re.MULTILINE,
)
_THINK = re.compile(r"</?think(?:ing)?>")


def plain_text(completion: str) -> str:
    r"""``completion`` without the stop token a server leaks at the end and without think tags.

    The reasoning itself stays, set apart from the answer by an empty line.

    >>> plain_text("<think>\n2+2\n</think>\n\n4<|im_end|>")
    '2+2\n\n4'
    """
    text = completion.rstrip()
    while stop := _STOP_AT_END.search(text):
        text = text[: stop.start()].rstrip()
    return "\n\n".join(filter(None, map(str.strip, _THINK.split(text))))


def chat_token(text: str) -> str | None:
    """The first chat template token left in ``text``, or None.

    >>> chat_token("ok <|im_start|>user"), chat_token("|x| < |y|")
    ('<|im_start|>', None)
    """
    match = _CHAT_TOKEN.search(text)
    return None if match is None else match.group()
