"""Models of others with a vocabulary beyond 16 bits: small ones for tests, and one of full size.

`python -m tests.trainer.export.importing.large` makes a checkpoint of Qwen2.5-Coder-0.5B's shape
with random weights, imports it as its user would, and prints what that took and how fast it is;
`--measure BUNDLE` prints how fast a bundle is that is there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice, product
from pathlib import Path
from time import perf_counter
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from trainer.export.importing.sources.gguf_tokenizer import QWEN2

SPECIAL = (
    *("<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>"),
)
QWEN_CODER: dict[str, Any] = {
    "vocab_size": 151_936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32_768,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}
"""As Qwen2.5-Coder-0.5B's config.json says."""
STAND_IN: dict[str, Any] = {
    **QWEN_CODER,
    "vocab_size": 66_048,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
"""The same but small."""
SHAPES = {"qwen2.5-coder-0.5b": QWEN_CODER, "stand-in": STAND_IN}
PROMPT, WRITTEN, THREADS = 512, 32, 2


def make_tokenizer(size: int) -> Tokenizer:
    """Byte-level BPE of `size` tokens with Qwen's pattern: merges of two characters, then three."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {character: at for at, character in enumerate(alphabet)}
    pairs = list(product(alphabet, alphabet))[::-1]  # those of ASCII last, so beyond 16 bits
    longer = ((left + right, end) for left, right in pairs for end in alphabet)
    room = size - len(alphabet) - len(SPECIAL)
    merges = [*pairs[:room], *islice(longer, max(room - len(pairs), 0))]
    vocab |= {left + right: len(alphabet) + at for at, (left, right) in enumerate(merges)}
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    return tokenizer


def write_checkpoint(folder: Path, settings: dict[str, Any]) -> Path:
    """A folder as Hugging Face's, the weights random and in 16 bits."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    torch.manual_seed(0)
    config = Qwen2Config(**settings)
    made = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    made.save_pretrained(folder)
    make_tokenizer(settings["vocab_size"] - 271).save(str(folder / "tokenizer.json"))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Random weights\n")
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an import took, and how fast its bundle is."""

    built_s: float
    built_mb: float
    """The highest memory of the process that imports."""
    file_mb: float
    loaded_s: float
    """Until the engine takes a prompt."""
    loaded_mb: float
    """Resident once it is loaded; for a while it needs more."""
    prefill_per_s: float
    """Tokens of a prompt."""
    ms_per_token: float


def measure_bundle(folder: Path) -> dict[str, float]:
    """Load a bundle and read and write with it, in this process."""
    from lsp_server.contract.bundles.bundle import load
    from lsp_server.engines.decoder import OnnxDecoder
    from lsp_server.engines.onnx import create

    begun = perf_counter()
    bundle = load(folder)
    create(bundle, threads=THREADS)
    loaded = perf_counter() - begun
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    from lsp_server.engines.decoder import open_session

    decoder = OnnxDecoder(open_session(bundle.model_path, THREADS))
    ids = [100 + at for at in range(PROMPT)]
    decoder.forward(ids, 0)
    begun = perf_counter()
    decoder.forward(ids, 0)
    prefill = PROMPT / (perf_counter() - begun)
    begun = perf_counter()
    for at in range(WRITTEN):
        decoder.forward([100 + at], PROMPT + at)
    each = (perf_counter() - begun) / WRITTEN * 1e3
    return {
        "loaded_s": loaded,
        "loaded_mb": memory,
        "prefill_per_s": prefill,
        "ms_per_token": each,
    }


def run(*words: str | Path) -> tuple[str, float]:
    """What a command of this Python's prints, and its highest memory in MB."""
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, words)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, words))}: status {status}")
    return said, used.ru_maxrss / 1024


def measure(shape: str, precision: str, folder: Path) -> Figures:
    """Make, import and measure a checkpoint; each in a process of its own."""
    run(__spec__.name, "--shape", shape, "--make", folder / "source")
    begun = perf_counter()
    words = ("--precision", precision, "--context", "1024", "--out", folder / "bundle")
    _, memory = run("trainer", "import", folder / "source", *words)
    built = perf_counter() - begun
    size = sum(path.stat().st_size for path in (folder / "bundle").iterdir()) / 1e6
    said, _ = run(__spec__.name, "--measure", folder / "bundle")
    return Figures(built_s=built, built_mb=memory, file_mb=size, **json.loads(said))


def main(words: Sequence[str]) -> None:
    """Print figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="qwen2.5-coder-0.5b")
    parser.add_argument("--precision", default="int8_rows")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help="a bundle's folder")
    chosen = parser.parse_args(words)
    if chosen.make:
        write_checkpoint(chosen.make, SHAPES[chosen.shape])
    elif chosen.measure:
        sys.stdout.write(json.dumps(measure_bundle(chosen.measure)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(chosen.shape, chosen.precision, Path(folder))
        for name, value in asdict(found).items():
            sys.stdout.write(f"{name:15} {value:.1f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
