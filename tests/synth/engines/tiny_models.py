"""Tiny models with random weights, as folders, and the tokenizer they share."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, trainers

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SENTENCES = ["What is 12 times 3? The answer is 36, since 12 times 3 is 36."]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CLASSES = {
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
}
SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "eos_token_id": 2,
    "bos_token_id": None,
    "initializer_range": 0.2,
}


def write_model(folder: Path, architecture: str = "qwen2", **shape: Any) -> Path:
    """A seeded random model and its tokenizer in ``folder``."""
    tokenizer = write_tokenizer(folder)
    config_class, model_class = CLASSES[architecture]
    torch.manual_seed(7)
    model = model_class(config_class(vocab_size=len(tokenizer), **SHAPE | shape))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    return folder


def write_tokenizer(folder: Path) -> Any:
    """Byte-level BPE that splits words as Qwen2's, with a ChatML template."""
    # transformers gives every Qwen2 model the splitting of Qwen2, whatever its files say.
    bpe = Tokenizer(models.BPE())
    splitting = transformers.Qwen2Tokenizer().backend_tokenizer
    bpe.normalizer = splitting.normalizer
    bpe.pre_tokenizer = splitting.pre_tokenizer
    bpe.decoder = splitting.decoder
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(_byte_letters()),
        show_progress=False,
    )
    bpe.train_from_iterator(SENTENCES, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return tokenizer


def _byte_letters() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return list(ByteLevel.alphabet())
