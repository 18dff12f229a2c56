"""The reward model: it learns, is measured on what it never saw, and scores texts as it should."""

import json
import math
import random
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lsp_server.contract.prompt import SENTINELS, Parts, Sentinel, decode
from lsp_server.engines import StopReason
from trainer.alignment.config import LoopConfig, RewardConfig
from trainer.alignment.preferences.pairs import Label, Preference, write_labels, write_pairs
from trainer.alignment.reward_model.figures import (
    calibration_error,
    describe_numbers,
    describe_pairs,
    log_loss,
    sigmoid,
)
from trainer.alignment.reward_model.rows import RewardLayout
from trainer.alignment.reward_model.scores import (
    build_scorer,
    last_token_scores,
    load_scorer,
    pad,
    score_rows,
)
from trainer.alignment.reward_model.stage import run
from trainer.alignment.rewards.learned import RewardModel
from trainer.alignment.rewards.protocol import BatchReward, Completion
from trainer.errors import RecipeError, RewardError, StageError

Inputs = dict[str, Path]
WORDS = ["parser", "value", "heap", "item", "line", "width", "text", "index", "name", "action"]


def settings(**values: Any) -> RewardConfig:
    defaults: dict[str, Any] = {
        "context": 64,
        "steps": 40,
        "batch": 16,
        "micro_batch": 8,
        "learning_rate": 2e-3,
        "warmup_steps": 2,
        "eval_every": 20,
        "checkpoint_every": 20,
        "keep_checkpoints": 9,
    }
    every = defaults | values
    of_loop = [field.name for field in fields(LoopConfig) if field.name in every]
    loop = {name: every.pop(name) for name in of_loop}
    return RewardConfig(**every, loop=LoopConfig(**loop))


def words(rng: random.Random, marker: str) -> str:
    """Some words with a marker among them."""
    drawn = [rng.choice(WORDS) for _ in range(rng.randint(2, 6))]
    drawn.insert(rng.randint(0, len(drawn)), marker)
    return " ".join(drawn)


def separable_pairs(count: int) -> list[Preference]:
    """Pairs in which the chosen text has one word and the rejected one another."""
    rng = random.Random(1)
    return [
        Preference(
            prompt=Parts(path="a.py", prefix=f"{words(rng, 'self')} = ", suffix="\nreturn\n"),
            chosen=words(rng, "good"),
            rejected=words(rng, "bad"),
            margin=0.5,
            source="toy" if number % 2 else "other",
            group=f"g{number}",
            heldout=number % 3 == 0,
        )
        for number in range(count)
    ]


