"""Logits of a checkpoint in float64, as its configuration says and its tensors stand there.

Nothing here is shared with the graph but the settings: no folded weights, no permuted rows, no
padded heads. So a fault of the import shows as a difference, also where no framework is installed.
"""

from collections.abc import Sequence

from trainer.export.importing.decoder.settings import read_settings
from trainer.export.importing.reference.gpt import codegen_logits, gpt2_logits, neox_logits
from trainer.export.importing.reference.layers import Array, Network, Settings, Tensors
from trainer.export.importing.reference.llama import llama_logits


def reference_logits(config: Settings, tensors: Tensors, ids: Sequence[int]) -> Array:
    """Logits [T, V] after each of `ids`, in the source's numbering."""
    kind = config["model_type"]
    network = Network(kind, read_settings(config), tensors)
    if kind in ("gpt2", "gpt_bigcode"):
        return gpt2_logits(network, ids)
    if kind == "gpt_neox":
        return neox_logits(network, ids)
    return codegen_logits(network, ids) if kind == "codegen" else llama_logits(network, ids)
