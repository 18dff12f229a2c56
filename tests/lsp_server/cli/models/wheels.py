"""A distribution with a small random model as one GGUF file, and the index that pip finds it in."""

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer

WIDTH, HIDDEN, LAYERS, HEADS, CONTEXT = 64, 96, 2, 4, 512
CONTROL = 3
METADATA = "Metadata-Version: 2.1\nVersion: 1.0\n"


def write_model(path: Path, tokenizer: Tokenizer, licence: str) -> Path:
    """A llama of random weights with a tokenizer's tokens and merges."""
    found = json.loads(tokenizer.to_str())
    special = {token["content"] for token in found["added_tokens"]}
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    if licence:
        writer.add_string("general.license", licence)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in found["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, array in random_tensors(len(tokens)).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def random_tensors(
    vocabulary: int,
) -> dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]:
    """The model's tensors by GGUF's names."""
    random = np.random.default_rng(3)
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (vocabulary, WIDTH),
        "output_norm": (WIDTH,),
    }
    for layer in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{layer}.{part}"] = (WIDTH, WIDTH)
        for part in ("ffn_gate", "ffn_up"):
            shapes[f"blk.{layer}.{part}"] = (HIDDEN, WIDTH)
        shapes[f"blk.{layer}.ffn_down"] = (WIDTH, HIDDEN)
        for part in ("attn_norm", "ffn_norm"):
            shapes[f"blk.{layer}.{part}"] = (WIDTH,)
    return {
        f"{name}.weight": (
            np.ones(shape, np.float32)
            if len(shape) == 1
            else random.normal(0, 0.1, shape).astype(np.float32)
        )
        for name, shape in shapes.items()
    }


def write_wheel(folder: Path, name: str, files: Mapping[str, bytes], licence: str) -> Path:
    """A wheel of version 1.0 that pip takes."""
    stem = f"{name.replace('-', '_')}-1.0"
    stated = f"License: {licence}\n" if licence else ""
    members: dict[str, bytes | str] = {
        **files,
        f"{stem}.dist-info/METADATA": f"{METADATA}Name: {name}\n{stated}",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            wheel.writestr(member, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            rows.writerow((member, f"sha256={digest.decode()}", len(data)))
        rows.writerow((f"{stem}.dist-info/RECORD", "", ""))
        wheel.writestr(f"{stem}.dist-info/RECORD", record.getvalue())
    return path
