"""The order of a prompt's parts: what the vocabulary has tokens for, and what the probe prefers."""

import numpy as np
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel, encode
from lsp_server.engines.decoder import OnnxDecoder
from trainer.export.importing.layouts import ALONE, IN_FRONT, candidates, choose_layout

FIM = {Sentinel.PREFIX: 10, Sentinel.SUFFIX: 11, Sentinel.MIDDLE: 12}


class Listener(OnnxDecoder):
    """Gives every token the same chance, but all to the next one where a mark was read."""

    def __init__(self, vocabulary: int, mark: int) -> None:
        self.context, self.vocabulary = 1024, vocabulary
        self._mark = mark

    def forward(self, ids, past, wanted=1, slot=0):  # type: ignore[no-untyped-def]
        """Logits of the last tokens."""
        logits = np.zeros((wanted, self.vocabulary), np.float32)
        if self._mark in ids:
            following = [*ids[len(ids) - wanted + 1 :], 0]
            logits[np.arange(wanted), following] = 20
        return logits


def test_models_without_sentinels_get_text_between_the_parts() -> None:
    assert list(candidates({Sentinel.END: 0})) == [ALONE, IN_FRONT]
    assert candidates({})[IN_FRONT] == ("<|file|>", "{suffix}", "\n\n\n", "{prefix}")


def test_models_with_sentinels_are_asked_in_both_orders() -> None:
    found = candidates(FIM)
    assert found["suffix, prefix, middle"] == (
        *("<|prefix|>", "<|suffix|>", "{suffix}", "<|middle|>", "{prefix}"),
    )
    assert found["prefix, suffix, middle"] == (
        *("<|prefix|>", "{above}", "<|suffix|>", "{suffix}", "<|middle|>", "{prefix}"),
    )
    assert "suffix, prefix" in candidates({Sentinel.PREFIX: 10, Sentinel.SUFFIX: 11})


def test_the_probe_takes_the_order_that_helps(small_tokenizer: Tokenizer) -> None:
    size = small_tokenizer.get_vocab_size()
    chosen = choose_layout(FIM, Listener(size, int(Sentinel.MIDDLE)), small_tokenizer)
    assert chosen.layout[-1] in ("{prefix}", "<|middle|>")
    assert chosen.nats < 0.1 < chosen.alone
    deaf = choose_layout(FIM, Listener(size, -1), small_tokenizer)
    assert deaf.name == ALONE  # an order that does not help is not taken
    assert encode(small_tokenizer, "x")
