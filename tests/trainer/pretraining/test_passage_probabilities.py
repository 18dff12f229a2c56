"""What a network in training gives to passages is what its exported graph gives."""

from pathlib import Path

import numpy as np
import pytest

from lsp_server.contract.prompt import load_tokenizer
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.decoding.sampling import softmax
from lsp_server.engines.prompt_cache import PromptCache
from lsp_server.engines.vocabulary import read_vocabulary
from trainer.pretraining.from_bundle import read_model
from trainer.pretraining.passage_probabilities import main
from trainer.runtime.bundles import open_bundle

PROMPT = [0, 2, 40, 41, 42, 300, 301]
BLOCKS = [[50, 51, 52, 53], [60], [70, 71]]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    bundle = open_bundle("default", "pretrain.bundle")
    model = read_model("default", bundle.tokenizer_path)
    model.save_pretrained(tmp_path / "pretrain" / "model")
    return tmp_path


def test_each_token_gets_what_the_shipped_graph_gives_it(run: Path) -> None:
    tokenizer = load_tokenizer(open_bundle("default", "").tokenizer_path)
    never_written = read_vocabulary(tokenizer).never_written
    passages, out = run / "passages.npz", run / "out.npz"
    np.savez(
        passages,
        never_written=never_written,
        prompt_ids=np.array(PROMPT * len(BLOCKS), np.int32),
        prompt_lengths=np.full(len(BLOCKS), len(PROMPT)),
        block_ids=np.concatenate([np.array(block, np.int32) for block in BLOCKS]),
        block_lengths=np.array([len(block) for block in BLOCKS]),
    )
    main([str(run), str(passages), str(out)])
    decoder = OnnxDecoder(open_session(open_bundle("default", "").model_path, threads=1))
    expected = []
    for block in BLOCKS:
        for at, token in enumerate(block):
            cache = PromptCache(decoder, slots=1)
            logits_V = cache.feed([*PROMPT, *block[:at]])[-1].copy()
            logits_V[never_written] = -np.inf
            shares_V = softmax(logits_V)
            expected.append((shares_V[token], shares_V.max()))
    with np.load(out) as stored:
        own, highest = stored["model_N"], stored["highest_N"]
    np.testing.assert_allclose(np.log(own), np.log([e[0] for e in expected]), atol=0.5)
    np.testing.assert_allclose(highest, [e[1] for e in expected], atol=0.05)
