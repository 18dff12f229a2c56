"""Writes a bundle's weights in the formats of other programs.

Where these are compared they are fed token ids. A GGUF file may hold the tokenizer too, for who is
given text: the same tokens and merges, but text is split where GPT-2's pattern splits it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.prompt import Sentinel
from trainer.export.graph.weights import NetworkWeights

Weights = NDArray[np.float32]

GGUF_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""A layer's tensors, transformers' name first."""

FILL_IN_THE_MIDDLE = {
    "fim_pre": Sentinel.PREFIX,
    "fim_suf": Sentinel.SUFFIX,
    "fim_mid": Sentinel.MIDDLE,
}
"""GGUF's names of the tokens that llama.cpp's `/infill` writes between the parts of a file."""

BLOCK = 32
"""Columns that GGUF's Q8_0 and Q4_0 give one scale; rows must be whole blocks."""

QUANTIZED = {"q8_0": 8, "q4_0": 4}
"""GGUF types written here, by bits; norms stay float32."""


def write_checkpoint(network: NetworkWeights, folder: Path) -> None:
    """A folder that transformers' `from_pretrained` loads, float32."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = network.config
    config.architectures, config.dtype = ["LlamaForCausalLM"], "float32"
    config.save_pretrained(folder)
    tensors = {name: np.ascontiguousarray(array) for name, array in network.weights.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def write_gguf(
    network: NetworkWeights, path: Path, kind: str = "f32", tokenizer: Path | None = None
) -> None:
    """One GGUF file of `kind` f32, q8_0 or q4_0; without a `tokenizer.json` it takes ids alone."""
    import gguf

    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    describe(writer, network.config)
    if tokenizer is None:
        writer.add_tokenizer_model("none")
    else:
        describe_tokenizer(writer, json.loads(tokenizer.read_bytes()))
    for name, array in network.weights.items():
        matrix = fill_up(name, interleave_heads(network.config, name, array))
        stored, quantized = gguf_name(name), kind != "f32" and array.ndim == 2
        if quantized:
            as_type = gguf.GGMLQuantizationType[kind.upper()]
            codes = gguf.quants.quantize(np.ascontiguousarray(matrix), as_type)
            writer.add_tensor(stored, codes, raw_dtype=as_type)
        else:
            writer.add_tensor(stored, np.ascontiguousarray(matrix))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def describe(writer: Any, config: Any) -> None:
    """The file's facts of the network."""
    writer.add_name("lory")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(whole_blocks(config.intermediate_size))
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)


def describe_tokenizer(writer: Any, tokenizer: Any) -> None:
    """The tokens of a byte-level BPE, Lory's sentinels as marks that text may hold."""
    import gguf

    vocabulary = tokenizer["model"]["vocab"]
    special = {added["content"] for added in tokenizer["added_tokens"] if added["special"]}
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    kinds = (gguf.TokenType.NORMAL, gguf.TokenType.CONTROL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds[token in special] for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(Sentinel.FILE)
    writer.add_eos_token_id(Sentinel.END)
    writer.add_pad_token_id(Sentinel.PAD)
    writer.add_add_bos_token(True)
    for part, sentinel in FILL_IN_THE_MIDDLE.items():
        writer.add_uint32(f"tokenizer.ggml.{part}_token_id", sentinel)


def gguf_name(name: str) -> str:
    """GGUF's name of a weight."""
    whole = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in whole:
        return whole[name]
    _, _, layer, *inner, _ = name.split(".")
    return f"blk.{layer}.{GGUF_NAMES['.'.join(inner)]}.weight"


def interleave_heads(config: Any, name: str, array: Weights) -> Weights:
    """Rows of query and key in GGML's order: rotated pairs side by side, not half a head apart."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return array
    pairs = array.reshape(-1, 2, config.head_dim // 2, array.shape[1])
    return pairs.swapaxes(1, 2).reshape(array.shape)


def fill_up(name: str, array: Weights) -> Weights:
    """The MLP's matrices with zeros to a width of whole blocks: the same function."""
    if name.endswith(("gate_proj.weight", "up_proj.weight")):
        return np.pad(array, ((0, whole_blocks(len(array)) - len(array)), (0, 0)))
    if name.endswith("down_proj.weight"):
        return np.pad(array, ((0, 0), (0, whole_blocks(array.shape[1]) - array.shape[1])))
    return array


def whole_blocks(width: int) -> int:
    """The next multiple of a block."""
    return -(-width // BLOCK) * BLOCK
