import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from pipeline.errors import ConfigError
from synth.engines.embedded import EmbeddedConfig, EmbeddedEngine, load_slots
from synth.engines.embedded_model import EmbeddedModel
from synth.engines.embedded_weights import read_safetensors, read_weights
from synth.engines.engine import complete
from synth.engines.transformers import TransformersConfig, TransformersEngine
from synth.request import Message, Request, Sampling
from tests.synth.engines.tiny_models import write_model

SHAPES = [
    {},
    {"tie_word_embeddings": True, "num_key_value_heads": 1},
    {"num_attention_heads": 8, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
]


@pytest.fixture(params=SHAPES)
def folder(request, tmp_path):
    torch.set_num_threads(1)
    return write_model(tmp_path, **request.param)


def test_logits_are_those_of_transformers(folder):
    ids = np.random.default_rng(0).integers(0, 280, 100)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        expected = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    own = EmbeddedModel(read_weights(folder), num_slots=2, context_tokens=128)
    slots = np.ones(50, np.int64)
    positions = np.arange(100)
    states = [own.read(ids[at], slots, at) for at in (positions[:50], positions[50:])]
    logits = np.concatenate([own.logits(rows) for rows in states])
    assert np.abs(expected).max() > 1
    assert np.abs(logits - expected).max() < 1e-4


def test_answers_are_those_of_the_transformers_engine(folder):
    sampling = Sampling(temperature=0.0, top_p=0.9, max_tokens=24)
    requests = [
        Request(
            messages=(Message("user", "What is 12 times 3? " * (1 + seed % 3)),),
            model="tiny",
            sampling=replace(sampling, temperature=(0.0, 0.7, 1.1)[seed % 3]),
            seed=seed,
        )
        for seed in range(18)
    ]
    ours = EmbeddedEngine(EmbeddedConfig(folder=str(folder), slots=5))
    theirs = TransformersEngine(TransformersConfig(model=str(folder), device="cpu", slots=3))
    pairs = list(zip(complete(ours, requests), complete(theirs, requests), strict=True))
    ours.close()
    theirs.close()
    # Rounding differs, so a draw at the very edge between two tokens may fall differently.
    assert sum(one.text == other.text for one, other in pairs) >= 17
    assert all(
        one.text == other.text
        for (one, other), request in zip(pairs, requests, strict=True)
        if request.sampling.temperature == 0
    )


def test_a_row_is_the_same_to_the_bit_in_any_row_and_company(tmp_path):
    folder = write_model(tmp_path)
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 280, 40)
    found = []
    for slot in range(8):
        model = EmbeddedModel(read_weights(folder), num_slots=8, context_tokens=128)
        for position, token in enumerate(ids):
            tokens = rng.integers(0, 280, 8)
            positions = rng.integers(0, 100, 8)
            tokens[slot], positions[slot] = token, position
            logits = model.logits(model.read(tokens, np.arange(8), positions))
        found.append(logits[slot].tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_are_read_as_they_were_written(tmp_path, dtype):
    folder = write_model(tmp_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    model.save_pretrained(folder)
    tensors = read_safetensors(folder / "model.safetensors")
    for name, expected in model.state_dict().items():
        assert np.array_equal(tensors[name], expected.float().numpy()), name


def test_half_precision_answers(tmp_path):
    folder = write_model(tmp_path)
    transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float16).save_pretrained(
        folder
    )
    assert load_slots(folder, 2).num_slots == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_type is 'yarn'"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"num_hidden_layers": 9}, "holds no tensor"),
    ],
)
def test_other_models_are_refused(tmp_path, change, message):
    folder = write_model(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ConfigError, match=message):
        load_slots(folder, 2)


@pytest.mark.parametrize("num_bytes", [0, 7, 8, 100, 5000])
def test_a_cut_file_is_refused(tmp_path, num_bytes):
    folder = write_model(tmp_path)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(ConfigError, match=r"model\.safetensors"):
        load_slots(folder, 2)
