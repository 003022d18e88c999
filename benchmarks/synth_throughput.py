"""Tokens a second of the in-process engine on one GPU, beside transformers' own ways.

    python -m benchmarks.synth_throughput            # a GPU; begins nothing after --minutes
    python -m benchmarks.synth_throughput --tiny     # anywhere: proves that every part runs

Models have random weights in the shapes of Qwen2.5-0.5B and MiMo-7B: speed does not depend on what
they say. Prompts are of about 128 tokens, answers of 32 to 256, all lengths equally frequent.
Useful tokens alone are counted: what a batch writes past the end of an answer is waste.

First the engine's greedy tokens must equal model.generate's, in float32; exit status 1 otherwise.
"""

import argparse
import gc
import gzip
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers

from synth.engines import torch_slots
from synth.engines.engine import complete
from synth.engines.slots import SlotEngine
from synth.engines.torch_slots import TorchSlots
from synth.request import Completion, Message, Request, Sampling

LONGEST_MEASURE_SECONDS = 100
TOKENIZER = Path("mixtures/tokenizers/qwen2.5.tokenizer.json.gz")
WORDS = ("sum", "of", "three", "numbers", "is", "twelve", "what", "the", "largest", "can", "be")


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    small: dict[str, Any]
    large: dict[str, Any]
    slots: tuple[int, ...]
    large_slots: tuple[int, ...]
    batches: tuple[int, ...]
    prompt_words: int
    shortest: int
    longest: int
    context_tokens: int
    device: str
    copied_bytes: int
    num_alone: int


QWEN_SHAPE = {
    "vocab_size": 151_936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
    "max_position_embeddings": 32_768,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
}
MIMO_SHAPE = QWEN_SHAPE | {
    "vocab_size": 151_680,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": False,
}
TINY_SHAPE = QWEN_SHAPE | {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
TINY_SHAPE |= {"num_attention_heads": 4}

FULL = Scale(
    small=QWEN_SHAPE,
    large=MIMO_SHAPE,
    slots=(64, 256, 1024),
    large_slots=(64, 256),
    batches=(64, 256),
    prompt_words=122,
    shortest=32,
    longest=256,
    context_tokens=512,
    device="cuda",
    copied_bytes=2**32,
    num_alone=2,
)
TINY = replace(
    FULL,
    small=TINY_SHAPE,
    large=TINY_SHAPE,
    slots=(4, 8),
    large_slots=(4,),
    batches=(4,),
    prompt_words=10,
    shortest=4,
    longest=8,
    context_tokens=64,
    device="cpu",
    copied_bytes=2**24,
    num_alone=1,
)


@dataclass(frozen=True)
class Row:
    """A line of the table; ``step_ms`` and ``limit_ms`` are 0 where there are no steps."""

    what: str
    num_tokens: int
    seconds: float
    step_ms: float = 0.0
    limit_ms: float = 0.0
    note: str = ""

    def render(self) -> str:
        """The line, its columns aligned."""
        rate = f"{self.num_tokens / self.seconds:>9,.0f}" if self.seconds else "        -"
        step = f"{self.step_ms:>8.2f}" if self.step_ms else "       -"
        share = f"{self.limit_ms / self.step_ms:>6.0%}" if self.step_ms else "     -"
        return f"{self.what:<44} {rate} {self.seconds:>7.1f} {step} {share}  {self.note}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny models on the CPU")
    parser.add_argument("--minutes", type=float, default=7.0, help="skip what would begin later")
    parser.add_argument("--skip-baselines", action="store_true", help="the engine alone")
    arguments = parser.parse_args()
    scale = TINY if arguments.tiny else FULL
    torch_slots.register_attention()
    tokenizer = load_tokenizer()
    started = time.perf_counter()

    def log(text: str) -> None:
        print(f"[{time.perf_counter() - started:6.1f} s] {text}", flush=True)

    bandwidth = copy_bandwidth(scale)
    log(f"copy: {bandwidth / 1e12:.2f} TB/s read and written")
    num_equal, num_checked = check_greedy(scale, tokenizer)
    log(f"greedy answers equal to model.generate's: {num_equal} of {num_checked}")
    rows: list[Row] = []

    def keep(label: str, measure: Callable[[], Row]) -> None:
        left = arguments.minutes * 60 - (time.perf_counter() - started)
        rows.append(attempt(label, measure, min(left, LONGEST_MEASURE_SECONDS)))
        log(rows[-1].render())
        release_memory()

    is_gpu = scale.device == "cuda"
    for shape, all_slots in ((scale.small, scale.slots), (scale.large, scale.large_slots)):
        model = build(scale, shape, torch.bfloat16)
        name = f"{model.num_parameters() / 1e9:.2f} B"
        model.set_attn_implementation(torch_slots.ATTENTION)
        cases = [(num, True) for num in all_slots]
        if is_gpu and shape is scale.small:
            cases.insert(2, (all_slots[1], False))
        for num, is_compiled in cases:
            label = f"{name}: {num} slots{'' if is_compiled else ', not compiled'}"
            keep(
                label,
                partial(
                    measure_engine,
                    scale,
                    model,
                    tokenizer,
                    num,
                    bandwidth,
                    label=label,
                    is_compiled=is_gpu and is_compiled,
                ),
            )
        del model
        release_memory()
    if not arguments.skip_baselines:
        model = build(scale, scale.small, torch.bfloat16)
        name = f"{model.num_parameters() / 1e9:.2f} B"
        for num in (1, *scale.batches):
            label = f"{name}: model.generate, {num} at a time"
            keep(label, partial(generate_in_batches, scale, model, tokenizer, num, label=label))
        label = f"{name}: generate_batch, {scale.batches[-1]} requests"
        keep(label, partial(continuous_batching, scale, model, tokenizer, label=label))

    print(f"\n{describe_device(scale)}; copies {bandwidth / 1e12:.2f} TB/s")
    print(f"greedy answers equal to model.generate's in float32: {num_equal} of {num_checked}")
    print(f"{'':<44} {'tokens/s':>9} {'s':>7} {'ms/step':>8} {'limit':>6}")
    print("\n".join(row.render() for row in rows))
    sys.exit(num_equal != num_checked)


