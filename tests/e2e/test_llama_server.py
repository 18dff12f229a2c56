"""Completions by a real llama.cpp server: what is shown, what is on the wire, and the end of it."""

import json
from urllib.request import Request, urlopen

import pytest

from tests.e2e.conftest import PATIENCE, Editor, StartEditor
from tests.e2e.test_remote_engine import wait_told
from tests.llama_server import FOLLOWS, PREFIX, LlamaServer, StartLlama, gguf_model, start_llama

__all__ = ["gguf_model", "start_llama"]

CURSOR = (PREFIX.count("\n"), len(PREFIX.rpartition("\n")[2]))


@pytest.fixture
def service(start_llama: StartLlama) -> LlamaServer:
    return start_llama()


@pytest.fixture
def editor(start_editor: StartEditor, service: LlamaServer) -> Editor:
    """An editor whose server asks that service."""
    editor = start_editor()
    editor.initialize({**service.settings, "exclude": ["private/**"]})
    assert service.recorder.url in wait_told(editor, "text leaves this process")
    return editor


def test_it_writes_what_the_weights_write_elsewhere(editor: Editor, service: LlamaServer) -> None:
    editor.open(PREFIX)
    (text,) = editor.ask(*CURSOR)
    assert text.startswith(FOLLOWS)
    assert b"argparse" in b"".join(service.recorder.sent)


def test_it_fills_in_by_itself_what_stands_between_two_parts(service: LlamaServer) -> None:
    parts = {"input_prefix": "import sys\n\n\ndef main():\n    print(sys", "prompt": ""}
    body = {**parts, "input_suffix": ".stderr)\n    return 1\n", "n_predict": 8, "temperature": 0}
    request = Request(f"{service.recorder.url}/infill", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=PATIENCE) as answer:
        found = json.load(answer)
    assert "<|prefix|>" in found["prompt"]
    assert found["prompt"].index("<|prefix|>") < found["prompt"].index("<|suffix|>")
    assert found["prompt"].endswith("<|middle|>")
    assert not found["content"].startswith(".stderr)")


def test_nothing_of_an_excluded_file_is_on_the_wire(editor: Editor, service: LlamaServer) -> None:
    editor.open("password = 'xyzzy'\n" * 3, "private/keys.py")
    editor.type("pass", 0, 0, "private/keys.py")
    assert editor.ask(0, 4, "private/keys.py") == []
    editor.open(PREFIX)
    assert editor.ask(*CURSOR)
    sent = b"".join(service.recorder.sent)
    assert b"xyzzy" not in sent
    assert b"keys" not in sent


def test_who_is_cancelled_hangs_up(editor: Editor, service: LlamaServer) -> None:
    editor.open(PREFIX)
    service.recorder.may_answer.clear()
    service.recorder.asked.clear()
    request = editor.start(*CURSOR)
    assert service.recorder.asked.wait(PATIENCE)
    editor.client.notify("$/cancelRequest", {"id": request})
    assert service.recorder.hung_up.wait(PATIENCE)
    service.recorder.may_answer.set()
    assert editor.ask(*CURSOR)


def test_killed_it_is_stood_in_for_and_started_again_it_is_asked_again(
    editor: Editor, service: LlamaServer
) -> None:
    editor.open(PREFIX)
    assert editor.ask(*CURSOR)
    service.kill()
    editor.type("ArgumentParser()\n    args = parser.", *CURSOR)
    line = CURSOR[0] + 1
    editor.ask(line, 18)
    assert "lory-6m" in wait_told(editor, "is gone")
    service.start()
    for at in range(line, line + 40):
        editor.type("\n    other = argparse.", at, 18 if at == line else 21)
        editor.ask(at + 1, 21)
        if any(b"other" in part for part in service.recorder.sent):
            break
    wait_told(editor, "text leaves this process")
