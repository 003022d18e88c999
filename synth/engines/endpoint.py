"""Where a model is served: addresses, key, patience and limits of an OpenAI-compatible API."""

import os
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.errors import ConfigError


class EndpointConfig(BaseModel):
    """Where requests go and how patiently. Only ``model`` decides what comes back."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: str | None = Field(
        None,
        description="Base of the API up to and with its version, e.g. http://localhost:8000/v1.",
    )
    urls: list[str] = Field(
        default_factory=list,
        description="Several servers of the same model, in place of url. A request goes to the one "
        "with the fewest in flight; one that fails is left out until it answers again.",
    )
    model: Annotated[str, Field(min_length=1)] = Field(description="Model name the server knows.")
    api_key_env: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the API key; null sends none.",
    )
    max_in_flight: Annotated[int, Field(ge=1, le=10_000)] = Field(
        64, description="Requests one worker process keeps in flight at each server."
    )
    requests_per_minute: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Most requests a minute of one worker process, to all servers together: the "
        "account's limit divided by the number of worker processes. null sets no limit.",
    )
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="Most tokens a minute, prompts and completions together, counted the same way.",
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        6, description="Attempts for each request before it counts as failed."
    )
    attempt_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        600.0, description="Longest wait for one attempt, generation included."
    )
    ready_timeout_seconds: Annotated[float, Field(ge=0)] = Field(
        300.0,
        description="Longest wait while no server is up, before the first request or later.",
    )

    @property
    def identity(self) -> str:
        """What decides the answers: the model alone."""
        return self.model

    @property
    def servers(self) -> tuple[str, ...]:
        """Bases of all servers, without a slash at the end."""
        return tuple(self.urls) if self.url is None else (self.url,)

    @property
    def window(self) -> int:
        """Requests that one worker process keeps in flight at all servers together."""
        return self.max_in_flight * len(self.servers)

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        return None if url is None else _checked(url)

    @field_validator("urls")
    @classmethod
    def _check_urls(cls, urls: list[str]) -> list[str]:
        checked = [_checked(url) for url in urls]
        if len(set(checked)) < len(checked):
            raise ValueError("names a server twice")
        return checked

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.url is None) == (not self.urls):
            raise ValueError("give either url or urls")
        return self

    def read_api_key(self) -> str | None:
        """The key from the environment; None where none is sent. ConfigError when it is not set."""
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env)
        if not key:
            raise ConfigError(
                f"endpoint.api_key_env: the environment variable {self.api_key_env} "
                "is not set where the worker runs"
            )
        return key


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http(s) URL such as http://localhost:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("give no user, password or query in the URL: use api_key_env")
    return url.rstrip("/")
