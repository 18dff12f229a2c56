"""Tables that a network looks its tokens up in, beside the embedding; off in every preset.

Value embeddings (modded-nanogpt, nanochat) add a learned row of each token to the values that every
second layer attends to. Bigram embeddings (the same) add to the embedding a projected row that
a hash of the token and the one before it finds. Both cost memory and hardly any products, and both
begin at zero: a network starts as if it had none.

Shapes: B blocks, T tokens, D channels, K channels of all values.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lsp_server.contract.prompt import Sentinel

FILE = int(Sentinel.FILE)
"""A plain integer: torch.compile does not compare a tensor with an enumeration."""

MULTIPLIERS = (36_313, 27_191)
"""Odd numbers of the hash, for a token and for the one before it."""


class ValueEmbedding(nn.Linear):
    """A layer's projection to values, and each token's own row added to them."""

    def __init__(self, plain: nn.Linear, vocabulary: int) -> None:
        super().__init__(plain.in_features, plain.out_features, bias=False, device="meta")
        self.weight = plain.weight
        self.table = nn.Embedding(vocabulary, plain.out_features)
        nn.init.zeros_(self.table.weight)
        self.ids_BT: Tensor | None = None

    def forward(self, hidden_BTD: Tensor) -> Tensor:
        """Values `[B, T, K]` of the tokens that `remember_ids` noted."""
        assert self.ids_BT is not None  # the hook runs before any layer does
        values_BTK: Tensor = super().forward(hidden_BTD)
        rows_BTK: Tensor = self.table(self.ids_BT)
        return values_BTK + rows_BTK.to(values_BTK.dtype)


class BigramEmbedding(nn.Embedding):
    """The embedding, and a projected row of each pair of neighbours added to it."""

    def __init__(self, plain: nn.Embedding, rows: int, width: int) -> None:
        super().__init__(plain.num_embeddings, plain.embedding_dim, _weight=plain.weight)
        self.weight = plain.weight
        self.bigrams = nn.Embedding(rows, width)
        nn.init.zeros_(self.bigrams.weight)
        self.project = nn.Linear(width, plain.embedding_dim, bias=False)

    def forward(self, ids_BT: Tensor) -> Tensor:
        """`[B, T, D]`; what comes before the first of the ids is taken for nothing."""
        rows_BTW: Tensor = self.bigrams(rows_of_bigrams(ids_BT, self.bigrams.num_embeddings))
        bigrams_BTD: Tensor = self.project(rows_BTW)
        return super().forward(ids_BT) + bigrams_BTD


def rows_of_bigrams(ids_BT: Tensor, rows: int) -> Tensor:
    """`[B, T]`, the row of each token and the one before it; the first of a segment has none."""
    before_BT = nn.functional.pad(ids_BT[:, :-1], (1, 0), value=FILE)
    before_BT = before_BT.masked_fill(ids_BT == FILE, FILE)
    mixed_BT = torch.bitwise_xor(ids_BT * MULTIPLIERS[0], before_BT * MULTIPLIERS[1])
    return mixed_BT % rows


def add_lookups(model: Any, value_embeddings: bool, bigram_rows: int, bigram_width: int) -> Any:
    """The llama-style model with the tables that are asked for; its configuration tells which."""
    if not (value_embeddings or bigram_rows):
        return model
    settings = model.config
    settings.value_embeddings = value_embeddings
    settings.bigram_rows, settings.bigram_width = bigram_rows, bigram_width
    if value_embeddings:
        for layer in model.model.layers[1::2]:
            plain = layer.self_attn.v_proj
            layer.self_attn.v_proj = ValueEmbedding(plain, settings.vocab_size)
        model.model.register_forward_pre_hook(remember_ids, with_kwargs=True)
    if bigram_rows:
        embedding = BigramEmbedding(model.get_input_embeddings(), bigram_rows, bigram_width)
        nn.init.normal_(embedding.project.weight, std=settings.initializer_range)
        model.set_input_embeddings(embedding)
    return model


def load_lookups(model: Any, folder: Path) -> Any:
    """The model, loaded without its tables, with those that `save_pretrained` wrote to `folder`."""
    from safetensors.torch import load_file

    settings = model.config
    add_lookups(model, settings.value_embeddings, settings.bigram_rows, settings.bigram_width)
    saved = load_file(folder / "model.safetensors")
    head = saved["model.embed_tokens.weight"]
    model.load_state_dict({"lm_head.weight": head} | saved)
    return model


def bigram_tables(model: nn.Module) -> list[Tensor]:
    """The bigram tables of a network; at each step most of their rows rest."""
    return [m.bigrams.weight for m in model.modules() if isinstance(m, BigramEmbedding)]


def remember_ids(trunk: Any, _given: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Tell the layers that have tables which tokens they are about to read."""
    for layer in trunk.layers[1::2]:
        layer.self_attn.v_proj.ids_BT = named["input_ids"]