def load_tokenizer() -> Any:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(gzip.decompress(TOKENIZER.read_bytes()))
        file.flush()
        return transformers.PreTrainedTokenizerFast(
            tokenizer_file=file.name, eos_token="<|im_end|>", pad_token="<|endoftext|>"
        )


def build(scale: Scale, shape: dict[str, Any], dtype: torch.dtype) -> Any:
    """A seeded random model that never ends by itself, on the device."""
    torch.manual_seed(0)
    config = transformers.Qwen2Config(**shape, bos_token_id=None, eos_token_id=None)
    if scale.device == "cpu":
        dtype = torch.float32
    with torch.device(scale.device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.generation_config.pad_token_id = 0
    return model.eval()


def copy_bandwidth(scale: Scale) -> float:
    """Bytes a second of a device-to-device copy, read and written ones together."""
    source = torch.zeros(scale.copied_bytes, dtype=torch.uint8, device=scale.device)
    target = torch.empty_like(source)
    target.copy_(source)
    synchronize(scale)
    start = time.perf_counter()
    for _ in range(10):
        target.copy_(source)
    synchronize(scale)
    return 10 * 2 * scale.copied_bytes / (time.perf_counter() - start)


def check_greedy(scale: Scale, tokenizer: Any) -> tuple[int, int]:
    """Answers of the engine that equal model.generate's, of how many; 0 ends nothing early."""
    model = build(scale, scale.small, torch.float32)
    requests = [
        replace(one, sampling=replace(one.sampling, temperature=0.0))
        for one in make_requests(scale, 8)
    ]
    model.set_attn_implementation("sdpa")
    expected = []
    for request in requests:
        ids = torch.tensor([prompt_ids(tokenizer, request)], device=scale.device)
        with torch.inference_mode():
            answer = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=request.sampling.max_tokens,
                do_sample=False,
            )
        expected.append(tokenizer.decode(answer[0, ids.shape[1] :], skip_special_tokens=True))
    model.set_attn_implementation(torch_slots.ATTENTION)
    engine, _ = start_engine(scale, model, tokenizer, 4, is_compiled=scale.device == "cuda")
    answers = complete(engine, requests)
    engine.close()
    release_memory()
    texts = [one.text if isinstance(one, Completion) else one.message for one in answers]
    return sum(map(str.__eq__, texts, expected)), len(requests)


