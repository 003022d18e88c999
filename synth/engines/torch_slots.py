"""Slots around any causal language model of transformers: its own layers, another attention.

A step is a fixed number of rows, each one token of one slot: while answers are written, one row a
slot; while prompts are read, as many of their tokens as fit, packed. A row attends to the positions
of its slot that are filled, so nothing is padded to the longest prompt. transformers hands each
layer's new keys and values to the attention registered here, which keeps them in the slots.

On a GPU both steps are recorded once as CUDA graphs, with sampling inside, and replayed: launched
one by one, the kernels of a step take far longer to launch than to run.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from synth.engines import sampling
from synth.engines.chatml import TURN_END, chatml_prompt
from synth.engines.slot_state import SlotState
from synth.engines.slots import Admission, Ids
from synth.request import Message

ATTENTION = "synth_slots"
"""Name of the attention in transformers' registry; models are to be loaded with it."""

STEPS_PER_ROUND_GPU = 8
"""Steps between looks at what was written: on average half as many are wasted after an end."""

PROMPT_ROWS_GPU = 512
"""Prompt tokens read in a step: enough that arithmetic, not the reading of weights, takes the time
(an H100 does 989 TFLOP/s in bfloat16 and reads 3.35 TB/s by its data sheet: from 295 rows on)."""

PROMPT_ROWS_CPU = 64
NUM_WARM_UPS = 3
"""Runs before a graph is recorded, as torch.cuda.graph asks for; the first one compiles."""


