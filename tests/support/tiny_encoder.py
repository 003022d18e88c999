"""A BERT of a few thousand weights, made on the spot: real architecture, real files, no meaning."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaForSequenceClassification,
)

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def _config(**more: Any) -> BertConfig:
    return BertConfig(
        vocab_size=200,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        **more,
    )


def _write_tokenizer(folder: Path) -> None:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*MARKS, *letters, *(f"##{letter}" for letter in letters), *".,:/"]
    tokenizer = Tokenizer(
        models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def write_encoder(folder: Path) -> Path:
    """An encoder as Hugging Face lays it out."""
    torch.manual_seed(0)
    BertModel(_config()).save_pretrained(folder)
    _write_tokenizer(folder)
    return folder


def write_classifier(folder: Path, **config: Any) -> Path:
    """A sequence classifier; ``config`` says how many labels and of what kind."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(_config(**config))
    torch.nn.init.normal_(model.classifier.weight, std=2.0)
    model.save_pretrained(folder)
    _write_tokenizer(folder)
    return folder


def write_small_llm(folder: Path, **config: Any) -> Path:
    """A decoder with a classifier's head that states no padding, as most of them."""
    torch.manual_seed(0)
    made = LlamaConfig(
        vocab_size=200,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        eos_token_id=3,
        **config,
    )
    model = LlamaForSequenceClassification(made)
    torch.nn.init.normal_(model.score.weight, std=2.0)
    model.save_pretrained(folder)
    _write_tokenizer(folder)
    return folder