def separable_labels(count: int, low: float, high: float) -> list[Label]:
    rng = random.Random(2)
    return [
        Label(
            text=words(rng, "good" if number % 2 else "bad"),
            label=high if number % 2 else low,
            source="toy",
            group=f"g{number}",
            heldout=number % 5 < 2,
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def inputs(
    tmp_path_factory: pytest.TempPathFactory,
    make_model: Callable[[str], Any],
    small_tokenizer: Tokenizer,
) -> Inputs:
    """An untrained policy, and pairs to learn from."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "preferences").mkdir()
    make_model("llama").save_pretrained(folder / "pretrain" / "model")
    small_tokenizer.save(str(folder / "pretrain" / "model" / "tokenizer.json"))
    write_pairs(separable_pairs(320), folder / "preferences")
    write_labels([], folder / "preferences")
    return {name: folder / name for name in ("pretrain", "preferences")}


def with_labels(inputs: Inputs, folder: Path, labels: list[Label]) -> Inputs:
    write_pairs([], folder)
    write_labels(labels, folder)
    return {**inputs, "preferences": folder}


@pytest.fixture(scope="module")
def learned(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("reward")
    run(settings(), inputs, out)
    return out


def read_report(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def completion(text: str, prefix: str = "value = ", **more: Any) -> Completion:
    return Completion(path="a.py", prefix=prefix, text=text, suffix="\n", **more)


def test_it_tells_chosen_from_rejected_in_pairs_that_it_never_saw(learned: Path) -> None:
    report = read_report(learned)
    assert report["accuracy"]["n"] == 107
    assert report["accuracy"]["value"] >= 0.9
    assert report["accuracy"]["low"] < report["accuracy"]["value"]
    assert set(report["accuracy_by_source"]) == {"toy", "other"}
    assert sum(row["n"] for row in report["accuracy_by_length_difference"]) == 107
    assert 0 <= report["calibration_error"] <= 0.2
    assert report["figures"]["held-out accuracy"] == report["accuracy"]["value"]


def test_a_resumed_run_ends_in_the_same_weights(
    learned: Path, inputs: Inputs, tmp_path: Path
) -> None:
    name = "checkpoints/checkpoint-20"
    shutil.copytree(learned / name, tmp_path / name)
    for file in ("metrics.jsonl", "settings.json"):
        shutil.copyfile(learned / file, tmp_path / file)
    run(settings(), inputs, tmp_path)
    weights = [(out / "model" / "model.safetensors").read_bytes() for out in (tmp_path, learned)]
    assert weights[0] == weights[1]
    with pytest.raises(StageError, match="begun with other settings \\(use_margins\\)"):
        run(settings(use_margins=True), inputs, tmp_path)


def test_the_plugin_scores_what_was_learned_and_many_as_each(learned: Path) -> None:
    model = RewardModel(folder=str(learned / "model"), batch=3)
    rng = random.Random(9)
    good = [completion(words(rng, "good")) for _ in range(10)]
    bad = [completion(words(rng, "bad"), stop=StopReason.LENGTH) for _ in range(10)]
    scores = model.score_all([*good, *bad])
    assert sum(left > right for left, right in zip(scores[:10], scores[10:], strict=True)) >= 9
    alone = [model.score_all([each])[0] for each in [*good, *bad]]
    assert scores == pytest.approx(alone, abs=1e-5)
    assert model.score_all([]) == []
    assert isinstance(model, BatchReward)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt1"])
def test_padding_on_either_side_never_changes_a_score(
    make_model: Callable[[str], Any], tmp_path: Path, kind: str
) -> None:
    make_model(kind).save_pretrained(tmp_path / "policy")
    model = build_scorer(tmp_path / "policy", seed=1)
    model.save_pretrained(tmp_path / "model")
    model = load_scorer(tmp_path / "model")
    rng = random.Random(4)
    rows = [[rng.randrange(7, 640) for _ in range(length)] for length in (3, 17, 9, 30)]
    rows = [[int(Sentinel.FILE), *row, int(Sentinel.END)] for row in rows]
    with torch.no_grad():
        alone = [float(last_token_scores(model, *pad([row]))) for row in rows]
        for side in ("left", "right"):
            together = last_token_scores(model, *pad(rows, side))
            assert together.tolist() == pytest.approx(alone, abs=1e-5)
        ids, mask = pad(rows)
        logits = model(input_ids=ids, attention_mask=mask.long()).logits.squeeze(-1)
        assert logits.tolist() == pytest.approx(alone, abs=1e-5)
    assert score_rows(model, rows, batch=2) == pytest.approx(alone, abs=1e-5)
    assert len({round(score, 6) for score in alone}) == 4


def test_the_end_token_is_not_the_padding_and_closes_every_row(small_tokenizer: Tokenizer) -> None:
    layout = RewardLayout(small_tokenizer, 64)
    rows = [layout.completion(Parts(prefix="x = "), "1"), layout.text("x = 1")]
    for row in rows:
        assert row.ids[-1] == Sentinel.END
        assert Sentinel.PAD not in row.ids
        assert not row.cut


def test_what_is_longer_than_the_context_loses_the_prompt_s_beginning_and_is_counted(
    small_tokenizer: Tokenizer,
) -> None:
    layout = RewardLayout(small_tokenizer, 64)
    prefix = "".join(f"number_{line} = {line}\n" for line in range(90)) + "last = "
    row = layout.completion(Parts(path="a.py", prefix=prefix, suffix="\n"), "len(items)")
    assert row.cut
    assert len(row.ids) <= 64
    assert decode(small_tokenizer, row.ids).endswith("last = len(items)")
    text = layout.text(prefix)
    assert text.cut
    assert len(text.ids) == 64
    assert decode(small_tokenizer, text.ids).endswith("last = ")
    long = layout.completion(Parts(prefix="x = "), prefix)
    assert long.cut
    assert len(long.ids) <= 64


def test_a_reward_model_with_another_tokenizer_than_the_policy_s_scores_the_same_texts(
    learned: Path, make_model: Callable[[str], Any], small_corpus: list[str], tmp_path: Path
) -> None:
    other = Tokenizer(models.BPE())
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    other.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(SENTINELS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    other.train_from_iterator([" ".join(WORDS), small_corpus[2]], trainer)
    model = make_model("llama")
    model.resize_token_embeddings(400)
    model.save_pretrained(tmp_path / "pretrain" / "model")
    other.save(str(tmp_path / "pretrain" / "model" / "tokenizer.json"))
    (tmp_path / "preferences").mkdir()
    write_pairs(separable_pairs(320), tmp_path / "preferences")
    folders = {name: tmp_path / name for name in ("pretrain", "preferences")}
    run(settings(), folders, tmp_path / "reward")
    scores = RewardModel(folder=str(tmp_path / "reward" / "model")).score_all(
        [completion("name good item"), completion("name bad item")]
    )
    assert scores[0] > scores[1]


@pytest.mark.parametrize(
    ("objective", "low", "high"), [("classification", 0.0, 1.0), ("regression", -1.5, 2.5)]
)
def test_it_learns_labelled_text_and_scores_a_completion_with_what_stands_before_it(
    inputs: Inputs, tmp_path: Path, objective: Any, low: float, high: float
) -> None:
    labelled = with_labels(inputs, tmp_path, separable_labels(200, low, high))
    run(settings(objective=objective), labelled, tmp_path / "out")
    report = read_report(tmp_path / "out")
    assert report["accuracy"]["n"] >= 40
    assert report["accuracy"]["value"] >= 0.9
    model = RewardModel(folder=str(tmp_path / "out" / "model"))
    good, bad = model.score_all(
        [
            completion(" item line", prefix="value good"),
            completion(" item line", prefix="value bad"),
        ]
    )
    middle = 0.0 if objective == "classification" else (low + high) / 2
    assert good > middle > bad


def test_a_classifier_made_elsewhere_scores_by_its_own_tokenizer(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]))
    tokenizer = BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"))
    tokenizer.save_pretrained(tmp_path / "model")
    torch.manual_seed(1)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(WORDS) + 4,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=32,
            num_labels=2,
        )
    ).eval()
    model.save_pretrained(tmp_path / "model")
    texts = [completion("heap item", prefix="value line "), completion("text " * 60)]
    scores = RewardModel(folder=str(tmp_path / "model"), batch=2).score_all(texts)
    rows = tokenizer("value line heap item", return_tensors="pt")
    with torch.no_grad():
        expected = model(**rows).logits[0, -1].item()
    assert scores[0] == pytest.approx(expected, abs=1e-5)
    assert math.isfinite(scores[1])


@pytest.mark.parametrize("broken", ["", "missing", "half"])
def test_a_reward_model_that_is_none_is_one_clear_error(
    learned: Path, tmp_path: Path, broken: str
) -> None:
    folder = str(tmp_path / broken) if broken else ""
    if broken == "half":
        shutil.copytree(learned / "model", tmp_path / broken)
        (tmp_path / broken / "tokenizer.json").unlink()
    with pytest.raises(RewardError, match="expected (a reward model in|the folder of)") as caught:
        RewardModel(folder=folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "labels", "said"),
    [
        ({"objective": "classification"}, [], "expected labelled texts to train on and to measure"),
        ({}, separable_labels(20, 0, 1), "expected pairs to train on and to measure on"),
        (
            {"objective": "classification"},
            separable_labels(20, 1, 5),
            "expected the labels 0 and 1, found 1 to 5; set reward.objective to regression",
        ),
        (
            {"objective": "regression"},
            separable_labels(20, 1, 1),
            "expected labels of two values or more to train on, found 1",
        ),
    ],
)
def test_preferences_of_another_kind_than_the_objective_are_one_clear_error(
    inputs: Inputs, tmp_path: Path, values: dict[str, Any], labels: list[Label], said: str
) -> None:
    with pytest.raises(RewardError, match=said) as caught:
        run(settings(**values), with_labels(inputs, tmp_path, labels), tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_context_longer_than_the_model_s_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="reward.context: expected at most 256, found 512"):
        run(settings(context=512), inputs, tmp_path)


def test_margins_ask_for_a_wider_gap(learned: Path, inputs: Inputs, tmp_path: Path) -> None:
    run(settings(use_margins=True), inputs, tmp_path)
    assert read_report(tmp_path)["mean_margin"] != read_report(learned)["mean_margin"]


def test_calibration_is_the_gap_between_confidence_and_truth() -> None:
    assert calibration_error([0.9, 0.9, 0.9, 0.9], [True, True, True, False]) == pytest.approx(0.15)
    assert calibration_error([0.1, 0.9], [False, True]) == pytest.approx(0.1)
    assert calibration_error([1.0, 0.0], [True, False]) == 0
    assert calibration_error([0.5, 0.5], [True, False]) == 0


def test_log_loss_and_sigmoid_hold_at_extremes() -> None:
    assert log_loss(0.0) == pytest.approx(math.log(2))
    assert log_loss(-800.0) == pytest.approx(800.0)
    assert (sigmoid(-800.0), sigmoid(0.0), sigmoid(800.0)) == (0.0, 0.5, 1.0)


def test_accuracy_is_split_by_how_much_longer_the_chosen_text_is() -> None:
    def pair(chosen: str, rejected: str) -> Preference:
        return Preference(
            prompt=Parts(),
            chosen=chosen,
            rejected=rejected,
            margin=1.0,
            source="s",
            group=chosen,
            heldout=True,
        )

    pairs = [pair("a" * 50, "b"), pair("c", "d"), pair("e", "f" * 50)]
    figures = describe_pairs(pairs, [1.0, 1.0, -1.0])
    rows = figures["accuracy_by_length_difference"]
    assert [(row["from_to"], row["value"]) for row in rows] == [
        ([None, -33], 0.0),
        ([-2, 2], 1.0),
        ([33, None], 1.0),
    ]
    assert figures["accuracy_of_longer"] == pytest.approx(1 / 3)
    assert figures["mean_margin"] == pytest.approx(1 / 3)


def test_numbers_are_right_where_neighbours_are_in_order() -> None:
    labels = [Label(text="", label=v, source="s", group=str(v), heldout=True) for v in (1, 3, 2)]
    figures = describe_numbers(labels, [0.0, 1.0, 1.5])
    assert figures["accuracy"]["value"] == 0.5
    assert figures["explained_variance"] == pytest.approx(1 - (1 + 4 + 0.25) / 2)
