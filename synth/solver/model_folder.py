"""The folder of a trained solver, as transformers and servers of its models read it."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from synth.solver.network import Network, qwen2_config, state_under_qwen2_names
from synth.solver.vocabulary import END_OF_TEXT, TURN_END, write_tokenizer

MAX_TOKENS = 1024
"""What a server may be asked for. Rows of training have half as many, enough for any problem of the
curriculum, so what runs on beyond them is lost in any case."""

TEMPERATURE = 0.7


def write_model(network: Network, tokenizer: Any, folder: Path) -> None:
    """Weights in float16, configuration and tokenizer, in ``folder``, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    end_id, pad_id = tokenizer.token_to_id(TURN_END), tokenizer.token_to_id(END_OF_TEXT)
    save_file(
        state_under_qwen2_names(network),
        str(folder / "model.safetensors"),
        metadata={"format": "pt"},
    )
    config = qwen2_config(network.shape, max_tokens=MAX_TOKENS, end_id=end_id, pad_id=pad_id)
    _write_json(folder / "config.json", config)
    generation = {
        "do_sample": True,
        "temperature": TEMPERATURE,
        "eos_token_id": end_id,
        "pad_token_id": pad_id,
        "max_length": MAX_TOKENS,
    }
    _write_json(folder / "generation_config.json", generation)
    write_tokenizer(tokenizer, folder, max_tokens=MAX_TOKENS)


def rounded(network: Network, device: torch.device) -> Network:
    """A copy with the weights as they are saved, in float16 on a GPU and float32 elsewhere."""
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    copy = Network(network.shape)
    copy.load_state_dict({k: v.detach().half() for k, v in network.state_dict().items()})
    return copy.to(device, dtype).eval()


@torch.inference_mode()
def largest_difference(
    network: Network, folder: Path, prompts: list[list[int]]
) -> tuple[float, float]:
    """How far the logits of transformers' model of the folder are at most from the network's.

    Also the share of positions where both choose the same token.
    """
    from transformers import AutoModelForCausalLM

    embedding = network.embed_tokens.weight
    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=embedding.dtype)
    model = model.to(embedding.device).eval()
    difference, agreeing, count = 0.0, 0, 0
    for prompt in prompts:
        tokens = torch.tensor([prompt], device=embedding.device)
        own = network(tokens, torch.ones_like(tokens)).float()
        theirs = model(tokens).logits.float()
        difference = max(difference, float((own - theirs).abs().max()))
        agreeing += int((own.argmax(-1) == theirs.argmax(-1)).sum())
        count += len(prompt)
    return difference, agreeing / count


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
