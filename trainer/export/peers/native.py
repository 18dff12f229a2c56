"""Engines of C and C++ on a bundle's weights: entry points of `lory.peers`.

What is not installed is an ImportError, which the table of `lory bench engines` shows as a row.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trainer.export.peers.reference import Told, made_whole, write_checkpoint_once


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """llama.cpp through llama-cpp-python's bindings of its C functions."""

    weights: str
    """GGUF type."""
    flash_attention: bool | None = None
    """None as llama.cpp chooses."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Write the GGUF file."""
        import gguf  # noqa: F401
        import llama_cpp  # noqa: F401

        from trainer.export.peers.formats import write_gguf
        from trainer.export.peers.imported import peer_weights

        with made_whole(folder / self.weights) as fresh:
            if fresh:
                write_gguf(peer_weights(bundle), fresh / "model.gguf", self.weights)

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Any, str]:
        """Load it with a context as long as the bundle's."""
        context = json.loads((bundle / "bundle.json").read_bytes())["context"]
        model = folder / self.weights / "model.gguf"
        peer = LlamaCppPeer(model, context, threads, self.flash_attention)
        return peer, version("llama-cpp-python")


class LlamaCppPeer:
    """A model and its context; the prompt goes in as one batch."""

    def __init__(self, model: Path, context: int, threads: int, flash: bool | None) -> None:
        import llama_cpp

        self._library: Any = llama_cpp
        llama_cpp.llama_backend_init()
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(str(model).encode(), settings)
        options = llama_cpp.llama_context_default_params()
        options.n_ctx = options.n_batch = context
        options.n_threads = options.n_threads_batch = threads
        if flash is not None:
            options.flash_attn_type = int(flash)
        self._context = llama_cpp.llama_init_from_model(self._model, options)
        if not self._context:
            raise RuntimeError(f"expected llama.cpp to load {model}, found that it does not")
        vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._vocabulary = llama_cpp.llama_vocab_n_tokens(vocabulary)

    def write(self, ids: Sequence[int], count: int, told: Told) -> int:
        """Clear the cache, read `ids`, then a token at a time."""
        memory = self._library.llama_get_memory(self._context)
        self._library.llama_memory_clear(memory, False)
        fed = list(ids)
        for _ in range(count):
            fed = [self._next(fed)]
            told(fed[0])
        return count

    def _next(self, ids: Sequence[int]) -> int:
        import numpy as np

        library = self._library
        tokens = (library.llama_token * len(ids))(*ids)  # the batch only points to it
        batch = library.llama_batch_get_one(tokens, len(ids))
        if status := library.llama_decode(self._context, batch):
            raise RuntimeError(f"expected llama_decode to give 0, found {status}")
        logits = library.llama_get_logits_ith(self._context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self._vocabulary,)).argmax())


@dataclass(frozen=True, slots=True)
class CTranslate2:
    """CTranslate2's generator."""

    weights: str
    """Its compute type."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Convert the checkpoint with CTranslate2's own converter."""
        from ctranslate2.converters import TransformersConverter

        out = folder / f"ctranslate2-{self.weights}"
        if not out.exists():
            converter = TransformersConverter(str(write_checkpoint_once(bundle, folder)))
            converter.convert(str(out), quantization=self.weights)

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Any, str]:
        """Load it on so many threads of one worker."""
        out = folder / f"ctranslate2-{self.weights}"
        return CTranslate2Peer(out, self.weights, threads), version("ctranslate2")


class CTranslate2Peer:
    """A generator, which takes tokens by their text."""

    def __init__(self, model: Path, weights: str, threads: int) -> None:
        import ctranslate2

        self._texts: list[str] = json.loads((model / "vocabulary.json").read_bytes())
        self._generator = ctranslate2.Generator(
            str(model), compute_type=weights, inter_threads=1, intra_threads=threads
        )

    def write(self, ids: Sequence[int], count: int, told: Told) -> int:
        """One greedy generation, which no token ends."""

        def step(result: Any) -> bool:
            told(result.token_id)
            return False

        self._generator.generate_batch(
            [[self._texts[token] for token in ids]],
            max_length=count,
            sampling_topk=1,
            end_token=[],
            include_prompt_in_result=False,
            callback=step,
        )
        return count


class Genai:
    """onnxruntime-genai, its own builder's int4 graph."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Build its graph from the checkpoint."""
        import onnx_ir  # noqa: F401
        import onnxruntime_genai  # noqa: F401

        source = write_checkpoint_once(bundle, folder)
        with made_whole(folder / "genai") as fresh:
            if fresh:
                cache = str(folder / "genai-cache")
                words = [
                    "-i",
                    str(source),
                    "-o",
                    str(fresh),
                    "-p",
                    "int4",
                    "-e",
                    "cpu",
                    "-c",
                    cache,
                ]
                module = "onnxruntime_genai.models.builder"
                subprocess.run([sys.executable, "-m", module, *words], check=True)

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Any, str]:
        """Load it."""
        return GenaiPeer(folder / "genai", threads), version("onnxruntime-genai")


class GenaiPeer:
    """A model that starts a generator for each prompt."""

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime_genai

        self._library = onnxruntime_genai
        config = onnxruntime_genai.Config(str(folder))
        session = {"intra_op_num_threads": threads}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": session}}}))
        self._model = onnxruntime_genai.Model(config)

    def write(self, ids: Sequence[int], count: int, told: Told) -> int:
        """Read `ids`, then a token at a time."""
        settings = self._library.GeneratorParams(self._model)
        settings.set_search_options(max_length=len(ids) + count, do_sample=False)
        generator = self._library.Generator(self._model, settings)
        generator.append_tokens([list(ids)])
        for _ in range(count):
            generator.generate_next_token()
            told(int(generator.get_next_tokens()[0]))
        return count


LLAMA_CPP_F32 = LlamaCpp("f32")
LLAMA_CPP_Q8_0 = LlamaCpp("q8_0")
LLAMA_CPP_Q8_0_NOFLASH = LlamaCpp("q8_0", flash_attention=False)
LLAMA_CPP_Q4_0 = LlamaCpp("q4_0")
CTRANSLATE2_INT8 = CTranslate2("int8")
GENAI_INT4 = Genai()
