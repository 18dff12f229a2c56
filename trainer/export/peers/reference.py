"""A bundle's weights in float32 for comparison, and in transformers.

Each peer converts the bundle once and then writes greedy tokens from token ids; those of C and C++
are in `native.py`.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lsp_server.contract.prompt import Sentinel
from lsp_server.contract.records import write_record

Told = Callable[[int], None]

CHECKPOINT = "checkpoint"


def write_checkpoint_once(bundle: Path, folder: Path) -> Path:
    """The bundle as a folder that transformers loads, made once."""
    from trainer.export.peers.formats import write_checkpoint
    from trainer.export.peers.imported import peer_weights

    out = folder / CHECKPOINT
    with made_whole(out) as fresh:
        if fresh:
            write_checkpoint(peer_weights(bundle), fresh)
            shutil.copyfile(bundle / "tokenizer.json", fresh / "tokenizer.json")
            settings = {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": Sentinel.FILE.text,
                "eos_token": Sentinel.END.text,
                "pad_token": Sentinel.PAD.text,
                "unk_token": Sentinel.PAD.text,
            }
            write_record(fresh / "tokenizer_config.json", settings)
    return out


@contextmanager
def made_whole(out: Path) -> Iterator[Path | None]:
    """A folder to fill that gets its name once it is complete; None where it is there."""
    if out.exists():
        yield None
        return
    fresh = out.with_name(f"{out.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    yield fresh
    fresh.rename(out)


class FloatGraph:
    """Lory's decoder on the float32 graph of the bundle's weights: the reference."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Build the graph."""
        import onnx

        from trainer.export.graph.decoders import build_graph
        from trainer.export.graph.weights import read_weights

        with made_whole(folder / "float") as fresh:
            if fresh:
                graph = build_graph(read_weights(bundle / "model.onnx"), "fp32")
                onnx.save(graph, fresh / "model.onnx")

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Any, str]:
        """Open it as the server would."""
        return DecoderPeer(folder / "float" / "model.onnx", threads), version("lory-lsp")


class DecoderPeer:
    """A graph in Lory's decoder, the prompt in one call."""

    def __init__(self, model: Path, threads: int) -> None:
        from lsp_server.engines.decoder import OnnxDecoder, open_session

        self._decoder = OnnxDecoder(open_session(model, threads))

    def write(self, ids: Sequence[int], count: int, told: Told) -> int:
        """Read `ids`, then a token at a time."""
        place, fed = 0, list(ids)
        for _ in range(count):
            token = int(self._decoder.forward(fed, place)[-1].argmax())
            told(token)
            place, fed = place + len(fed), [token]
        return count


class Transformers:
    """transformers' `generate` in float32."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Write the checkpoint."""
        import torch  # noqa: F401

        write_checkpoint_once(bundle, folder)

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Any, str]:
        """Load it."""
        import torch

        torch.set_num_threads(threads)
        return TransformersPeer(folder / CHECKPOINT), version("transformers")


class TransformersPeer:
    """A model of transformers."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForCausalLM

        self._model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()

    def write(self, ids: Sequence[int], count: int, told: Told) -> int:
        """One greedy generation, which no token ends."""
        import torch

        prompt_BT = torch.tensor([list(ids)])
        with torch.inference_mode():
            self._model.generate(
                prompt_BT,
                attention_mask=torch.ones_like(prompt_BT),
                max_new_tokens=count,
                min_new_tokens=count,
                do_sample=False,
                eos_token_id=None,
                streamer=Streamer(told),
            )
        return count


class Streamer:
    """What `generate` tells of its tokens; the first it tells is the prompt."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._prompt = True

    def put(self, value: Any) -> None:
        """One step's token."""
        if not self._prompt:
            self._told(int(value.reshape(-1)[0]))
        self._prompt = False

    def end(self) -> None:
        """Nothing more comes."""


FLOAT_GRAPH = FloatGraph()
TRANSFORMERS_FP32 = Transformers()
