"""The solver's tokenizer: byte-level BPE learned on the curriculum, every digit its own token."""

import json
import random
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from synth.solver.curriculum import read_template, training_problems, training_prompt

VOCABULARY_SIZE = 2048
"""What the curriculum needs: below it, words of the stories fall apart; above it, rows of the
embedding are hardly ever trained."""

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)
"""Padding, and the two marks of a turn, at ids 0, 1 and 2."""

_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2's tokenizer cuts text, every digit by itself. It must be just this, and the NFC form
before it: transformers 5 puts them in place of what ``tokenizer.json`` of a Qwen2 model says."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

TEXTS_TO_LEARN_FROM = 20_000


def render_prompt(content: str) -> str:
    """One user message and the opening of the answer, as ``CHAT_TEMPLATE`` renders them."""
    return f"{TURN_START}user\n{content}{TURN_END}\n{TURN_START}assistant\n"


def curriculum_texts(count: int, *, seed: int) -> Iterable[str]:
    """Prompts and solutions to learn a tokenizer from."""
    rng = random.Random(f"tokenizer {seed}")  # noqa: S311
    template = read_template()
    for problem in islice(training_problems(rng), count):
        yield training_prompt(problem.text, template, rng)
        yield problem.solution


def train_tokenizer(texts: Iterable[str], *, vocabulary_size: int = VOCABULARY_SIZE) -> Any:
    """A ``tokenizers.Tokenizer`` of at most ``vocabulary_size`` tokens that encodes any string."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def write_tokenizer(tokenizer: Any, folder: Path, *, max_tokens: int) -> None:
    """``tokenizer.json`` and a ``tokenizer_config.json`` with the chat template."""
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "Qwen2Tokenizer",
        "bos_token": None,
        "eos_token": TURN_END,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_tokens,
        "chat_template": CHAT_TEMPLATE,
    }
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
