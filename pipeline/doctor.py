"""Does this machine have what a run needs? Each check really does the thing."""

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial

from extractors.routing import ExtractConfig, Input, extract, prepare
from extractors.sandbox import Ok, Sandbox
from filters.annotation import AnnotateConfig, build_annotators
from mixtures.tokenization import Tokenizer

MIN_MEMORY_BYTES = 4 << 30
"""Two workers of at most 2 GB each."""


def examine() -> int:
    """Print a line for each check; returns 0 when all that a local run needs is there."""
    needed: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("memory", _memory),
        ("sandboxed extraction", _sandbox),
        ("annotators", _annotators),
        ("tokenizer", _tokenizer),
        ("beam", _beam),
    ]
    optional: list[tuple[str, Callable[[], str]]] = [
        ("torch (reading windows)", _torch),
        ("bubblewrap (running code that a model wrote)", _code),
        ("java and maven (make demo-flink)", _java),
    ]
    is_ready = True
    for name, check in needed:
        is_ready &= _report(name, check, is_needed=True)
    for name, check in optional:
        _report(name, check, is_needed=False)
    print("ready" if is_ready else "not ready: see the lines marked FAIL")
    return 0 if is_ready else 1


def _report(name: str, check: Callable[[], str], *, is_needed: bool) -> bool:
    try:
        found = check()
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever is wrong
        print(f"{'FAIL' if is_needed else 'none':<5} {name}: {error}")
        return False
    print(f"{'ok':<5} {name}: {found}")
    return True


def _python() -> str:
    return sys.version.split()[0]


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if total < MIN_MEMORY_BYTES:
        raise MemoryError(f"{total / 1e9:.1f} GB, a run needs {MIN_MEMORY_BYTES / 1e9:.1f}")
    return f"{total / 1e9:.1f} GB, {len(os.sched_getaffinity(0))} cores"


def _sandbox() -> str:
    config = ExtractConfig()
    page = b"<html><body><article><p>The sandbox reads pages.</p></article></body></html>"
    item = Input(payload=page, media_type="text/html", charset=None, url=None, path=None)
    with Sandbox(
        partial(extract, config=config),
        time_limit_seconds=config.sandbox.time_limit_seconds,
        memory_limit_bytes=config.sandbox.memory_limit_bytes,
        prepare=partial(prepare, config=config),
    ) as sandbox:
        [result] = sandbox.map([item])
    if not isinstance(result, Ok):
        raise RuntimeError(f"a page did not extract: {result}")  # noqa: TRY004
    return "a child process read a page"


def _annotators() -> str:
    return ", ".join(one.name for one in build_annotators(AnnotateConfig()))


def _tokenizer() -> str:
    tokenizer = Tokenizer.load("qwen2.5", eod_token="<|endoftext|>", pad_token="<|fim_pad|>")
    return f"qwen2.5, {tokenizer.vocabulary_size:,} tokens, encoded by {tokenizer.encoder}"


def _beam() -> str:
    import apache_beam

    return str(apache_beam.__version__)


def _torch() -> str:
    import torch

    return str(torch.__version__)


def _code() -> str:
    from synth.sandbox.sandbox import Sandbox as CodeSandbox

    with CodeSandbox() as sandbox:
        said = sandbox.run_python({"main.py": "print(6 * 7)"}, "main.py")
    return f"a program ran and said {said.stdout.strip()}"


def _java() -> str:
    found = [shutil.which(name) for name in ("java", "mvn")]
    if None in found:
        raise FileNotFoundError("not on the PATH")
    return ", ".join(str(path) for path in found)
