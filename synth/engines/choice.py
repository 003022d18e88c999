"""Which engine a recipe asks for: exactly one of those there are."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from synth.engines.embedded import EmbeddedConfig
from synth.engines.endpoint import EndpointConfig
from synth.engines.engine import Engine
from synth.engines.transformers import TransformersConfig
from synth.engines.vllm import VllmConfig

AnyConfig = EndpointConfig | VllmConfig | TransformersConfig | EmbeddedConfig


class EngineConfig(BaseModel):
    """The model that writes, by where it runs; at most one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    endpoint: EndpointConfig | None = Field(
        None, description="A server that speaks OpenAI's API, or several of one model."
    )
    vllm: VllmConfig | None = Field(None, description="vLLM, started by each worker.")
    transformers: TransformersConfig | None = Field(
        None, description="transformers, in the worker's own process."
    )
    embedded: EmbeddedConfig | None = Field(
        None, description="A small model on the CPU, with numpy alone; one ships, for trying out."
    )

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        given = [name for name in EngineConfig.model_fields if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given; a run has one model")
        return self

    @property
    def engine(self) -> AnyConfig | None:
        """The one that is given; None when there is none."""
        return self.endpoint or self.vllm or self.transformers or self.embedded

    @property
    def model_identity(self) -> Any:
        """What of the model decides its answers; None when there is none."""
        return None if self.engine is None else self.engine.identity


def window_of(config: AnyConfig) -> int:
    """Requests that the engine has in flight in one worker process."""
    match config:
        case EndpointConfig():
            return config.window
        case VllmConfig():
            return config.max_in_flight
        case _:
            return config.slots


def open_engine(config: AnyConfig) -> Engine:
    """Start the engine; what takes long happens at its first request."""
    match config:
        case EndpointConfig():
            from synth.engines.openai import OpenAIEngine

            return OpenAIEngine(config)
        case VllmConfig():
            from synth.engines.vllm import VllmEngine

            return VllmEngine(config)
        case TransformersConfig():
            from synth.engines.transformers import TransformersEngine

            return TransformersEngine(config)
        case EmbeddedConfig():
            from synth.engines.embedded import EmbeddedEngine

            return EmbeddedEngine(config)
