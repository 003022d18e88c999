import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from synth.solver import training
from synth.solver.model_folder import largest_difference, write_model
from synth.solver.network import Network, Shape, parameter_count
from synth.solver.packing import examples, pack
from synth.solver.sampling import sample
from synth.solver.training import FINAL_RATIO, PEAK_RATE, learning_rate, loss_of, train
from synth.solver.vocabulary import curriculum_texts, train_tokenizer

TINY = Shape(512, 48, 2, 4, 2, 96)


class RepeatedBatch:
    """A source of one batch, as ``BatchSource`` is one of many."""

    def __init__(self, rows):
        self.rows = rows

    def next(self):
        return self.rows

    def ready_batches(self):
        return 1


class Clock:
    """Goes on by a hundredth of a second whenever it is read, however busy the machine is."""

    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        self.seconds += 0.01
        return self.seconds


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(curriculum_texts(300, seed=1), vocabulary_size=512)


@pytest.fixture(scope="module")
def trained(tokenizer):
    """A tiny network after a hundred steps on half a row, and its loss before and after."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Network(TINY)
    rows = np.ascontiguousarray(pack(examples(tokenizer, random.Random(2)), 1, [])[:, :, :256])
    batch = torch.from_numpy(rows)
    before = loss_of(network, batch).item()
    reports: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "time", Clock())
        result = train(
            network,
            RepeatedBatch(rows),
            seconds=3,
            device=torch.device("cpu"),
            report=reports.append,
        )
    after = loss_of(network, batch).item()
    return network.eval(), result, before, after, reports


def test_training_lowers_the_loss(trained):
    _, result, before, after, reports = trained
    assert before > 5.5
    assert after < before - 1
    assert 90 < result.steps < 110
    assert result.tokens == result.steps * 256
    assert result.seconds == pytest.approx(3, abs=0.1)
    assert "first step" in reports[0]


def test_the_rate_warms_up_and_then_falls_with_the_clock():
    assert learning_rate(0.0, 0) < PEAK_RATE / 100
    assert learning_rate(0.0, 10_000) == pytest.approx(PEAK_RATE)
    rates = [learning_rate(progress / 10, 10_000) for progress in range(11)]
    assert rates == sorted(rates, reverse=True)
    assert learning_rate(1.5, 10_000) == pytest.approx(PEAK_RATE * FINAL_RATIO)


def test_transformers_reads_what_is_saved_and_computes_the_same(trained, tokenizer, tmp_path):
    network = trained[0]
    write_model(network, tokenizer, tmp_path)
    rounded = Network(TINY)
    rounded.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
    prompts = [tokenizer.encode(text).ids for text in ("What is 2 + 3?", "A box of 12 pens costs")]
    difference, agreement = largest_difference(rounded.eval(), tmp_path, prompts)
    assert difference < 1e-4
    assert agreement == 1
    saved = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert saved.dtype == torch.float16
    assert saved.num_parameters() == parameter_count(network)
    assert AutoTokenizer.from_pretrained(tmp_path).eos_token_id == saved.config.eos_token_id == 2
    settings = json.loads((tmp_path / "generation_config.json").read_text(encoding="utf-8"))
    assert settings["eos_token_id"] == 2


def test_samples_are_those_of_transformers_when_greedy(trained, tokenizer, tmp_path):
    network = trained[0]
    write_model(network, tokenizer, tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    rounded = Network(TINY)
    rounded.load_state_dict({k: v.half().float() for k, v in network.state_dict().items()})
    prompts = [tokenizer.encode(text).ids for text in ("What is 2 + 3?", "Round 145", "7")]
    longest = max(map(len, prompts)) + 8
    own = sample(
        rounded.eval(),
        prompts,
        end_id=2,
        max_tokens=longest,
        temperature=0.0,
        generator=torch.Generator(),
    )
    for prompt, continued in zip(prompts, own, strict=True):
        tokens = torch.tensor([prompt])
        theirs = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=False,
            temperature=None,
            max_length=longest,
        )[0, len(prompt) :].tolist()
        assert continued == (theirs[: theirs.index(2)] if 2 in theirs else theirs)


def test_a_wider_shape_has_more_parameters():
    assert parameter_count(Network(Shape(2048))) == 8_003_840
    assert parameter_count(Network(replace(TINY, layers=3))) > parameter_count(Network(TINY))