def attempt(label: str, measure: Callable[[], Row], limit_seconds: float) -> Row:
    """The row of a measure, or one that says why there is none."""
    if limit_seconds <= 0:
        return Row(label, 0, 0.0, note="skipped: no time left")

    def stop(*_: object) -> None:
        raise TimeoutError(f"over {limit_seconds:.0f} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit_seconds)
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - a line of the table
        return Row(label, 0, 0.0, note=f"{type(error).__name__}: {error}"[:120])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def generate_in_batches(scale: Scale, model: Any, tokenizer: Any, num: int, *, label: str) -> Row:
    """What transformers does by itself; a batch takes as long as its longest answer."""
    model.set_attn_implementation("sdpa")
    generate = partial(model.generate, do_sample=True, temperature=0.6, top_p=0.95, top_k=0)
    requests = make_requests(scale, scale.num_alone if num == 1 else num)
    lengths = [request.sampling.max_tokens for request in requests]
    start = time.perf_counter()
    for at in range(0, len(requests), num):
        ids = padded_ids(tokenizer, requests[at : at + num]).to(scale.device)
        with torch.inference_mode():
            generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max(lengths[at : at + num]),
            )
    synchronize(scale)
    return Row(label, sum(lengths), time.perf_counter() - start)


def continuous_batching(scale: Scale, model: Any, tokenizer: Any, *, label: str) -> Row:
    """The generate_batch of transformers; its answers are all of the mean length."""
    num = scale.batches[-1]
    length = (scale.shortest + scale.longest) // 2
    prompts = [prompt_ids(tokenizer, request) for request in make_requests(scale, num)]
    config = transformers.GenerationConfig(
        max_new_tokens=length, do_sample=True, temperature=0.6, top_p=0.95, top_k=0, pad_token_id=0
    )
    config.eos_token_id = -1
    start = time.perf_counter()
    answers = model.generate_batch(prompts, generation_config=config, progress_bar=False)
    seconds = time.perf_counter() - start
    num_tokens = sum(len(answer.generated_tokens) for answer in answers.values())
    return Row(label, num_tokens, seconds, note="start-up included")


