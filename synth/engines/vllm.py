"""vLLM in the worker: Beam's handler starts its server, our window of requests uses it.

Beam's ``VLLMChatModelHandler`` asks a batch and waits for the slowest answer of it before the next;
here requests go to the port of the same server through ``OpenAIEngine``, so that its batch stays
full. The server begins at the first request, in a process group of its own.
"""

import json
import threading
from concurrent.futures import Future
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from pipeline.errors import ConfigError
from synth.engines.endpoint import EndpointConfig
from synth.request import Answered, Request

OWN_ARGUMENTS = frozenset({"model", "host", "port", "served_model_name", "api_key"})
"""Arguments of the server that are set here."""


class VllmConfig(BaseModel):
    """Which model, and how the server is started."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: Annotated[str, Field(min_length=1)] = Field(
        description="Name on the hub, or a folder where the worker runs."
    )
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Arguments of the server, as in {max_model_len: 32768}. true gives the flag "
        "alone, false its --no- form, null leaves it out; lists and mappings are given as JSON.",
    )
    import_modules: list[str] = Field(
        default_factory=list,
        description="Python modules that vLLM imports in each of its processes before it loads "
        "the model, for models that register themselves.",
    )
    max_in_flight: Annotated[int, Field(ge=1, le=10_000)] = Field(
        256, description="Requests kept in flight; vLLM's max_num_seqs or somewhat more."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        6, description="Attempts for each request before it counts as failed."
    )
    attempt_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        3600.0, description="Longest wait for one attempt, generation included."
    )
    ready_timeout_seconds: Annotated[float, Field(ge=0)] = Field(
        1800.0, description="Longest wait for the server: it may fetch and compile the model."
    )

    @field_validator("arguments")
    @classmethod
    def _check_arguments(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        taken = sorted(name for name in arguments if name.replace("-", "_") in OWN_ARGUMENTS)
        if taken:
            raise ValueError(f"{', '.join(taken)}: set here already; leave out")
        return arguments

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers; not how many at a time."""
        return {
            "model": self.model,
            "arguments": self.arguments,
            "import_modules": self.import_modules,
        }

    @property
    def flags(self) -> dict[str, str | None]:
        """The arguments as Beam's handler takes them: names with values, None for a bare flag."""
        flags: dict[str, str | None] = {}
        for given, value in self.arguments.items():
            name = given.replace("_", "-")
            if value is True:
                flags[name] = None
            elif value is False:
                flags[f"no-{name}"] = None
            elif value is not None:
                flags[name] = value if isinstance(value, str) else json.dumps(value)
        return flags


class VllmEngine:
    """A server of its own for this process, shared by all its threads.

    When the server ends by itself, all requests without an answer raise ConfigError with the last
    lines it wrote; the next request starts another server.
    """

    def __init__(self, config: VllmConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._running: _Running | None = None

    @property
    def max_in_flight(self) -> int:
        """As configured."""
        return self._config.max_in_flight

    def submit(self, request: Request) -> Future[Answered]:
        """As :meth:`Engine.submit`; starts the server when there is none."""
        with self._lock:
            if self._running is None or self._running.has_ended:
                if self._running is not None:
                    self._running.close()
                self._running = _Running(self._config)
            engine = self._running.engine
        return engine.submit(request)

    def close(self) -> None:
        """Cancel what has no answer, and end the server with all its processes."""
        with self._lock:
            if self._running is not None:
                self._running.close()
                self._running = None


class _Running:
    """A server, the engine that asks it, and a thread that notices its end."""

    def __init__(self, config: VllmConfig) -> None:
        try:
            from synth.engines.vllm_server import start_server
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"vllm: {error.name} is not installed where the worker runs; install vllm there"
            ) from error
        from synth.engines.openai import OpenAIEngine

        self._server = start_server(config.model, config.flags, tuple(config.import_modules))
        self.engine = OpenAIEngine(
            EndpointConfig(
                url=f"http://127.0.0.1:{self._server.get_server_port()}/v1",
                model=config.model,
                max_in_flight=config.max_in_flight,
                max_attempts=config.max_attempts,
                attempt_timeout_seconds=config.attempt_timeout_seconds,
                ready_timeout_seconds=config.ready_timeout_seconds,
            )
        )
        self.has_ended = False
        self._is_closing = False
        self._watcher = threading.Thread(target=self._watch, name="vllm-watch", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        self._is_closing = True
        self.engine.close()
        self._server.stop()
        self._watcher.join()

    def _watch(self) -> None:
        status = self._server.wait()
        if not self._is_closing:
            self.engine.fail(
                ConfigError(
                    f"vllm: the server ended with status {status}; it was started by\n"
                    f"{self._server.command}\nand its last lines were\n{self._server.tail}"
                )
            )
        self.has_ended = True
