"""Opens a graph on the CPU or GPU that the setting `device` asks for.

A GPU needs onnxruntime's build for CUDA, an NVIDIA driver, the CUDA and cuDNN libraries, and a
graph of 16-bit floats, for onnxruntime's attention on CUDA takes no others. What of these is
missing is said in one line: as an error where CUDA is asked for, else in the log.
"""

import ctypes
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from lsp_server.engines.decoder import CUDA, IN_PLACE, Memory, kept_type, open_session
from lsp_server.errors import EngineError
from lsp_server.settings import Device

CUDNN_MAJOR = "9"
REPLACE = (
    "replace it: pip uninstall -y onnxruntime, then "
    "pip install --force-reinstall --no-deps onnxruntime-gpu"
)
LIBRARIES = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
REEXPORT = "export one for GPUs with: lory-train export --export.precisions '[fp16]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is there to run a graph on a GPU."""

    runtime: str
    """onnxruntime's version."""
    built_for: str
    """The CUDA version of that build, such as 13.0; "" for the build for processors."""
    driver: str
    """The newest CUDA version that the NVIDIA driver knows; "" without a driver."""
    loads: Callable[[str], bool]
    """Whether a shared library is found."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A session, and what it runs on."""

    session: onnxruntime.InferenceSession
    memory: Memory
    missing: str = ""
    """Why it is not on a GPU, where one was looked for."""


def place(model: Path, threads: int, device: Device, machine: Machine | None = None) -> Placement:
    """The graph on CUDA where that is asked for and can be, else on the CPU.

    `machine` is this one, unless a test says otherwise. Raises EngineError where CUDA alone is
    asked for and something is missing, or onnxruntime refuses the file.
    """
    session = open_session(model, threads)
    if device is Device.CPU:
        return Placement(session, IN_PLACE)
    missing = missing_parts(machine or this_machine())
    if not missing and kept_type(session) != "tensor(float16)":
        missing = f"a graph of 16-bit floats: this one was made for processors; {REEXPORT}"
    if not missing:
        session = open_session(model, threads, CUDA)
        if session.get_providers()[0] == CUDA:
            return Placement(session, Memory(device="cuda"))
        missing = "a CUDA provider that starts; its reason is on standard error"
    if device is Device.CUDA:
        raise EngineError(f"device cuda: expected all that it needs, missing: {missing}")
    return Placement(session, IN_PLACE, missing)


def missing_parts(machine: Machine) -> str:
    """What a machine lacks to run graphs on a GPU, in one line; "" where nothing is missing."""
    if not machine.built_for:
        return f"onnxruntime {machine.runtime} is the build for processors; {REPLACE}"
    major = machine.built_for.split(".")[0]
    missing = []
    if not machine.driver:
        missing.append(f"an NVIDIA driver for CUDA {major} or newer (none found)")
    elif int(machine.driver.split(".")[0]) < int(major):
        missing.append(f"an NVIDIA driver for CUDA {major} or newer (found {machine.driver})")
    wanted = {
        f"CUDA {major}": (f"cudart.{major}", f"cublasLt.{major}", f"cublas.{major}"),
        f"cuDNN {CUDNN_MAJOR}": (f"cudnn.{CUDNN_MAJOR}",),
    }
    for name, libraries in wanted.items():
        if absent := [library for library in libraries if not machine.loads(library)]:
            missing.append(f"{name} ({', '.join(map(file_of, absent))} not found; {LIBRARIES})")
    return ", ".join(missing)


def this_machine() -> Machine:
    """What is there."""
    built_for = getattr(onnxruntime, "cuda_version", "")
    if CUDA not in onnxruntime.get_available_providers():
        built_for = ""
    if built_for and hasattr(onnxruntime, "preload_dlls"):
        with redirect_stdout(sys.stderr):  # finds what pip has installed, and tells what it cannot
            onnxruntime.preload_dlls()
    return Machine(
        runtime=onnxruntime.__version__,
        built_for=built_for,
        driver=driver_version() if built_for else "",
        loads=can_load,
    )


def driver_version() -> str:
    """The newest CUDA version that the NVIDIA driver knows; "" without a driver."""
    number = ctypes.c_int(0)
    with suppress(OSError, AttributeError):
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        if driver.cuDriverGetVersion(ctypes.byref(number)) == 0 and number.value:
            return f"{number.value // 1000}.{number.value % 1000 // 10}"
    return ""


def can_load(library: str) -> bool:
    """Whether a shared library such as `cudnn.9` is found."""
    with suppress(OSError):
        ctypes.CDLL(file_of(library))
        return True
    return False


def file_of(library: str) -> str:
    """A library's file name on this system."""
    name, major = library.split(".")
    if sys.platform == "win32":
        return f"{name}64_{major}.dll"
    return f"lib{name}.so.{major}"


def describe_device(device: Device) -> str:
    """What `lory plugins` says of the setting, without loading a graph."""
    if device is Device.CPU:
        return "CPU"
    missing = missing_parts(this_machine())
    return f"CPU; for a GPU is missing: {missing}" if missing else "CUDA, for graphs of 16 bits"