def measure_engine(
    scale: Scale,
    model: Any,
    tokenizer: Any,
    num_slots: int,
    bandwidth: float,
    *,
    label: str,
    is_compiled: bool,
) -> Row:
    """Requests for every slot several times over; the time of a step alone; the same again."""
    start = time.perf_counter()
    engine, slots = start_engine(scale, model, tokenizer, num_slots, is_compiled=is_compiled)
    requests = make_requests(scale, num_slots * 3)
    again = slice(num_slots // 2, num_slots)
    position = scale.context_tokens // 2
    try:
        complete(engine, requests[:1])
        started_seconds = time.perf_counter() - start
        start = time.perf_counter()
        answers = complete(engine, requests)
        seconds = time.perf_counter() - start
        num_same = sum(map(_is_same, complete(engine, requests[again]), answers[again]))
        step_seconds = time_steps(scale, slots, position)
    finally:
        engine.close()
    num_tokens = sum(one.completion_tokens for one in answers if isinstance(one, Completion))
    failures = [one.message for one in answers if not isinstance(one, Completion)]
    limit_seconds = step_bytes(model, num_slots, position) / bandwidth
    note = f"start {started_seconds:.0f} s, {num_same}/{num_slots // 2} the same in other company"
    if failures:
        note += f", {len(failures)} FAILED: {failures[0]}"
    return Row(label, num_tokens, seconds, step_seconds * 1e3, limit_seconds * 1e3, note)


def _is_same(one: Any, other: Any) -> bool:
    return one == other


def start_engine(
    scale: Scale, model: Any, tokenizer: Any, num_slots: int, *, is_compiled: bool
) -> tuple[SlotEngine, TorchSlots]:
    for layer in model.base_model.layers:
        layer._compiled_call_impl = None  # noqa: SLF001 - what the engine before left there
    slots = TorchSlots(
        model,
        tokenizer,
        num_slots=num_slots,
        context_tokens=scale.context_tokens,
        is_compiled=is_compiled,
    )
    engine = SlotEngine(lambda: slots, model="random", max_in_flight=num_slots * 5 // 4)
    return engine, slots


def time_steps(scale: Scale, slots: TorchSlots, position: int) -> float:
    """Seconds of a step with all slots filled up to ``position``, sampling included."""
    num_rounds = 5
    state = slots._state  # noqa: SLF001 - as if full of requests
    state.positions[:] = position
    state.temperatures[:] = 0.6
    state.top_ps[:] = 0.95
    slots.launch()
    num_steps = slots.collect().shape[1]
    synchronize(scale)
    start = time.perf_counter()
    for _ in range(num_rounds):
        slots.launch()
    synchronize(scale)
    return (time.perf_counter() - start) / (num_rounds * num_steps)


def step_bytes(model: Any, num_slots: int, position: int) -> int:
    """Bytes that a step must read: the weights once, and what is filled of every slot."""
    config = model.config
    weights = sum(one.numel() * one.element_size() for one in model.parameters())
    if not config.tie_word_embeddings:
        embedding = model.get_input_embeddings().weight  # only the rows of the tokens are read
        weights -= embedding.numel() * embedding.element_size()
    size = config.hidden_size // config.num_attention_heads
    of_a_token = 2 * config.num_hidden_layers * config.num_key_value_heads * size
    return weights + num_slots * position * of_a_token * model.dtype.itemsize


def make_requests(scale: Scale, num: int) -> list[Request]:
    """Requests with seeds, prompts and lengths of their own; the same for every engine."""
    rng = random.Random(1)  # noqa: S311 - lengths of a benchmark
    requests = []
    for seed in range(num):
        prompt = " ".join(rng.choices(WORDS, k=scale.prompt_words))
        max_tokens = rng.randint(scale.shortest, scale.longest)
        sampling = Sampling(temperature=0.6, top_p=0.95, max_tokens=max_tokens)
        messages = (Message("user", prompt),)
        requests.append(Request(messages=messages, model="random", sampling=sampling, seed=seed))
    return requests


def prompt_ids(tokenizer: Any, request: Request) -> list[int]:
    from synth.engines.chatml import chatml_prompt

    return list(tokenizer.encode(chatml_prompt(request.messages), add_special_tokens=False))


def padded_ids(tokenizer: Any, requests: Sequence[Request]) -> torch.Tensor:
    """Prompts cut to the shortest: batches without padding, which is all stock generate has."""
    prompts = [prompt_ids(tokenizer, request) for request in requests]
    shortest = min(map(len, prompts))
    return torch.tensor([ids[-shortest:] for ids in prompts])


def synchronize(scale: Scale) -> None:
    if scale.device == "cuda":
        torch.cuda.synchronize()


def release_memory() -> None:
    """Drop graphs, slots and compiled code: the next engine has other shapes."""
    gc.collect()
    torch.compiler.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe_device(scale: Scale) -> str:
    name = torch.cuda.get_device_name() if scale.device == "cuda" else "CPU"
    return f"{name}, torch {torch.__version__}, transformers {transformers.__version__}"


if __name__ == "__main__":
    main()
