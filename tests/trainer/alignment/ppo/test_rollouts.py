"""Rollouts and what the policy says of them, beside one plain pass over each text alone."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from lsp_server.contract.prompt import Sentinel, encode, plain
from lsp_server.contract.stopping import StopRule, end_of_line
from lsp_server.engines import StopReason
from trainer.alignment.ppo.policy import Policy, judge, plant
from trainer.alignment.ppo.rollouts import (
    Continuations,
    Rollouts,
    Sampling,
    sample_tokens,
    write_rollouts,
)
from trainer.alignment.ppo.tree_reader import PaddedPrompts
from trainer.model.attention import use_chunked_attention

TEXTS = ("def f(x):\n    return ", "import os\n", "x = [1, 2, 3]\nfor item in x:\n    print(")


def never(_text: str) -> int | None:
    return None


@pytest.fixture(scope="module", params=["llama", "gpt2", "gpt1", "llama, chunked attention"])
def model(request: pytest.FixtureRequest, train_model: Callable[[str], Any]) -> Any:
    kind, _, chunked = request.param.partition(", ")
    if not chunked:
        return train_model(kind)
    model = copy.deepcopy(train_model(kind))
    use_chunked_attention(model)
    return model


@pytest.fixture(scope="module")
def prompts(small_tokenizer: Tokenizer) -> list[list[int]]:
    return [plain([], encode(small_tokenizer, text)) for text in TEXTS]


def causal(ids: Tensor) -> Tensor:
    """The mask of one text without padding."""
    return torch.ones(1, 1, ids.shape[1], ids.shape[1], dtype=torch.bool).tril()


def greedy_alone(model: Any, prompt: Sequence[int], tokens: int) -> list[int]:
    """The likeliest tokens, each from a fresh pass over all before it."""
    ids = list(prompt)
    for _ in range(tokens):
        with torch.no_grad():
            read = torch.tensor([ids])
            ids.append(int(model(read, attention_mask=causal(read)).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def test_padding_never_changes_what_is_written(
    model: Any, small_tokenizer: Tokenizer, prompts: list[list[int]]
) -> None:
    assert len({len(prompt) for prompt in prompts}) == len(prompts)

    rollouts = write_rollouts(model, small_tokenizer, prompts, [never] * 3, Sampling(6))

    for prompt, ids, mask in zip(
        prompts, rollouts.written.ids_BT, rollouts.written.mask_BT, strict=True
    ):
        alone = greedy_alone(model, prompt, 6)
        written = ids[mask].tolist()
        assert written == alone[: len(written)]
        assert len(written) == 6 or written[-1] == Sentinel.END


def test_rows_that_have_ended_leave_the_others_as_they_are(
    model: Any, small_tokenizer: Tokenizer, prompts: list[list[int]]
) -> None:
    whole = write_rollouts(model, small_tokenizer, prompts, [never] * 3, Sampling(12))
    lengths = [len(text) for text in whole.texts]
    short = min(length for length in lengths if length) + 1

    def ends_early(text: str) -> int | None:
        early = any(other.startswith(text[:short]) for other in whole.texts[:2])
        return short if early and len(text) >= short else None

    some = write_rollouts(model, small_tokenizer, prompts, [ends_early] * 3, Sampling(12))

    assert some.texts[:2] != whole.texts[:2], "two of three end early and are read no further"
    assert some.texts[2] == whole.texts[2]


def sampled(model: Any, tokenizer: Tokenizer, prompts: list[list[int]], seed: int) -> Rollouts:
    randomness = torch.Generator().manual_seed(seed)
    return write_rollouts(model, tokenizer, prompts, [never] * 3, Sampling(8, 1.0, randomness, 3))


def test_a_seed_decides_what_is_sampled(
    model: Any, small_tokenizer: Tokenizer, prompts: list[list[int]]
) -> None:
    first, again, other = (sampled(model, small_tokenizer, prompts, seed) for seed in (1, 1, 2))

    assert first.texts == again.texts
    assert first.texts != other.texts


def test_copies_of_a_prompt_stand_together_and_differ(
    model: Any, small_tokenizer: Tokenizer, prompts: list[list[int]]
) -> None:
    rollouts = sampled(model, small_tokenizer, prompts, 1)

    assert len(rollouts.texts) == 3 * len(prompts)
    assert len(set(rollouts.texts[:3])) > 1
    written = rollouts.written
    chosen = written.of_prompts(torch.tensor([2, 0]))
    assert torch.equal(chosen.ids_BT, torch.cat([written.ids_BT[6:9], written.ids_BT[:3]]))
    assert chosen.prompts.ids_GP[1][chosen.prompts.mask_GP[1]].tolist() == prompts[0]


def test_what_rollouts_begin_with_is_read_once(
    model: Any,
    small_tokenizer: Tokenizer,
    prompts: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forward, shapes = model.forward, list[tuple[int, ...]]()

    def counted(**how: Any) -> Any:
        shapes.append(tuple(how["input_ids"].shape))
        return forward(**how)

    monkeypatch.setattr(model, "forward", counted)

    alike = write_rollouts(model, small_tokenizer, prompts, [never] * 3, Sampling(6, copies=4))

    assert len(set(alike.texts)) <= 3
    assert shapes == [(3, max(map(len, prompts))), *[(3, 1)] * 5]


def test_a_token_is_drawn_as_often_as_it_is_likely() -> None:
    shares = torch.tensor([[0.5, 0.0, 0.3, 0.2], [0.0, 0.0, 0.0, 1.0]])
    randomness = torch.Generator().manual_seed(0)

    drawn = sample_tokens(shares.log() * 0.7, Sampling(1, 0.7, randomness), 20_000)

    found = torch.stack([(drawn == token).float().mean(1) for token in range(4)], dim=1)
    torch.testing.assert_close(found, shares, atol=0.01, rtol=0)
    assert (drawn[0] != 1).all()


def test_a_tree_has_one_node_for_what_texts_share_and_none_that_ends_one() -> None:
    one = torch.ones(2, 1, dtype=torch.bool)
    ids = torch.tensor([[7, 8, 9], [7, 8, 10], [7, 0, 0], [8, 7, 7], [8, 7, 0], [8, 8, 8]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 1, 0], [1, 1, 1]]).bool()

    trees = plant(Continuations(PaddedPrompts(one.long(), one), 3, ids, mask))

    pad = int(Sentinel.PAD)
    assert trees.ids_GQ.tolist() == [[7, 8, pad], [8, 7, 8]]
    assert trees.depth_GQ.tolist() == [[1, 2, 0], [1, 2, 2]]
    first_tree, second_tree = trees.node_BT[:3].tolist(), trees.node_BT[3:].tolist()
    assert first_tree == [[0, 1, 2], [0, 1, 2], [0, 0, 0]]
    assert second_tree == [[3, 4, 5], [3, 4, 0], [3, 4, 6]]
    assert trees.sight_GQQ[1].int().tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 1]]


def test_one_more_text_stands_behind_the_others_of_its_prompt(
    model: Any, small_tokenizer: Tokenizer, prompts: list[list[int]]
) -> None:
    written = sampled(model, small_tokenizer, prompts, 1).written

    more = written.with_last([[9], [10, 11], range(20, 40)])

    rows = [more.ids_BT[row][more.mask_BT[row]].tolist() for row in (3, 7, 11)]
    assert rows == [[9], [10, 11], list(range(20, 28))]
    others = [row for row in range(12) if row % 4 != 3]
    assert torch.equal(more.ids_BT[others], written.ids_BT)
    assert torch.equal(more.mask_BT[others], written.mask_BT)


class Forced:
    """A model that writes a given sequence whatever its prompt."""

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        self._model, self._ids = model, list(ids)
        self.training, self.device, self.config = False, model.device, model.config

    def eval(self) -> None:
        """In the mode that it is in."""

    def train(self, _on: bool) -> None:
        """In the mode that it is in."""

    def __call__(self, **how: Any) -> Any:
        output = self._model(**how)
        output.logits = torch.full_like(output.logits, -1e9)
        output.logits[..., self._ids.pop(0)] = 0.0
        return output


@pytest.mark.parametrize(
    ("text", "tail", "rule", "kept", "stop"),
    [
        ("a = 1", [Sentinel.END], never, "a = 1", StopReason.END),
        ("a = 1\nb = 2", [], end_of_line, "a = 1", StopReason.RULE),
        ("a = 1", [], never, "a = 1", StopReason.LENGTH),
        ("", [Sentinel.END], never, "", StopReason.END),
    ],
)
def test_a_text_ends_where_its_end_token_its_rule_or_the_limit_is(
    model: Any,
    small_tokenizer: Tokenizer,
    text: str,
    tail: list[int],
    rule: StopRule,
    kept: str,
    stop: StopReason,
) -> None:
    ids = [*encode(small_tokenizer, text), *tail]

    rollouts = write_rollouts(
        Forced(model, ids), small_tokenizer, [[Sentinel.FILE]], [rule], Sampling(len(ids))
    )

    assert (rollouts.texts, rollouts.stops) == ((kept,), (stop,))
    written = int(rollouts.written.mask_BT.sum())
    assert rollouts.written.ids_BT[0, :written].tolist() == ids[:written]
    assert rollouts.written.ids_BT[0, written:].eq(int(Sentinel.PAD)).all()
    assert (written < len(ids)) == (rule is end_of_line)


def plain_logprobs(model: Any, rollouts: Rollouts, row: int, temperature: float) -> Tensor:
    """Of one rollout's tokens, from one pass over its text alone."""
    group = row // rollouts.written.copies
    prompt = rollouts.written.prompts.ids_GP[group][rollouts.written.prompts.mask_GP[group]]
    written = rollouts.written.ids_BT[row][rollouts.written.mask_BT[row]]
    ids = torch.cat([prompt, written])[None]
    logits = model(ids, attention_mask=causal(ids)).logits[0, len(prompt) - 1 : -1] / temperature
    logprobs: Tensor = logits.log_softmax(-1)
    return logprobs[range(len(written)), written]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_policy_judges_a_token_as_a_plain_pass_does(
    model: Any, small_tokenizer: Tokenizer, prompts: list[list[int]], temperature: float
) -> None:
    rollouts = sampled(model, small_tokenizer, prompts, 1)

    judged = judge(Policy(model, temperature), rollouts.written, micro_batch=3)

    for row, mask in enumerate(rollouts.written.mask_BT):
        alone = plain_logprobs(model, rollouts, row, temperature)
        torch.testing.assert_close(judged.logprobs_BT[row][mask], alone, atol=1e-5, rtol=1e-4)
        assert (judged.logprobs_BT[row][~mask] == 0).all()
    assert (judged.values_BT == 0).all()


def test_reading_a_prompt_once_gives_the_gradient_of_reading_it_for_each_copy(
    model: Any, small_tokenizer: Tokenizer, prompts: list[list[int]]
) -> None:
    rollouts = sampled(model, small_tokenizer, prompts, 1)
    weight = model.get_input_embeddings().weight
    rows = range(len(rollouts.texts))

    shared = torch.autograd.grad(Policy(model, 1.0)(rollouts.written)[0].sum(), weight)[0]
    each = sum(plain_logprobs(model, rollouts, row, 1.0).sum() for row in rows)
    assert isinstance(each, Tensor)

    torch.testing.assert_close(shared, torch.autograd.grad(each, weight)[0], atol=1e-3, rtol=1e-3)