class TorchSlots:
    """A ``SlotModel`` over ``model``, which was loaded with ``ATTENTION`` and is on its device.

    Raises ValueError for a model whose attention is not plain and causal, and torch's own error
    when the slots do not fit the memory. ``is_compiled`` fuses each layer's small operations by
    torch.compile; one compilation serves all layers.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        num_slots: int,
        context_tokens: int,
        is_compiled: bool,
    ) -> None:
        self._model = model.eval().requires_grad_(requires_grad=False)
        self._tokenizer = tokenizer
        self._state = SlotState(num_slots, context_tokens)
        self._stop_ids = _find_stop_ids(model, tokenizer)
        self._device: torch.device = model.device
        is_gpu = self._device.type == "cuda"
        num_steps = STEPS_PER_ROUND_GPU if is_gpu else 1
        num_prompt_rows = PROMPT_ROWS_GPU if is_gpu else PROMPT_ROWS_CPU
        self._draw = _draw_on_gpu if is_gpu else _draw_on_cpu

        with torch.inference_mode():
            # The state on the device, where the steps of a round move it on.
            self._row_ids = self._zeros(3, num_slots, dtype=torch.int64)
            self._row_floats = self._zeros(2, num_slots, dtype=torch.float32)
            self._uniforms = self._zeros(num_slots, context_tokens, dtype=torch.float32)
            self._slots = torch.arange(num_slots, device=self._device)
            self._history = self._zeros(num_slots, num_steps, dtype=torch.int64)
            self._step_index = self._zeros(1, dtype=torch.int64)
            self._prompt_rows = self._zeros(3, num_prompt_rows, dtype=torch.int64)
            self._prompt_rows[1] = num_slots  # the slot that takes what belongs to none
            _add_slots(model, num_slots + 1, context_tokens)
            if is_compiled:
                for layer in model.base_model.layers:
                    layer.compile(dynamic=False)
            self._read = self._recorded(self._read_prompt_rows)
            self._step = self._recorded(self._step_slots)

    @property
    def num_slots(self) -> int:
        """Answers written at a time."""
        return self._state.num_slots

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together."""
        return self._state.context_tokens

    @property
    def stop_ids(self) -> frozenset[int]:
        """What the model's generation config and its tokenizer name as the end."""
        return self._stop_ids

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """By the tokenizer's chat template, else in ChatML; the messages are passed as they are."""
        if self._tokenizer.chat_template is None:
            return list(self._tokenizer.encode(chatml_prompt(messages), add_special_tokens=False))
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return list(
            self._tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=True, return_dict=False
            )
        )

    def decode(self, ids: Sequence[int]) -> str:
        """Exact, but for special tokens."""
        return str(
            self._tokenizer.decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    @torch.inference_mode()
    def admit(self, admissions: Sequence[Admission]) -> None:
        """As :meth:`SlotState.admit`; the device reads the prompts while this returns."""
        rows = self._state.admit(admissions)
        slots = [admission.slot for admission in admissions]
        noise = torch.from_numpy(self._state.uniforms[slots]).to(self._device)
        self._uniforms.index_copy_(0, torch.tensor(slots, device=self._device), noise)
        for chunk in self._state.fixed_rows(rows, self._prompt_rows.shape[1]):
            self._prompt_rows.copy_(torch.from_numpy(chunk))
            self._read()

    def release(self, slots: Sequence[int]) -> None:
        """The slots attend to a single position from now on, until they are taken again."""
        self._state.release(slots)

    @torch.inference_mode()
    def launch(self) -> None:
        """Send a round of steps to the device."""
        state = self._state
        ids = np.stack([state.tokens, state.positions, state.is_active])
        self._row_ids.copy_(torch.from_numpy(ids))
        floats = np.stack([state.temperatures, state.top_ps])
        self._row_floats.copy_(torch.from_numpy(floats))
        self._step_index.zero_()
        for _ in range(self._history.shape[1]):
            self._step()

    @torch.inference_mode()
    def collect(self) -> Ids:
        """Wait for the round and take its tokens."""
        drawn: Ids = self._history.cpu().numpy().copy()
        self._state.advance(drawn)
        return drawn

    def _read_prompt_rows(self) -> None:
        tokens, slots, positions = self._prompt_rows
        self._model.base_model(
            input_ids=tokens[:, None],
            position_ids=positions[:, None],
            use_cache=False,
            row_slots=slots,
            row_positions=positions,
        )

    def _step_slots(self) -> None:
        tokens, positions, is_active = self._row_ids
        logits = self._model(
            input_ids=tokens[:, None],
            position_ids=positions[:, None],
            use_cache=False,
            row_slots=self._slots,
            row_positions=positions,
        ).logits[:, 0]
        temperatures, top_ps = self._row_floats
        uniforms = self._uniforms.gather(1, positions[:, None])[:, 0]
        drawn = self._draw(logits, temperatures, top_ps, uniforms)
        self._history.index_copy_(1, self._step_index, drawn[:, None])
        self._step_index.add_(1)
        tokens.copy_(drawn)
        positions.add_(is_active).clamp_(max=self._state.context_tokens - 1)

    def _recorded(self, step: Callable[[], None]) -> Callable[[], None]:
        """``step`` as one launch, on a GPU; elsewhere as it is, after a first run."""
        if self._device.type != "cuda":
            step()
            self._step_index.zero_()
            return step
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(NUM_WARM_UPS):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        self._step_index.zero_()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            step()
        self._step_index.zero_()
        return graph.replay

    def _zeros(self, *shape: int, dtype: torch.dtype) -> torch.Tensor:
        return torch.zeros(*shape, dtype=dtype, device=self._device)


def register_attention() -> None:
    """Make ``ATTENTION`` known to transformers; again is harmless."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend_in_slots)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _attend_in_slots(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    row_slots: torch.Tensor,
    row_positions: torch.Tensor,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Keep the rows' keys and values in their slots, then attend to all of them so far."""
    if attention_mask is not None:
        raise ValueError("rows of slots take no attention mask")
    _check_plain(kwargs, module.slot_keys.shape[2])
    query, key, value = query[:, :, 0], key[:, :, 0], value[:, :, 0]
    module.slot_keys[row_slots, :, row_positions] = key
    module.slot_values[row_slots, :, row_positions] = value
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    attend = _attend_on_gpu if query.is_cuda else _attend_on_cpu
    mixed = attend(query, module.slot_keys, module.slot_values, row_slots, row_positions + 1, scale)
    return mixed[:, None], None


def _check_plain(kwargs: dict[str, Any], context_tokens: int) -> None:
    window = kwargs.get("sliding_window")
    if window is not None and window < context_tokens:
        raise ValueError(
            f"attends to the last {window} tokens only, in a context of {context_tokens}"
        )
    unknown = [name for name in ("softcap", "s_aux", "position_bias") if kwargs.get(name)]
    if unknown:
        raise ValueError(f"its attention needs {', '.join(unknown)}")


def _attend_on_gpu(*args: Any) -> torch.Tensor:
    from synth.engines import gpu_kernels

    return gpu_kernels.attend_rows(*args)


def _attend_on_cpu(  # noqa: PLR0917 - as the kernel on a GPU
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    slots: torch.Tensor,
    lengths: torch.Tensor,
    scale: float,
) -> torch.Tensor:
    from synth.engines.attention_kernel import attend_rows

    arrays = [tensor.contiguous().numpy() for tensor in (query, keys, values, slots, lengths)]
    return torch.from_numpy(attend_rows(*arrays, scale))


def _draw_on_gpu(*args: torch.Tensor) -> torch.Tensor:
    from synth.engines import gpu_kernels

    return gpu_kernels.draw(*args)


def _draw_on_cpu(
    logits: torch.Tensor,
    temperatures: torch.Tensor,
    top_ps: torch.Tensor,
    uniforms: torch.Tensor,
) -> torch.Tensor:
    rows = sampling.RowSampling(temperatures.numpy(), top_ps.numpy(), uniforms.numpy())
    return torch.from_numpy(sampling.draw(logits.numpy(), rows))


def _add_slots(model: Any, num_slots: int, context_tokens: int) -> None:
    """Give every attention module of the model room for the keys and values of all slots."""
    config = model.config.get_text_config()
    num_heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // num_heads
    num_key_heads = getattr(config, "num_key_value_heads", None) or num_heads
    modules = [part for part in model.modules() if hasattr(part, "k_proj")]
    if len(modules) != config.num_hidden_layers:
        raise ValueError(f"no attention that keeps keys apart in each layer ({type(model)})")
    shape = (num_slots, num_key_heads, context_tokens, size)
    for module in modules:
        module.slot_keys = torch.zeros(shape, dtype=model.dtype, device=model.device)
        module.slot_values = torch.zeros_like(module.slot_keys)


def _find_stop_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = getattr(model.generation_config, "eos_token_id", None)
    ids = set(configured if isinstance(configured, list) else [configured])
    ids.add(tokenizer.eos_token_id)
    if tokenizer.chat_template is None:
        # The ChatML that takes a template's place ends a turn by its own token.
        ids.update(tokenizer.convert_tokens_to_ids([TURN_END]))
    return frozenset(int(one) for one in ids if one is not None)
