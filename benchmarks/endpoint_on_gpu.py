"""Our engine against a real model server: how much of what the server can do does it get out?

    python -m benchmarks.endpoint_on_gpu           # a GPU, two to three minutes
    python -m benchmarks.endpoint_on_gpu --tiny    # anywhere: proves that every part runs

Starts ``transformers serve`` with continuous batching (pip install transformers[serving]) on a
Qwen2 of random weights: speed does not depend on what it says. What the server can do is the best
of plain clients in a process of their own, which post ready-made bodies over as many connections as
there are requests in flight, at several numbers of them. The engine then gets the same requests at
the best number, in turn with the clients. Tokens are those of the server's usage.

Exit status 1 when the engine gets less than 90% on a GPU; a tiny run is too short to judge.
"""

import argparse
import asyncio
import gzip
import json
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from synth.engines.chat_completion import encode_request, parse_completion
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import complete
from synth.engines.openai import OpenAIEngine
from synth.request import Completion, Message, Request, Sampling

WANTED_RATIO = 0.9
START_TIMEOUT_SECONDS = 120
TOKENIZER = Path("mixtures/tokenizers/qwen2.5.tokenizer.json.gz")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = ("sum", "of", "three", "numbers", "is", "twelve", "what", "the", "largest", "can", "be")


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    shape: dict[str, Any]
    in_flight: tuple[int, ...]
    seconds: float
    prompt_words: int
    shortest: int
    longest: int
    turns: int


QWEN_SHAPE = {
    "vocab_size": 151_936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
    "max_position_embeddings": 4096,
}
FULL = Scale(QWEN_SHAPE, (32, 64), 10.0, 100, 16, 64, 2)
TINY = Scale(
    QWEN_SHAPE | {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    | {"num_attention_heads": 4},
    (2, 4), 1.0, 4, 2, 4, 1,
)  # fmt: skip


def save_model(folder: Path, shape: dict[str, Any], dtype: str) -> None:
    """A Qwen2 of random weights that never ends an answer by itself, and its tokenizer."""
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**shape)).to(getattr(torch, dtype))
    model.generation_config.eos_token_id = -1
    model.generation_config.do_sample = True
    model.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(gzip.decompress(TOKENIZER.read_bytes()).decode()),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )
    tokenizer.save_pretrained(folder)


@contextmanager
def served(folder: Path, device: str, dtype: str) -> Iterator[str]:
    """The address of a server of the model that runs while the block does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder.parent / "home"
    (home / "hub").mkdir(parents=True)  # what the server lists as its models
    log = folder.parent / "server.log"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--continuous-batching", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--device", device, "--dtype", dtype]
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(url, process)
        yield url
    except BaseException:
        print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - the loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"the server is not up (exit status {process.poll()})")


def make_requests(model: str, number: int, scale: Scale, seed: int) -> list[Request]:
    draw = random.Random(seed)  # noqa: S311 - prompts and lengths
    return [
        Request(
            messages=(Message("user", " ".join(draw.choices(WORDS, k=scale.prompt_words))),),
            model=model,
            sampling=Sampling(
                temperature=1.0, top_p=1.0, max_tokens=draw.randint(scale.shortest, scale.longest)
            ),
            seed=n,
        )
        for n in range(number)
    ]


def post_all(url: str, bodies: Sequence[bytes], num_clients: int) -> tuple[int, float]:
    """Completion tokens and seconds of plain clients, each with a connection of its own."""
    return asyncio.run(_post_all(url, bodies, num_clients))


async def _post_all(url: str, bodies: Sequence[bytes], num_clients: int) -> tuple[int, float]:
    import aiohttp

    upcoming = iter(bodies)
    num_tokens = 0

    async def run(session: aiohttp.ClientSession) -> None:
        nonlocal num_tokens
        for body in upcoming:
            async with session.post(f"{url}/v1/chat/completions", data=body) as response:
                answer = await response.read()
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise RuntimeError(f"HTTP {response.status}: {answer[:500]!r}")
                num_tokens += parse_completion(json.loads(answer)).completion_tokens

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers={"Content-Type": "application/json"}
    ) as session:
        start = time.perf_counter()
        await asyncio.gather(*(run(session) for _ in range(num_clients)))
        return num_tokens, time.perf_counter() - start


def ask_all(url: str, requests: Sequence[Request], in_flight: int) -> tuple[int, float]:
    """Completion tokens and seconds of the engine."""
    model = requests[0].model
    config = EndpointConfig(url=f"{url}/v1", model=model, max_in_flight=in_flight, max_attempts=1)
    engine = OpenAIEngine(config)
    complete(engine, requests[:1])  # finds out whether the server is ready, once in a run
    start = time.perf_counter()
    answers = complete(engine, requests)
    seconds = time.perf_counter() - start
    engine.close()
    failed = [answer for answer in answers if not isinstance(answer, Completion)]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(answers)} requests failed: {failed[0]}")
    return sum(one.completion_tokens for one in answers if isinstance(one, Completion)), seconds


def _row(what: str, in_flight: int, measured: tuple[int, float], best: float = 0.0) -> float:
    num_tokens, seconds = measured
    rate = num_tokens / seconds
    share = f"{rate / best:10.1%}" if best else ""
    print(
        f"{what:24}{in_flight:>10}{num_tokens:>10}{seconds:>9.1f}{rate:>10.0f}{share}", flush=True
    )
    return rate


def compare(url: str, model: str, scale: Scale) -> float:
    """Print what clients and engine get; returns the engine's best share of the clients' best."""
    spawn = multiprocessing.get_context("spawn")
    print(f"{'':24}{'in flight':>10}{'tokens':>10}{'seconds':>9}{'tokens/s':>10}{'of best':>10}")
    with ProcessPoolExecutor(1, mp_context=spawn) as clients:

        def post(requests: Sequence[Request], in_flight: int) -> tuple[int, float]:
            bodies = [encode_request(request) for request in requests]
            return clients.submit(post_all, url, bodies, in_flight).result()

        warming = make_requests(model, scale.in_flight[-1], scale, 0)
        post(warming, scale.in_flight[-1])
        num_tokens, seconds = post(warming, scale.in_flight[-1])
        mean_tokens = num_tokens / len(warming)
        number = max(len(warming), int(num_tokens / seconds / mean_tokens * scale.seconds))
        requests = make_requests(model, number, scale, 1)
        rates = {
            size: _row("plain clients", size, post(requests, size)) for size in scale.in_flight
        }
        size = max(rates, key=lambda one: rates[one])
        best, ours = rates[size], 0.0
        for turn in range(scale.turns):
            ours = max(ours, _row("engine", size, ask_all(url, requests, size), best))
            if turn + 1 < scale.turns:
                best = max(best, _row("plain clients", size, post(requests, size)))
    print(f"engine {ours:.0f} of {best:.0f} tokens/s: {ours / best:.1%}")
    return ours / best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, on the CPU")
    scale, device, dtype = FULL, "cuda", "bfloat16"
    if parser.parse_args().tiny:
        scale, device, dtype = TINY, "cpu", "float32"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save_model(folder, scale.shape, dtype)
        with served(folder, device, dtype) as url:
            share = compare(url, str(folder), scale)
    return 0 if share >= WANTED_RATIO or device == "cpu" else 1


if __name__ == "__main__":
    sys.exit(main())
