"""Which tokens of a foreign vocabulary play the parts of Lory's sentinels, by their names."""

from collections.abc import Mapping
from typing import Any

from lsp_server.contract.prompt import Sentinel
from trainer.export.importing.renumbering import Roles, read_vocabulary

NAMES: dict[Sentinel, tuple[str, ...]] = {
    Sentinel.FILE: ("<|begin_of_text|>", "<｜begin▁of▁sentence｜>", "<bos>", "<s>"),
    Sentinel.PREFIX: (
        *(
            "<fim_prefix>",
            "<fim-prefix>",
            "<|fim_prefix|>",
            "<｜fim▁begin｜>",
            "[PREFIX]",
            "▁<PRE>",
        ),
    ),
    Sentinel.SUFFIX: (
        *("<fim_suffix>", "<fim-suffix>", "<|fim_suffix|>", "<｜fim▁hole｜>", "[SUFFIX]", "▁<SUF>"),
    ),
    Sentinel.MIDDLE: (
        *("<fim_middle>", "<fim-middle>", "<|fim_middle|>", "<｜fim▁end｜>", "[MIDDLE]", "▁<MID>"),
    ),
    Sentinel.END: ("<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "<eos>", "</s>"),
    Sentinel.PAD: ("<fim_pad>", "<fim-pad>", "<|fim_pad|>", "<pad>"),
}
"""Special tokens of the models that are known, for each sentinel the first that is there."""


def find_roles(tokenizer: Mapping[str, Any], config: Mapping[str, Any]) -> Roles:
    """The source's token for each sentinel that it has one for; no token plays two parts.

    Of what the tokenizer lists apart alone: Qwen's `<s>` is a piece of text as any other.
    """
    vocabulary = read_vocabulary(tokenizer)
    ids, apart = vocabulary.ids, vocabulary.special | vocabulary.text
    roles: dict[Sentinel, int] = {}
    for sentinel, names in NAMES.items():
        found = next((ids[name] for name in names if ids.get(name) in apart), None)
        if found is not None:
            roles[sentinel] = found
    if Sentinel.END not in roles:
        end = config.get("eos_token_id")
        first = end[0] if isinstance(end, list) and end else end
        if isinstance(first, int) and first in ids.values():
            roles[Sentinel.END] = first
    return roles
