"""What the engine `remote` may be told, where its key comes from, and how prompts are written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.bundles.fim_families import FAMILIES
from lsp_server.contract.bundles.prompt_layout import part_at_anchor
from lsp_server.engines.remote import keys
from lsp_server.engines.remote.entry import create
from lsp_server.engines.remote.options import RemoteOptions
from lsp_server.engines.remote.service import Ask
from lsp_server.engines.remote.templates import write_prompt
from lsp_server.errors import EngineError

HERE = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://127.0.0.1"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": "http://me:secret@127.0.0.1"}, "no name, password"),
        ({"url": "http://example.org"}, "https"),
        ({"url": HERE, "api": "tgi"}, "api"),
        ({"url": HERE, "api": "openai", "model": ""}, "model"),
        ({"url": HERE, "prompt": "gpt"}, "prompt"),
        ({"url": HERE, "prompt": "infill"}, "prompt"),
        ({"url": HERE, "seconds": 0}, "seconds"),
        ({"url": HERE, "patience_ms": -1}, "patience_ms"),
        ({"url": HERE, "context": "big"}, "context"),
        ({"url": HERE, "stand_in": "no"}, "stand_in"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused_by_its_name(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        RemoteOptions(**{"model": "m", **options})
    assert "secret" not in str(caught.value)


def test_text_goes_to_another_machine_by_https_or_where_one_insists() -> None:
    assert RemoteOptions(url="https://lory.example.org/team/", api="lory").origin == (
        "https://lory.example.org"
    )
    assert (
        RemoteOptions(url="http://lory.example.org", api="lory", insecure=True).address.port is None
    )


@pytest.mark.parametrize("name", ["key", "api_key", "token", "password"])
def test_a_key_among_the_settings_is_refused_and_not_repeated(
    name: str, default_bundle: Any
) -> None:
    with pytest.raises(EngineError, match="LORY_REMOTE_KEY") as caught:
        create(default_bundle, 1, url=HERE, api="lory", **{name: "sk-secret"})
    assert "sk-secret" not in str(caught.value)


def test_a_key_goes_only_to_the_service_that_it_was_kept_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LORY_REMOTE_URL", "https://lory.example.org/team")
    monkeypatch.setenv("LORY_REMOTE_KEY", "lory-abc")
    assert keys.find_key("https://lory.example.org") == "lory-abc"
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for other in ("https://evil.example.org", "http://lory.example.org", "https://lory.example"):
        assert keys.find_key(other) == ""


@given(
    way=st.sampled_from(list(FAMILIES)),
    text=st.lists(st.sampled_from([*FAMILIES["qwen"].marks, *FAMILIES["codestral"].marks, "a\n"])),
)
def test_source_that_speaks_of_marks_writes_none(way: str, text: list[str]) -> None:
    source, family = "".join(text), FAMILIES[way]
    ask = Ask(prefix=source, suffix=source, path="", max_tokens=1, min_probability=0)
    prompt = write_prompt(way, ask)
    for mark in filter(None, (family.prefix, family.suffix, family.middle)):
        assert prompt.count(mark) == 1


def test_typing_moves_no_anchored_hole() -> None:
    """With the prefix in front, what stands before the cursor's last lines is not read again."""
    above = "".join(f"x{number} = {number}\n" for number in range(20))
    heads = {part_at_anchor(above + typed)[0] for typed in ("", "y", "y = 1", "y = 1\nz")}
    assert heads == {"".join(f"x{number} = {number}\n" for number in range(16))}
    assert all("".join(part_at_anchor(above[:end])) == above[:end] for end in range(len(above)))
