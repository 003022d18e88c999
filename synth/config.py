"""The synth part of a recipe: which endpoint, which strategies, and what makes a run the same."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from synth.engines.openai import EndpointConfig
from synth.strategies import mathematics
from synth.strategies.mathematics import MathematicsConfig
from synth.verification.mathematics import POLICY_VERSION, verifier_name


class SynthConfig(BaseModel):
    """Synthetic documents; nothing is made without an endpoint and a strategy."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    endpoint: EndpointConfig | None = Field(
        None, description="The model server; null skips the whole stage."
    )
    mathematics: MathematicsConfig | None = Field(
        None, description="Solutions to mathematics problems, checked; null leaves them out."
    )
    cache: str | None = Field(
        None,
        description="Folder of stored answers, which runs may share; null keeps it in the run's "
        "own folder. What has been asked once is not asked again.",
    )


def skip_reason(config: SynthConfig) -> str | None:
    """Why nothing will be made, for the log and the report; None when something will."""
    if config.endpoint is None:
        return "the recipe names no endpoint (synthesize.endpoint)"
    if config.mathematics is None:
        return "the recipe names no strategy (synthesize.mathematics)"
    return None


def identity(config: SynthConfig) -> dict[str, Any]:
    """What decides the documents: model, sampling, prompts, versions.

    Address, key, patience, cache and number of connections are left out, so moving the server
    makes nothing anew; so are the paths of the problems, whose content is an input of its own.
    """
    model = None if config.endpoint is None else config.endpoint.model
    solving = None
    if config.mathematics is not None:
        solving = config.mathematics.model_dump(mode="json", exclude={"problems"}) | {
            "template": mathematics.template(),
            "version": mathematics.VERSION,
            "verifier": verifier_name(),
            "policy_version": POLICY_VERSION,
        }
    return {"model": model, "mathematics": solving}
