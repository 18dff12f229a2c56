"""Raw prompts of other models' families, turned back into prefix and suffix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.bundles.fim_families import FAMILIES, Family
from lsp_server.http.completion import Chunk
from lsp_server.http.dialects.sentinels import Split, split_prompt

P, S = "def f(a):\n    return ", "\n\nf(1)\n"
PROMPTS = {
    "StarCoder": f"<fim_prefix>{P}<fim_suffix>{S}<fim_middle>",
    "StarCoder, suffix first": f"<fim_suffix>{S}<fim_prefix>{P}<fim_middle>",
    "Qwen, CodeGemma": f"<|fim_prefix|>{P}<|fim_suffix|>{S}<|fim_middle|>",
    "Code Llama": f"<PRE> {P} <SUF>{S} <MID>",
    "Code Llama by Twinny": f"<PRE> {P} <SUF> {S} <MID>",
    "DeepSeek": f"<｜fim▁begin｜>{P}<｜fim▁hole｜>{S}<｜fim▁end｜>",  # noqa: RUF001
    "Codestral": f"[SUFFIX]{S}[PREFIX]{P}",
    "GLM": f"<|code_prefix|>{P}<|code_suffix|>{S}<|code_middle|>",
    "Seed": f"<[fim-suffix]>{S}<[fim-prefix]>{P}<[fim-middle]>",
    "SantaCoder": f"<fim-prefix>{P}<fim-suffix>{S}<fim-middle>",
    "Tabby": f"{P}<|FIM|>{S}",
    "Lory": f"<|suffix|>{S}<|prefix|>{P}",
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_prefix_and_suffix_come_back_from_every_familys_prompt(prompt: str) -> None:
    assert split_prompt(prompt) == Split(P, S)


def test_files_before_the_prompt_are_texts_of_others_and_the_last_path_is_the_cursors() -> None:
    prompt = (
        "<|repo_name|>shop\n<|file_sep|>b.py\nx = 1\n<|file_sep|>c.py\ny = 2\n"
        f"<|file_sep|>a.py\n<|fim_prefix|>{P}<|fim_suffix|>{S}<|fim_middle|>"
    )
    assert split_prompt(prompt) == Split(
        P, S, "a.py", (Chunk("x = 1\n", "b.py"), Chunk("y = 2\n", "c.py"))
    )


def test_mellums_file_name_is_the_cursors_path() -> None:
    prompt = f"<filename>src/a.py\n<fim_suffix>{S}<fim_prefix>{P}<fim_middle>"
    assert split_prompt(prompt) == Split(P, S, "src/a.py")


@pytest.mark.parametrize(
    "prompt",
    [
        f"# <fim_prefix>{P}<fim_suffix>{S}<fim_middle>",
        f"<fim_prefix>{P}<fim_suffix>{S}",
        f"<fim_prefix>{P}{S}<fim_middle>",
        f"<fim_prefix>{P}<|fim_suffix|>{S}<fim_middle>",
        f"<fim_prefix>{P}<fim_suffix>{S}<fim_middle>x = 1",
        "<|FIM|> and <|FIM|>",
        "[SUFFIX]",
        "",
    ],
)
def test_a_prompt_that_is_not_as_a_whole_of_one_family_stays_text(prompt: str) -> None:
    assert split_prompt(prompt) == Split(prompt)


TEXTS = st.text(alphabet="ab \n<|>", max_size=30)


@given(family=st.sampled_from(list(FAMILIES.values())), prefix=TEXTS, suffix=TEXTS)
def test_any_text_between_the_marks_comes_back(family: Family, prefix: str, suffix: str) -> None:
    if family.middle:
        prompt = f"{family.prefix}{prefix}{family.suffix}{suffix}{family.middle}"
    else:
        prompt = f"{family.suffix}{suffix}{family.prefix}{prefix}"
    assert split_prompt(prompt) == Split(prefix, suffix)


@given(st.text(max_size=200))
def test_no_prompt_is_lost(prompt: str) -> None:
    found = split_prompt(prompt)
    assert found.prefix in prompt
    assert found.suffix in prompt


def test_source_that_speaks_of_marks_is_split_at_the_last_one() -> None:
    prefix = "MARKS = '<fim_suffix>'\n"
    prompt = f"<fim_prefix>{prefix}<fim_suffix>{S}<fim_middle>"
    assert split_prompt(prompt) == Split(prefix, S)
