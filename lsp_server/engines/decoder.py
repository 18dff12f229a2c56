"""Runs a decoder graph in onnxruntime over preallocated key-value buffers.

The keys and values of all positions lie in buffers that are bound as input and output of every
call: the graph writes the new positions in place and nothing is copied. Positions from `past` on
are overwritten, so rewinding is free. A slot is one set of buffers; several keep several prompts.

Shapes: S tokens of this call, T positions whose logits are wanted, V vocabulary.
"""

import ctypes
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lsp_server.contract.bundles.manifest import REBUILD, TensorSpec
from lsp_server.engines.prompt_cache import FEW_TOKENS
from lsp_server.errors import EngineError

INPUT_IDS = "input_ids"
LAST_POSITION = "seqlens_k"
"""int32 [1]: cached and new tokens together, less one, as GroupQueryAttention wants it."""
TOTAL_LENGTH = "total_sequence_length"
"""int32 scalar: cached and new tokens together."""
LOGITS_FROM = "logits_from"
"""int64 [1]: the first token of this call whose logits are wanted; all after it are given too."""
LOGITS = "logits"
PAST, PRESENT = "past_", "present_"

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Types of the key-value buffers, as onnxruntime writes them."""

PLAIN_ATTENTION = ("ORT_GQA_DISABLE_FLASH_ATTENTION", "1")
"""Of onnxruntime's two ways of attending on a processor, the one that reads a prompt of 512 tokens
in 45 ms instead of 52; it is chosen by a variable of the environment alone."""

SHORT_CALL = 64
"""Tokens; calls up to this long keep their bindings for the next of their size."""

MOST_CALLS = 512
"""Bindings that are kept, those used last; one takes some kilobytes, and part of a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Where a session's key-value buffers lie."""

    device: str = "cpu"
    """onnxruntime's name of it, such as `cuda`."""
    shared: bool = False
    """Whether the session reads inputs where they were bound; else binding copies them."""


IN_PLACE = Memory(shared=True)
"""A session on the CPU."""


@dataclass(frozen=True, slots=True)
class Call:
    """A binding with the arrays that it reads and writes, which must live as long as it does."""

    binding: Any
    ids_S: NDArray[np.int64]
    logits_TV: NDArray[np.float32]
    changing: dict[str, onnxruntime.OrtValue]
    """Small inputs by name, which are other ones in every call."""


class OnnxDecoder:
    """A session with its buffers; not for more than one thread at a time."""

    def __init__(self, session: onnxruntime.InferenceSession, memory: Memory = IN_PLACE) -> None:
        check_format(session)
        self._session = session
        self._memory = memory
        self.provider: str = session.get_providers()[0]
        self._caches = [tensor for tensor in session.get_inputs() if tensor.name.startswith(PAST)]
        self.context: int = self._caches[0].shape[2]
        self.vocabulary: int = next(t for t in session.get_outputs() if t.name == LOGITS).shape[-1]
        self._slots: dict[int, dict[str, onnxruntime.OrtValue]] = {}
        self._last_position = np.zeros(1, np.int32)
        self._total_length = np.array(0, np.int32)
        self._scalars = {
            LAST_POSITION: wrap(self._last_position),
            TOTAL_LENGTH: wrap(self._total_length),
        }
        self._calls: OrderedDict[tuple[int, int, int], Call] = OrderedDict()
        self._logits_TV = np.empty((FEW_TOKENS, self.vocabulary), np.float32)
        """Of every call that is kept."""

    def forward(
        self, ids: Sequence[int], past: int, wanted: int = 1, slot: int = 0
    ) -> NDArray[np.float32]:
        """Logits [T, V] of the last `wanted` of `ids`, which follow `past` cached tokens of `slot`.

        The array is a buffer of this decoder: the next call overwrites it.
        """
        self._last_position[0] = past + len(ids) - 1
        self._total_length[...] = past + len(ids)
        call = self._call(len(ids), wanted, slot)
        call.ids_S[0] = ids
        if not self._memory.shared:
            bind_inputs(call.binding, call.changing)
            call.binding.synchronize_inputs()
        self._session.run_with_iobinding(call.binding)
        if not self._memory.shared:
            call.binding.synchronize_outputs()
        return call.logits_TV

    def forget(self) -> None:
        """Give the buffers back, with what they hold of prompts; later calls make new ones."""
        self._calls.clear()
        self._slots.clear()
        self._logits_TV[:] = 0

    def _call(self, tokens: int, wanted: int, slot: int) -> Call:
        key = tokens, wanted, slot
        call = self._calls.get(key)
        if call is None:
            call = self._bind(*key)
            if tokens > SHORT_CALL or wanted > FEW_TOKENS:
                return call
            self._calls[key] = call
            if len(self._calls) > MOST_CALLS:
                self._calls.popitem(last=False)
        self._calls.move_to_end(key)
        return call

    def _bind(self, tokens: int, wanted: int, slot: int) -> Call:
        ids_S = np.zeros((1, tokens), np.int64)
        logits_TV = self._logits_TV[:wanted]
        if wanted > FEW_TOKENS:
            logits_TV = np.empty((wanted, self.vocabulary), np.float32)
        start = np.array([tokens - wanted], np.int64)
        cache = self._slots.get(slot) or self._allocate(slot)
        changing = self._scalars | {INPUT_IDS: wrap(ids_S), LOGITS_FROM: wrap(start)}
        binding = self._session.io_binding()
        bind_inputs(binding, changing | cache)
        for name, value in cache.items():
            binding.bind_ortvalue_output(name.replace(PAST, PRESENT), value)
        binding.bind_ortvalue_output(LOGITS, wrap(logits_TV[np.newaxis]))
        return Call(binding, ids_S, logits_TV, changing)

    def _allocate(self, slot: int) -> dict[str, onnxruntime.OrtValue]:
        buffers = {
            tensor.name: wrap(np.zeros(tensor.shape, FLOATS[tensor.type]), self._memory.device)
            for tensor in self._caches
        }
        self._slots[slot] = buffers
        return buffers


