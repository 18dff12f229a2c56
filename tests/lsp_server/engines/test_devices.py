"""Devices: what a GPU lacks is named, and the way to one gives the same numbers."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import encode
from lsp_server.engines.decoder import IN_PLACE, Memory, OnnxDecoder, open_session
from lsp_server.engines.devices import (
    Machine,
    describe_device,
    driver_version,
    missing_parts,
    place,
    this_machine,
)
from lsp_server.errors import EngineError
from lsp_server.settings import Device

Graphs = Callable[[str, str], Path]
COMPLETE = Machine(runtime="1.31.1", built_for="13.0", driver="13.1", loads=lambda library: True)
COPYING = Memory(device="cpu", shared=False)
"""Goes the way of a GPU's memory, on the CPU."""


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (COMPLETE, []),
        (
            replace(COMPLETE, built_for=""),
            ["1.31.1 is the build for processors", "onnxruntime-gpu"],
        ),
        (replace(COMPLETE, driver=""), ["NVIDIA driver for CUDA 13 or newer (none found)"]),
        (replace(COMPLETE, driver="12.4"), ["CUDA 13 or newer (found 12.4)"]),
        (replace(COMPLETE, built_for="12.8", driver="12.4"), []),
        (
            replace(COMPLETE, loads=lambda library: not library.startswith("cudnn")),
            ["cuDNN 9 (", "cudnn", "pip install 'onnxruntime-gpu[cuda,cudnn]'"],
        ),
        (
            replace(COMPLETE, driver="", loads=lambda library: False),
            ["driver for CUDA 13", "CUDA 13 (", "cublasLt", "cuDNN 9 ("],
        ),
    ],
)
def test_what_a_machine_lacks_is_named_in_one_line(machine: Machine, said: list[str]) -> None:
    missing = missing_parts(machine)
    assert bool(missing) == bool(said)
    assert "\n" not in missing
    for words in said:
        assert words in missing


def test_this_machine_is_looked_at_without_an_error() -> None:
    machine = this_machine()
    assert machine.runtime
    assert not machine.loads("no_such_library.1")
    assert driver_version() == "" or "." in driver_version()
    assert describe_device(Device.CPU) == "CPU"
    assert describe_device(Device.AUTO).startswith(("CPU; for a GPU is missing: ", "CUDA"))


def test_without_a_gpu_auto_runs_on_the_cpu_and_says_why_and_cuda_is_an_error(
    graphs: Graphs,
) -> None:
    model, bare = graphs("llama", "fp32"), replace(COMPLETE, driver="")
    placement = place(model, 1, Device.AUTO, bare)
    assert placement.session.get_providers() == ["CPUExecutionProvider"]
    assert placement.memory is IN_PLACE
    assert "NVIDIA driver" in placement.missing
    assert place(model, 1, Device.CPU, bare).missing == ""
    with pytest.raises(EngineError, match="device cuda: .* NVIDIA driver"):
        place(model, 1, Device.CUDA, bare)


def test_a_graph_for_processors_is_told_how_to_become_one_for_gpus(graphs: Graphs) -> None:
    for precision in ("fp32", "int8"):
        placement = place(graphs("llama", precision), 1, Device.AUTO, COMPLETE)
        assert "--export.precisions '[fp16]'" in placement.missing


def test_a_provider_that_does_not_start_falls_back_to_the_cpu(graphs: Graphs) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnxruntime's own, that it has no such provider
        placement = place(graphs("llama", "fp16"), 1, Device.AUTO, COMPLETE)
    if placement.session.get_providers()[0] == "CPUExecutionProvider":
        assert "a CUDA provider that starts" in placement.missing
        assert placement.memory is IN_PLACE


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_copied_inputs_give_what_shared_ones_do(
    precision: str, graphs: Graphs, small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    model = graphs("llama", precision)
    ids = encode(small_tokenizer, small_corpus[0])[:60]
    shared, copying = (OnnxDecoder(open_session(model, 1), how) for how in (IN_PLACE, COPYING))
    for start, end in ((0, 40), (40, 41), (41, 42), (42, 50), (30, 31)):
        expected_TV = shared.forward(ids[start:end], start, end - start, slot=1)
        found_TV = copying.forward(ids[start:end], start, end - start, slot=1)
        assert np.array_equal(found_TV, expected_TV)
        assert np.ptp(found_TV) > 0.1


def test_a_graph_of_16_bit_floats_stays_near_the_one_of_32(
    graphs: Graphs, small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    ids = encode(small_tokenizer, small_corpus[0])[:60]
    whole, half = (
        OnnxDecoder(open_session(graphs("llama", precision), 1)).forward(ids, 0, len(ids)).copy()
        for precision in ("fp32", "fp16")
    )
    assert half.dtype == np.float32
    assert 0 < np.abs(half - whole).max() < 0.02 * np.ptp(whole)
