"""Supervised tuning: samples ask and answer as they should, and the stage learns and resumes."""

import json
import random
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel, decode
from trainer.alignment.config import LoopConfig, SftConfig
from trainer.alignment.sft.samples import Layout, Sample, Sampler
from trainer.alignment.sft.stage import run
from trainer.corpus.document import Document, DocumentWriter, document_id
from trainer.errors import CorpusError, RecipeError, StageError
from trainer.model.networks import load, newest_weights
from trainer.tasks.code_sites import CodeSite, SampleKind, find_code_sites

Inputs = dict[str, Path]

SOURCE = '''\
"""A module."""

import os


def total(numbers):
    """Give the sum of all numbers."""
    result = 0
    for number in numbers:
        result += number

    return result


class Shelf:
    def add(self, book):
        """Put a book on the shelf."""
        # keep the books in their order
        self.books.append(book)
        self.books.sort()

        return self

# noqa: E501
# x = 1
limit = os.cpu_count()
'''


def document(text: str = SOURCE, repo: str = "r") -> Document:
    return Document(document_id(text), "tests", repo, "shelf.py", "", "psf", text)


def places(kind: SampleKind, text: str = SOURCE) -> list[CodeSite]:
    return list(find_code_sites(text, kind, random.Random(1)))


def settings(**values: Any) -> SftConfig:
    defaults: dict[str, Any] = {
        "samples": 200,
        "heldout_samples": 40,
        "per_document": 20,
        "context": 128,
        "answer_tokens": 32,
        "steps": 6,
        "batch": 8,
        "micro_batch": 4,
        "learning_rate": 1e-3,
        "warmup_steps": 1,
        "eval_every": 3,
        "checkpoint_every": 2,
        "keep_checkpoints": 9,
    }
    every = defaults | values
    of_loop = [field.name for field in fields(LoopConfig) if field.name in every]
    loop = {name: every.pop(name) for name in of_loop}
    return SftConfig(**every, loop=LoopConfig(**loop))


def test_a_docstring_asks_for_the_rest_of_its_function() -> None:
    asked = {place.prefix[place.opening :].split("(")[0]: place for place in places("docstring")}
    assert set(asked) == {"def total", "def add"}
    total = asked["def total"]
    assert total.truth.strip().startswith("result = 0")
    assert total.truth.endswith("return result")
    assert total.prefix + total.truth + total.suffix == SOURCE


def test_a_comment_in_prose_asks_for_the_code_below_it_up_to_a_blank_line() -> None:
    (place,) = places("comment")
    assert place.prefix[place.opening :].strip() == "# keep the books in their order"
    assert place.truth.strip() == "self.books.append(book)\n        self.books.sort()"


def test_a_header_asks_for_its_body_and_the_end_counts_only_where_a_person_ended_it() -> None:
    for place in places("block"):
        assert place.prefix.rstrip(" ").endswith((":", "\n"))
        whole = place.prefix + place.truth + place.suffix == SOURCE
        assert whole is place.closes
    assert any(not place.closes for place in places("block"))
    loop = [
        place
        for place in places("block")
        if place.prefix[place.opening - 7 :].startswith("numbers")
    ]
    assert [place.truth.strip() for place in loop] == ["result += number"]


def test_a_line_asks_for_its_rest_and_no_line_break() -> None:
    for place in places("line"):
        assert "\n" not in place.truth
        assert place.suffix[:1] in ("\n", "")
        assert place.prefix + place.truth + place.suffix == SOURCE


@pytest.mark.parametrize("kind", ["docstring", "comment", "line", "block"])
@pytest.mark.parametrize("layout", ["plain", "file", "alone"])
def test_prompt_and_answer_are_the_text_and_the_loss_is_on_the_answer_alone(
    small_tokenizer: Tokenizer, kind: SampleKind, layout: Layout
) -> None:
    sampler = Sampler(small_tokenizer, settings(context=1024, answer_tokens=64))
    for place in places(kind):
        sample = sampler.lay_out(place, document(), layout)
        answer = decode(small_tokenizer, sample.answer)
        assert answer.endswith(place.truth)
        healed = answer.removesuffix(place.truth)
        assert place.prefix.endswith(healed)
        assert (sample.answer[-1] == Sentinel.END) is place.closes
        before = sample.prompt[len(sample.prompt) - sample.prompt[::-1].index(Sentinel.PREFIX) :]
        shown = place.prefix[place.opening :] if layout == "alone" else place.prefix
        assert shown == decode(small_tokenizer, before) + healed
        assert (Sentinel.SUFFIX in sample.prompt) is (layout != "plain")


def test_a_long_prompt_loses_its_beginning_and_keeps_its_end(small_tokenizer: Tokenizer) -> None:
    sampler = Sampler(small_tokenizer, settings(context=128, answer_tokens=32))
    text = "".join(f"number_{line} = {line}\n" for line in range(200)) + SOURCE
    for kind, layout in (("docstring", "plain"), ("line", "file")):
        for place in places(kind, text):  # type: ignore[arg-type]
            sample = sampler.lay_out(place, document(text), layout)  # type: ignore[arg-type]
            assert len(sample.prompt) + 32 <= 128
            start = len(sample.prompt) - sample.prompt[::-1].index(Sentinel.PREFIX)
            kept = decode(small_tokenizer, sample.prompt[start:])
            healed = decode(small_tokenizer, sample.answer).removesuffix(place.truth)
            assert place.prefix.endswith(kept + healed)
            assert len(kept + healed) >= min(20, len(place.prefix))


