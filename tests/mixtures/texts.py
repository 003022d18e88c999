"""Texts that encoders find hard, and small tokenizers, for the tests of tokenization."""

import json
from pathlib import Path
from typing import Any

import tokenizers
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

QWEN = {"eod_token": "<|endoftext|>", "pad_token": "<|fim_pad|>"}
NAMES = {"eod_token": "<end>", "pad_token": "<pad>"}

nasty_text = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.text("ab \n\r\t'!.1_\u00a0\u0301\u0300", max_size=12),
        st.sampled_from(
            [
                "<|endoftext|>",
                "<|im_start|>",
                "<tool_call>",
                "<|fim_pad|>",
                "don't",
                "I'LL",
                "\u4f60\u597d\uff0c\u4e16\u754c",
                "e\u0301",
                "\u1112\u1161\u11ab",
                "\U0001f469\u200d\U0001f4bb",
                "\u2003\u2003",
                "\x1c\x1d",
                "    return x\n\n",
                "$\\frac{1}{2}$",
            ]
        ),
    ),
    max_size=40,
).map("".join)


def words(tmp_path: Path, vocabulary: dict[str, int], **kept: object) -> Path:
    """A tokenizer.json of whole words that truncates, pads and adds a token of its own."""
    made = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["<end>", "<pad>", "<start>"])
    made.post_processor = processors.TemplateProcessing(
        single="<start> $A", special_tokens=[("<start>", made.token_to_id("<start>"))]
    )
    made.enable_truncation(2)
    made.enable_padding(length=9, pad_token="<pad>")
    raw = {**json.loads(made.to_str()), **kept}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(raw))
    return path


def byte_level(tmp_path: Path, **model: Any) -> Path:
    """A tokenizer.json of a small byte-level BPE, trained on a sentence."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(["the cat sat on the mat that the hat sat on"], trainer)
    made.add_special_tokens(["<end>", "<pad>"])
    raw = json.loads(made.to_str())
    raw["model"] |= model
    path = tmp_path / "byte_level.json"
    path.write_text(json.dumps(raw))
    return path
