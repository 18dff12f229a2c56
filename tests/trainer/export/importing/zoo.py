"""Small random models of each architecture, as transformers makes them."""

from typing import Any

VOCABULARY = 300
WIDE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
OWN_HEADS = {key: value for key, value in WIDE.items() if key != "num_key_value_heads"}
GPT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_positions": 512,
    "n_embd": 64,
    "n_layer": 3,
    "n_head": 4,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 128,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}

ZOO: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", WIDE | {"tie_word_embeddings": True, "rms_norm_eps": 1e-6}),
    "llama-untied": ("Llama", WIDE | {"attention_bias": True, "mlp_bias": True}),
    "llama-linear": ("Llama", WIDE | {"rope_parameters": LINEAR}),
    "llama-llama3": ("Llama", WIDE | {"rope_parameters": LLAMA3}),
    "llama-yarn": ("Llama", WIDE | {"rope_parameters": YARN}),
    "llama-odd-heads": ("Llama", WIDE | {"hidden_size": 40}),
    "mistral": ("Mistral", WIDE | {"sliding_window": 64}),
    "qwen2": ("Qwen2", WIDE),
    "qwen2-window": (
        "Qwen2",
        WIDE | {"use_sliding_window": True, "sliding_window": 32, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3", WIDE | {"head_dim": 32}),
    "granite": (
        "Granite",
        WIDE
        | {
            "embedding_multiplier": 3.0,
            "logits_scaling": 2.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.3,
        },
    ),
    "smollm3": ("SmolLM3", WIDE | {"no_rope_layer_interval": 2, "pad_token_id": 0}),
    "gemma": ("Gemma", WIDE | {"head_dim": 32}),
    "gemma2": (
        "Gemma2",
        WIDE
        | {
            "head_dim": 32,
            "sliding_window": 32,
            "query_pre_attn_scalar": 64,
            "attn_logit_softcapping": 1.0,
            "final_logit_softcapping": 5.0,
        },
    ),
    "gemma3": ("Gemma3Text", WIDE | {"head_dim": 32, "sliding_window": 32}),
    "starcoder2": ("Starcoder2", WIDE | {"sliding_window": 64}),
    "gpt2": ("GPT2", GPT),
    "gpt2-codeparrot": (
        "GPT2",
        GPT | {"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True},
    ),
    "gpt_bigcode": ("GPTBigCode", GPT),
    "gpt_bigcode-heads": ("GPTBigCode", GPT | {"multi_query": False}),
    "gpt_neox": ("GPTNeoX", OWN_HEADS),
    "gpt_neox-serial": ("GPTNeoX", OWN_HEADS | {"use_parallel_residual": False}),
    "codegen": ("CodeGen", GPT | {"n_ctx": 512, "rotary_dim": 8}),
}


def make_model(name: str) -> Any:
    """The model, its weights random: norms and biases too, so that none of them can be left out."""
    import torch
    import transformers

    kind, settings = ZOO[name]
    config = getattr(transformers, f"{kind}Config")(**settings)
    torch.manual_seed(0)
    made = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    return made.eval()


def checkpoint(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configuration and tensors as a folder would hold them."""
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return model.config.to_dict(), tensors