@pytest.fixture(scope="module")
def tuned(tuning_inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("sft")
    run(settings(), tuning_inputs, out)
    return out


def read_json(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def weights(out: Path) -> bytes:
    return (out / "model" / "model.safetensors").read_bytes()


def test_tuning_lowers_the_loss_on_held_out_answers_and_says_so(tuned: Path) -> None:
    training = read_json(tuned / "training.json")
    before, after = training["heldout_answer_loss_before"], training["heldout_answer_loss"]
    assert after["all"] < before["all"] - 0.1
    assert set(after) == {"all", "docstring", "comment", "line", "block"}
    assert training["samples"]["line"] == {"file": 40}
    assert set(training["samples"]["comment"]) <= {"plain", "file", "alone"}


def test_every_step_leaves_its_figures_and_the_held_out_loss_where_it_is_due(tuned: Path) -> None:
    lines = [json.loads(line) for line in (tuned / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "heldout_loss" in line] == [3, 6]
    assert (
        lines[-1]["heldout_loss"]
        == read_json(tuned / "training.json")["heldout_answer_loss"]["all"]
    )
    assert all(line["grad_norm"] > 0 and 0 <= line["accuracy"] <= 1 for line in lines)


@pytest.mark.parametrize("step", [2, 4])
def test_a_run_that_resumes_from_any_checkpoint_ends_in_the_same_weights(
    tuned: Path, tuning_inputs: Inputs, tmp_path: Path, step: int
) -> None:
    name = f"checkpoints/checkpoint-{step}"
    shutil.copytree(tuned / name, tmp_path / name)
    half = tmp_path / "checkpoints" / f"checkpoint-{step + 1}"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    for file in ("metrics.jsonl", "settings.json"):
        shutil.copyfile(tuned / file, tmp_path / file)
    run(settings(), tuning_inputs, tmp_path)
    assert weights(tmp_path) == weights(tuned)
    assert not half.exists() or (half / "whole.json").exists()
    losses = [
        [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]
        for out in (tmp_path, tuned)
    ]
    assert losses[0] == losses[1]


def test_a_checkpoint_made_with_other_settings_is_refused(
    tuned: Path, tuning_inputs: Inputs, tmp_path: Path
) -> None:
    shutil.copyfile(tuned / "settings.json", tmp_path / "settings.json")
    with pytest.raises(StageError, match="begun with other settings \\(loop.learning_rate\\)"):
        run(settings(learning_rate=2e-3), tuning_inputs, tmp_path)


def test_the_tuned_weights_are_the_newest_and_come_with_their_tokenizer(
    tuned: Path, tuning_inputs: Inputs
) -> None:
    newest = newest_weights({**tuning_inputs, "sft": tuned})
    assert newest == tuned / "model"
    assert newest_weights(tuning_inputs) == tuning_inputs["pretrain"] / "model"
    assert (
        load(newest).config.vocab_size
        == load(tuning_inputs["pretrain"] / "model").config.vocab_size
    )
    same = (tuning_inputs["pretrain"] / "model" / "tokenizer.json").read_bytes()
    assert (newest / "tokenizer.json").read_bytes() == same


def test_the_same_documents_in_any_order_give_the_same_samples(
    tuning_inputs: Inputs, small_corpus: list[str], small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with DocumentWriter(tmp_path / "train") as writer:
        for text in reversed(small_corpus[1:]):
            writer.write(replace(document(text, "tests/train"), path="m.py"))
    sampler = Sampler(small_tokenizer, settings())
    drawn: list[list[Sample]] = [
        sampler.collect(folder, 60, "").samples
        for folder in (tuning_inputs["dedup"] / "train", tmp_path / "train")
    ]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) > 30


def test_documents_without_a_place_to_ask_at_are_one_error(
    tuning_inputs: Inputs, tmp_path: Path
) -> None:
    with DocumentWriter(tmp_path / "dedup" / "train") as writer:
        writer.write(document("\n\n"))
    with pytest.raises(
        CorpusError, match="expected samples from the documents in .*train, found none"
    ):
        run(settings(), {**tuning_inputs, "dedup": tmp_path / "dedup"}, tmp_path / "out")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"context": 512}, "sft.context: expected at most 256, found 512"),
        ({"batch": 6}, "sft.loop.batch: expected a multiple of micro_batch times processes"),
        ({"answer_tokens": 100}, "sft.answer_tokens: expected half the context or less"),
        ({"kinds": []}, "sft.kinds: expected one kind"),
        ({"learning_rate": 0.0}, "sft.loop.learning_rate: expected more than 0"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(
    tuning_inputs: Inputs, tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        run(settings(**values), tuning_inputs, tmp_path)
