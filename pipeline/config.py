"""The recipe: one YAML file that says what a run reads, does and writes.

Every part's settings live beside the code they configure; this module only composes them. What
is not known is refused, before any data is read, with the field, the value and what is allowed.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from extractors.routing import ExtractConfig
from filters.annotation import AnnotateConfig
from filters.dedup.config import DeduplicateConfig
from filters.rule import DecideConfig
from mixtures.spec import MixtureConfig
from pipeline.errors import ConfigError
from pipeline.storage.filesystem import read_text
from pipeline.storage.splits import SourceConfig
from pipeline.storage.strict_yaml import load_yaml
from pipeline.transforms.select_seeds import SeedsConfig
from synth.config import SynthConfig


class Recipe(BaseModel):
    """A whole run. Paths are relative to the folder the command is given in, or URLs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        description="Short name of the recipe, for titles."
    )
    output: str = Field(description="Folder of the run; every stage writes below it.")
    sources: Annotated[dict[str, SourceConfig], Field(min_length=1)] = Field(
        description="Inputs by name; the name becomes the documents' source column."
    )
    split_bytes: Annotated[int, Field(ge=1 << 16)] = Field(
        64 << 20, description="Input bytes of a shard; large files are cut, small ones gathered."
    )
    max_record_bytes: Annotated[int, Field(ge=1, le=1 << 30)] = Field(
        64 << 20, description="A larger record fails unread."
    )
    max_failed_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Share of a stage's rows that may fail before the run stops."
    )
    extract: ExtractConfig = Field(default_factory=ExtractConfig)
    annotate: AnnotateConfig = Field(default_factory=AnnotateConfig)
    deduplicate: DeduplicateConfig = Field(default_factory=DeduplicateConfig)
    decide: DecideConfig = Field(default_factory=DecideConfig)
    seeds: dict[str, SeedsConfig] = Field(
        default_factory=dict,
        description="Sets of kept documents by name, to make synthetic ones of.",
    )
    synthesize: SynthConfig = Field(default_factory=SynthConfig)
    mixture: MixtureConfig


def load_recipe(path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe; ``overrides`` are ``a.b=c`` with ``c`` in YAML.

    Raises ConfigError that lists every fault, each with its field, value and what is allowed.
    """
    try:
        value = load_yaml(read_text(path))
    except FileNotFoundError as error:
        raise ConfigError(f"no recipe at {path!r}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: a recipe is a mapping of fields, got {type(value).__name__}")
    for override in overrides:
        _override(value, override)
    return parse_recipe(value, name=path)


def parse_recipe(value: Mapping[str, Any], *, name: str) -> Recipe:
    """Check a decoded recipe; ``name`` stands at the head of the error message."""
    try:
        return Recipe.model_validate(value)
    except ValidationError as error:
        faults = [_describe(fault) for fault in error.errors()]
        raise ConfigError("\n".join([f"{name}: {len(faults)} fault(s)", *faults])) from error


def recipe_schema() -> str:
    """JSON Schema of a recipe, for editors."""
    return json.dumps(Recipe.model_json_schema(), indent=1) + "\n"


def _override(value: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {override!r}: write it as field.subfield=value")
    *parents, last = path.split(".")
    level: Any = value
    for step in parents:
        level = _step(level, step, override)
    try:
        parsed = load_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override!r}: not valid YAML: {error}") from error
    if isinstance(level, list):
        level[_index(level, last, override)] = parsed
    elif isinstance(level, dict):
        level[last] = parsed
    else:
        raise ConfigError(f"--set {override!r}: {last!r} stands below a value, not a mapping")


def _step(level: Any, step: str, override: str) -> Any:
    if isinstance(level, list):
        return level[_index(level, step, override)]
    if isinstance(level, dict):
        if level.get(step) is None:
            level[step] = {}
        return level[step]
    raise ConfigError(f"--set {override!r}: {step!r} stands below a value, not a mapping")


def _index(level: list[Any], step: str, override: str) -> int:
    if not step.isdigit() or int(step) >= len(level):
        raise ConfigError(f"--set {override!r}: {step!r} is no index of a list of {len(level)}")
    return int(step)


def _describe(fault: Any) -> str:
    """One fault as ``field: got VALUE: what is allowed``."""
    path = ".".join(str(part) for part in fault["loc"]) or "(recipe)"
    if fault["type"] == "extra_forbidden":
        return f"  {path}: unknown field; allowed here: {', '.join(_allowed(fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"  {path}: required, and missing"
    got = json.dumps(fault["input"], default=str)
    shown = got if len(got) <= 80 else got[:77] + "..."  # noqa: PLR2004 - one line of a terminal
    return f"  {path}: got {shown}: {fault['msg']}"


def _allowed(path: Sequence[str | int]) -> list[str]:
    """Names of the fields of the model at ``path`` below the recipe."""
    schema: Any = Recipe.model_json_schema()
    definitions = schema.get("$defs", {})
    level = schema
    for part in path:
        options = [_resolve(option, definitions) for option in level.get("anyOf", [level])]
        level = {}
        for option in options:
            if isinstance(part, str) and part in option.get("properties", {}):
                level = option["properties"][part]
            elif isinstance(part, str) and isinstance(option.get("additionalProperties"), dict):
                level = option["additionalProperties"]
            elif isinstance(part, int) and isinstance(option.get("items"), dict):
                level = option["items"]
        level = _resolve(level, definitions)
    names: set[str] = set()
    for option in level.get("anyOf", [level]):
        names.update(_resolve(option, definitions).get("properties", {}))
    return sorted(names)


def _resolve(schema: Any, definitions: Any) -> Any:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema
