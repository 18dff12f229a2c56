"""The PPO loop on toys small enough that what must be learned is known."""

import copy
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel, decode
from trainer.alignment.config import PpoConfig
from trainer.alignment.ppo.learner import PLACES, Corpus, CorpusKl, asked_places
from trainer.alignment.ppo.loop import PpoLoop
from trainer.alignment.ppo.parts import PpoParts, Scorer
from trainer.alignment.ppo.policy import Policy
from trainer.alignment.ppo.prompts import RolloutPrompt
from trainer.alignment.rewards.protocol import Completion, Scores
from trainer.corpus.blocks.block_file import Rows
from trainer.errors import RecipeError, StageError
from trainer.runtime.metrics import read_lines

ARMS = 9
"""Seven sentinels and two tokens."""
TOY = PpoConfig(
    iterations=12,
    rollouts=32,
    rollouts_per_prompt=8,
    max_tokens=1,
    learning_rate=3e-3,
    value_learning_rate=1e-2,
    warmup_steps=0,
    decay_share=0.0,
    kl_control="fixed",
    kl_coefficient=0.0,
    sft_coefficient=0.0,
    corpus_kl_coefficient=0.0,
    eval_every=100,
    checkpoint_every=100,
)


def tiny_policy(vocabulary: int) -> Policy:
    """One layer, and no opinion yet."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    return Policy(LlamaForCausalLM(config), temperature=1.0)


def never(_text: str) -> int | None:
    return None


class Watch:
    """An evaluator that gives the figures it was made with, one set after the other."""

    def __init__(self, rewards: Sequence[float] = (0.0,), harm_at: Collection[int] = ()) -> None:
        self.rewards, self.harm_at, self.measured = list(rewards), harm_at, 0
        self.before: Mapping[str, float] = {"reward": self.rewards[0]}

    def measure(self, model: Any) -> Mapping[str, float]:
        self.measured += 1
        return {"reward": self.rewards[min(self.measured, len(self.rewards) - 1)]}

    def harm(self, figures: Mapping[str, float]) -> str:
        return "exact match fell" if self.measured in self.harm_at else ""


class OneBlock:
    """A corpus of one block, again and again; notes the steps that asked for it."""

    def __init__(self, *ids: int) -> None:
        self.block, self.asked = np.array([ids], np.uint16), list[int]()

    def at(self, step: int) -> Rows:
        self.asked.append(step)
        return self.block


def test_in_as_many_steps_as_it_takes_every_place_with_a_next_token_is_asked_once() -> None:
    ids = torch.tensor([[Sentinel.FILE, 12, 13, Sentinel.FILE, 14, 15, Sentinel.PAD, Sentinel.PAD]])

    asked = torch.stack([asked_places(ids, number) for number in range(7, 7 + PLACES)])

    assert asked.sum(0).tolist() == [[1, 1, 0, 1, 1, 0, 0, 0]]


class Toy:
    """Builds loops that differ in one thing."""

    def __init__(self, tokenizer: Tokenizer, folder: Path) -> None:
        self.tokenizer, self.folder = tokenizer, folder

    def loop(
        self,
        config: PpoConfig,
        scorer: Scorer,
        vocabulary: int = ARMS,
        evaluator: Watch | None = None,
        name: str = "run",
        truth: int = 7,
        corpus: Corpus | None = None,
        head: float = 1.0,
    ) -> PpoLoop:
        policy = tiny_policy(vocabulary)
        with torch.no_grad():
            policy.model.get_output_embeddings().weight *= head
        prompt = (Sentinel.FILE, Sentinel.PREFIX)
        toy_prompt = RolloutPrompt(prompt, "", "", "", "", "toy", truth_ids=(truth,))
        parts = PpoParts(
            policy=policy,
            reference=copy.deepcopy(policy).requires_grad_(False),
            tokenizer=self.tokenizer,
            prompts=[toy_prompt] * 4,
            stop=lambda _start: never,
            scorer=scorer,
            evaluator=evaluator or Watch(),
            corpus=corpus or OneBlock(Sentinel.FILE, 7),
            fingerprint="toy",
        )
        return PpoLoop(config, parts, Accelerator(cpu=True), self.folder / name)

    def share_of(self, token: int) -> Scorer:
        """Pays the share of a token's text among a completion's characters."""
        wanted = decode(self.tokenizer, [token])

        def score(completions: Sequence[Completion]) -> Scores:
            shares = [c.text.count(wanted) / max(len(c.text), 1) for c in completions]
            return Scores(tuple(shares), {"share": tuple(shares)})

        return score


@pytest.fixture
def toy(small_tokenizer: Tokenizer, tmp_path: Path) -> Toy:
    return Toy(small_tokenizer, tmp_path)


def iterations_of(loop: PpoLoop) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_lines(loop.out / "metrics.jsonl")]


def chance(loop: PpoLoop, token: int) -> float:
    """Of a token as the first of a completion."""
    with torch.no_grad():
        logits = loop.parts.policy.model(torch.tensor([[Sentinel.FILE, Sentinel.PREFIX]])).logits
    return float(logits[0, -1].softmax(-1)[token])


NATURAL = replace(
    TOY, optimizer="natural_gradient", learning_rate=0.3, fisher_blocks=2, iterations=24
)


@pytest.mark.parametrize("better", [7, 8])
def test_of_two_arms_the_better_one_is_learned(toy: Toy, better: int) -> None:
    loop = toy.loop(TOY, toy.share_of(better))
    assert chance(loop, better) < 0.2

    loop.train()

    assert chance(loop, better) > 0.8


@pytest.mark.parametrize("better", [7, 8])
def test_natural_steps_learn_the_better_arm_and_leave_embeddings_alone(
    toy: Toy, better: int
) -> None:
    loop = toy.loop(NATURAL, toy.share_of(better), head=20.0)
    before = copy.deepcopy(loop.parts.policy.model.state_dict())
    assert chance(loop, better) < 0.4

    loop.train()

    assert chance(loop, better) > 0.8
    after = loop.parts.policy.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert all(name.endswith("_proj.weight") for name in moved)


def test_more_of_a_token_is_written_and_the_kl_stays_at_its_target(toy: Toy) -> None:
    config = replace(
        TOY,
        iterations=100,
        max_tokens=6,
        learning_rate=1e-3,
        kl_control="adaptive",
        kl_coefficient=0.1,
        kl_target=1.5,
        kl_horizon=100,
    )
    loop = toy.loop(config, toy.share_of(12), vocabulary=20)

    loop.train()

    iterations = iterations_of(loop)
    late = iterations[-30:]
    assert iterations[0]["reward"] < 0.15
    assert min(entry["kl"] for entry in iterations) >= 0
    assert sum(entry["reward"] for entry in late) / len(late) > 2 * iterations[0]["reward"] + 0.1
    assert sum(entry["kl"] for entry in late) / len(late) == pytest.approx(1.5, rel=0.2)


def test_a_high_price_keeps_the_policy_at_its_reference(toy: Toy) -> None:
    free = toy.loop(TOY, toy.share_of(8), name="free")
    held = toy.loop(replace(TOY, kl_coefficient=20.0), toy.share_of(8), name="held")

    free.train()
    held.train()

    assert iterations_of(held)[-1]["kl"] < 0.1 * iterations_of(free)[-1]["kl"]


@pytest.mark.parametrize("settings", [TOY, NATURAL], ids=["adamw", "natural_gradient"])
def test_a_resumed_run_ends_in_the_same_bits(toy: Toy, settings: PpoConfig) -> None:
    settings = replace(settings, kl_control="adaptive", kl_coefficient=0.1)
    config = replace(settings, iterations=6, checkpoint_every=3)
    whole = toy.loop(config, toy.share_of(8), name="whole")
    whole.train()
    half = toy.loop(replace(config, iterations=3), toy.share_of(8), name="half")
    half.train()

    again = toy.loop(config, toy.share_of(8), name="half")
    assert again.iteration == 3
    again.train()

    assert again.control == whole.control
    for name, tensor in whole.parts.policy.state_dict().items():
        assert torch.equal(tensor, again.parts.policy.state_dict()[name]), name
    timeless = [
        [{key: entry[key] for key in entry.keys() - {"seconds", "heldout"}} for entry in log]
        for log in (iterations_of(again), iterations_of(whole))
    ]
    assert timeless[0] == timeless[1]


def test_a_checkpoint_of_other_data_is_refused(toy: Toy) -> None:
    first = toy.loop(replace(TOY, iterations=1), toy.share_of(8))
    first.train()
    first.parts = replace(first.parts, fingerprint="other")

    with pytest.raises(StageError, match=r"was made with toy, this run has other; delete"):
        first.resume()


def test_completions_without_a_score_are_counted_and_teach_nothing(toy: Toy) -> None:
    def fails_on_arm_eight(completions: Sequence[Completion]) -> Scores:
        arm = decode(toy.tokenizer, [8])
        return Scores(tuple(None if c.text == arm else 0.0 for c in completions), {})

    loop = toy.loop(replace(TOY, iterations=1, whiten=False), fails_on_arm_eight)
    before = copy.deepcopy(loop.parts.policy.state_dict())

    loop.train()

    (entry,) = iterations_of(loop)
    assert 0 < entry["skipped"] < TOY.rollouts
    after = loop.parts.policy.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_gradients_are_clipped_to_the_norm_that_is_set(toy: Toy) -> None:
    config = replace(TOY, iterations=1, clip_norm=1e-12)
    loop = toy.loop(config, toy.share_of(8))
    before = copy.deepcopy(loop.parts.policy.state_dict())

    loop.train()

    assert iterations_of(loop)[0]["learning"]["grad_norm"] > 1e-3
    moved = [
        float((before[name] - tensor).abs().max())
        for name, tensor in loop.parts.policy.state_dict().items()
    ]
    assert max(moved) < 0.01 * TOY.learning_rate


def test_of_several_candidates_those_are_learned_from_whose_rollouts_differ(toy: Toy) -> None:
    def cares_where_asked(completions: Sequence[Completion]) -> Scores:
        cares = [completion.prefix == "cares" for completion in completions]
        return Scores(tuple(n % 2 if care else 1.0 for n, care in enumerate(cares)), {})

    config = replace(TOY, candidates=2, sft_coefficient=1.0)
    loop = toy.loop(config, cares_where_asked, vocabulary=20)
    (prompt, *_) = loop.parts.prompts
    careless = replace(prompt, prefix="", truth_ids=(13,))
    prompts = [careless, replace(prompt, prefix="cares", truth_ids=(12,))]
    loop.parts = replace(loop.parts, prompts=prompts)
    before = chance(loop, 12), chance(loop, 13)

    loop.train()

    assert chance(loop, 12) > 4 * before[0]
    assert chance(loop, 13) < before[1]
    assert iterations_of(loop)[-1]["rollouts"] == TOY.iterations * TOY.rollouts * 2


def test_what_a_person_wrote_is_learned_beside_the_reward(toy: Toy) -> None:
    config = replace(TOY, sft_coefficient=1.0)
    loop = toy.loop(config, toy.share_of(11), vocabulary=20, truth=12)
    before = chance(loop, 12)

    loop.train()

    iterations = iterations_of(loop)
    assert iterations[-1]["learning"]["sft_loss"] < iterations[0]["learning"]["sft_loss"]
    assert chance(loop, 12) > 4 * before
    assert {entry["tokens"] for entry in iterations} == {1.0}, "a truth is no rollout"


def test_the_kl_on_the_corpus_holds_the_policy_to_its_reference_on_the_corpus_alone(
    toy: Toy,
) -> None:
    def drift(coefficient: float) -> tuple[float, float]:
        corpus = OneBlock(Sentinel.FILE, 12, 13, 14)
        config = replace(TOY, corpus_kl_coefficient=coefficient)
        name = f"held {coefficient}"
        loop = toy.loop(config, toy.share_of(11), vocabulary=20, corpus=corpus, name=name)
        loop.train()
        reference, ids = loop.parts.reference, torch.tensor(corpus.block.astype(np.int64))
        everywhere = torch.ones_like(ids, dtype=torch.bool)
        nats = CorpusKl(reference, corpus).divergence(loop.parts.policy, ids, everywhere)
        return float(nats.detach()), chance(loop, 11)

    (free, free_chance), (held, held_chance) = drift(0.0), drift(10.0)

    assert held < free / 4
    assert held_chance > 2 / 20, "the reward is learned all the same"
    assert free_chance > 2 / 20


def test_every_optimizer_step_asks_for_its_own_blocks(toy: Toy) -> None:
    corpus = OneBlock(Sentinel.FILE, 12, 13, 14)
    config = replace(TOY, corpus_kl_coefficient=1.0)
    loop = toy.loop(config, toy.share_of(11), vocabulary=20, corpus=corpus)

    loop.train()

    losses = [entry["learning"]["corpus_kl"] for entry in iterations_of(loop)]
    assert losses[0] < losses[-1]
    assert all(loss > 0 for loss in losses)
    assert corpus.asked == list(range(TOY.iterations * TOY.epochs * TOY.minibatches))


def test_a_corpus_that_counts_for_nothing_is_not_read(toy: Toy) -> None:
    corpus = OneBlock(Sentinel.FILE, 12)
    config = replace(TOY, iterations=1)

    toy.loop(config, toy.share_of(8), corpus=corpus).train()

    assert corpus.asked == []


def test_a_prompt_with_one_rollout_has_no_others_to_compare_with() -> None:
    with pytest.raises(RecipeError, match="rollouts_per_prompt: expected 2 or more"):
        replace(TOY, rollouts_per_prompt=1)
    assert replace(TOY, rollouts_per_prompt=1, baseline="none").rollouts_per_prompt == 1


def test_harm_ends_the_run_and_the_best_weights_before_it_are_kept(toy: Toy) -> None:
    watch = Watch(rewards=[0.1, 0.5, 0.4, 0.9], harm_at={3})
    config = replace(TOY, eval_every=2, patience=1)
    loop = toy.loop(config, toy.share_of(8), evaluator=watch)
    best: dict[str, Any] = {}
    keep = loop.keep_best

    def note() -> None:
        best["weights"], best["iteration"] = (
            copy.deepcopy(loop.parts.policy.model.state_dict()),
            loop.iteration,
        )
        keep()

    loop.keep_best = note  # type: ignore[method-assign]

    assert loop.train() == "exact match fell"

    assert (loop.iteration, best["iteration"]) == (6, 2)
    from safetensors.torch import load_file

    kept = load_file(loop.out / "best" / "model.safetensors")
    assert all(torch.equal(kept[name], best["weights"][name]) for name in kept)


@pytest.mark.parametrize(
    ("harm_at", "ended", "iterations"),
    [({1, 3, 5}, "", 12), ({1, 3, 4}, "exact match fell", 8), ({1, 6}, "", 12)],
)
def test_harm_that_the_next_evaluation_does_not_show_ends_nothing(
    toy: Toy, harm_at: set[int], ended: str, iterations: int
) -> None:
    watch = Watch(rewards=[0.1, 0.9], harm_at=harm_at)
    loop = toy.loop(replace(TOY, eval_every=2, patience=2), toy.share_of(8), evaluator=watch)

    assert loop.train() == ended

    assert (loop.iteration, loop.best) == (iterations, 0.9)


def test_a_resumed_run_remembers_the_harm_of_its_last_evaluation(toy: Toy) -> None:
    config = replace(TOY, iterations=2, eval_every=2, patience=2)
    toy.loop(config, toy.share_of(8), evaluator=Watch(harm_at={1})).train()

    taken_up = toy.loop(
        replace(config, iterations=6), toy.share_of(8), evaluator=Watch(harm_at={1})
    )

    assert taken_up.train() == "exact match fell"
    assert taken_up.iteration == 4


def test_a_round_without_any_score_changes_nothing_and_is_finite(toy: Toy) -> None:
    def fails(completions: Sequence[Completion]) -> Scores:
        return Scores((None,) * len(completions), {})

    loop = toy.loop(replace(TOY, iterations=2), fails)
    loop.train()

    for entry in iterations_of(loop):
        assert entry["skipped"] == TOY.rollouts
        assert all(value == value for value in entry["learning"].values())


def test_a_run_that_ended_for_harm_has_ended_also_when_it_is_taken_up(toy: Toy) -> None:
    config = replace(TOY, iterations=6, eval_every=2, patience=1)
    toy.loop(config, toy.share_of(8), evaluator=Watch(harm_at={1})).train()

    taken_up = toy.loop(config, toy.share_of(8))

    assert taken_up.train() == "exact match fell"
    assert taken_up.iteration == 2

    patient = toy.loop(replace(config, patience=2), toy.share_of(8))
    assert patient.train() == ""
    assert patient.iteration == 6


def test_a_checkpoint_from_before_patience_is_taken_up(toy: Toy) -> None:
    loop = toy.loop(replace(TOY, iterations=1), toy.share_of(8))
    loop.train()
    (folder,) = (loop.out / "checkpoints").glob("step-*")
    state = torch.load(folder / "state.pt", weights_only=True)
    state["facts"] = {name: state["facts"][name] for name in ("gathered", "kl", "best")}
    torch.save(state, folder / "state.pt")

    taken_up = toy.loop(replace(TOY, iterations=2), toy.share_of(8))

    assert taken_up.harmed == 0
    assert taken_up.train() == ""
