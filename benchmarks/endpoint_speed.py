"""What one worker process keeps in flight at a server, and what a request costs it.

    python -m benchmarks.endpoint_speed                 # through the engine, and through its cache
    python -m benchmarks.endpoint_speed --cache memory://answers

A server in a process of its own answers each request one second after it came, so that with N in
flight at most N answers a second are possible. Shares are of that: of the whole run, whose first
window has to be connected and whose last one drains, and of the time between the two (steady).
A small share on a busy machine says little: client and server each want most of a core.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from synth.cache import RequestCache
from synth.engines.cached import CachedEngine
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import Engine, stream
from synth.engines.event_loop import make_event_loop
from synth.engines.openai import OpenAIEngine
from synth.request import Completion, Message, Request, Sampling

MODEL = "one-second"
LATENCY_SECONDS = 1.0
PROMPT = "Analyse the text and think deeply about what it says. " * 40
ANSWER = "<think>\nThe text says that one thing follows from another.\n</think>\n\n" + "So. " * 500


async def _serve(port: Connection) -> None:
    from aiohttp import web

    in_flight = peak = 0
    answer = {
        "model": MODEL,
        "choices": [{"message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 550},
    }
    body = json.dumps(answer).encode()

    async def chat(request: web.Request) -> web.Response:
        nonlocal in_flight, peak
        in_flight += 1
        peak = max(peak, in_flight)
        await request.read()
        await asyncio.sleep(LATENCY_SECONDS)
        in_flight -= 1
        return web.Response(body=body, content_type="application/json")

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": MODEL}]})

    async def take_peak(_request: web.Request) -> web.Response:
        nonlocal peak
        reached, peak = peak, 0
        return web.json_response(reached)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/peak", take_peak)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    port.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def _run_server(port: Connection) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1 << 14)), hard))
    with asyncio.Runner(loop_factory=make_event_loop) as runner:
        runner.run(_serve(port))


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that runs while the block does."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run_server, args=(theirs,))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def make_requests(number: int, first_seed: int) -> list[Request]:
    sampling = Sampling(temperature=0.6, top_p=0.95, max_tokens=1024)
    return [
        Request(messages=(Message("user", f"{PROMPT}{n}"),), model=MODEL, sampling=sampling, seed=n)
        for n in range(first_seed, first_seed + number)
    ]


def measure(what: str, engine: Engine, requests: list[Request], in_flight: int, url: str) -> None:
    cpu, start = time.process_time(), time.perf_counter()
    arrivals = []
    for _, answer in stream(engine, requests):
        arrivals.append(time.perf_counter() - start)
        if not isinstance(answer, Completion):
            raise TypeError(f"no answer: {answer}")
    cpu = time.process_time() - cpu
    peak = asyncio.run(_take_peak(url))
    rate = len(requests) / arrivals[-1]
    shares = f"{'':20}"
    if peak:
        middle = arrivals[-in_flight - 1] - arrivals[in_flight - 1]
        steady = (len(requests) - 2 * in_flight) / middle
        shares = "".join(f"{one * LATENCY_SECONDS / in_flight:10.1%}" for one in (rate, steady))
    micros = cpu / len(requests) * 1e6
    print(f"{what:32}{in_flight:>10}{peak:>8}{rate:>11.0f}{shares}{micros:>12.0f}", flush=True)


async def _take_peak(url: str) -> int:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(f"{url}/peak") as response:
        return int(await response.json())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[512, 1000])
    parser.add_argument("--cache", help="folder for answers; a temporary one when left out")
    known = parser.parse_args()
    titles = ("in flight", "peak", "answers/s", "of ideal", "steady", "CPU us each")
    widths = (10, 8, 11, 10, 10, 12)
    columns = "".join(f"{one:>{width}}" for one, width in zip(titles, widths, strict=True))
    print(f"{'':32}{columns}")
    with served() as url, tempfile.TemporaryDirectory() as folder:
        for turn, in_flight in enumerate(known.in_flight):
            config = EndpointConfig(url=f"{url}/v1", model=MODEL, max_in_flight=in_flight)
            requests = make_requests(known.requests, turn * known.requests)
            engine = OpenAIEngine(config)
            measure("engine", engine, requests, in_flight, url)
            engine.close()
            cached = CachedEngine(OpenAIEngine(config), RequestCache(known.cache or folder))
            measure("engine behind the cache", cached, requests, in_flight, url)
            again = make_requests(known.requests, turn * known.requests)
            measure("the same again, from the cache", cached, again, in_flight, url)
            cached.close()


if __name__ == "__main__":
    main()