def bind_inputs(binding: Any, values: Mapping[str, onnxruntime.OrtValue]) -> None:
    """Name a call's inputs."""
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)


def wrap(array: NDArray[Any], device: str = "cpu") -> onnxruntime.OrtValue:
    """The array as onnxruntime's tensor: over the same memory, or copied to another device."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(array, device, 0)


def open_session(model: Path, threads: int, provider: str = CPU) -> onnxruntime.InferenceSession:
    """The graph on one of onnxruntime's execution providers, with the CPU for what it cannot do.

    Threads wait without spinning: a spinning thread takes the core that the editor needs.
    Raises EngineError where onnxruntime refuses the file.
    """
    os.environ.setdefault(*PLAIN_ATTENTION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = list(dict.fromkeys((provider, CPU)))
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=providers)
    except Exception as exc:  # onnxruntime's own exceptions share no public base class
        raise EngineError(
            f"{model}: expected a graph that onnxruntime {onnxruntime.__version__} runs, found: "
            f"{exc}; check it with: lory bundle check {model.parent}"
        ) from exc
    return_freed_memory()
    return session


def return_freed_memory() -> None:
    """Give the system back what the C library keeps of memory that was freed.

    To load a graph takes several times its size for a while; glibc keeps it, others do not.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


def kept_type(session: onnxruntime.InferenceSession) -> str:
    """The type of a graph's key-value buffers, as onnxruntime writes it; "" without any."""
    types = [tensor.type for tensor in session.get_inputs() if tensor.name.startswith(PAST)]
    return types[0] if types else ""


def describe_tensors(tensors: Sequence[Any]) -> tuple[TensorSpec, ...]:
    """A session's inputs or outputs, as it states them."""
    return tuple(
        TensorSpec(name=tensor.name, type=tensor.type, shape=tuple(tensor.shape))
        for tensor in tensors
    )


def check_format(session: onnxruntime.InferenceSession) -> None:
    """Raise EngineError unless the graph has the inputs and outputs that the decoder binds."""
    inputs = {tensor.name for tensor in session.get_inputs()}
    outputs = [tensor.name for tensor in session.get_outputs()]
    caches = {name for name in inputs if name.startswith(PAST)}
    expected_inputs = {INPUT_IDS, LAST_POSITION, TOTAL_LENGTH, LOGITS_FROM} | caches
    expected_outputs = {LOGITS} | {name.replace(PAST, PRESENT) for name in caches}
    if not caches or inputs != expected_inputs or set(outputs) != expected_outputs:
        raise EngineError(
            f"expected a decoder graph with inputs {sorted(expected_inputs)}, {PAST}* and outputs "
            f"to match, found {sorted(inputs)} and {sorted(outputs)}; {REBUILD}"
        )
