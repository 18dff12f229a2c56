"""An editor whose server completes by a service: what is shown, what is said, what is sent."""

from typing import Any

from tests.e2e.conftest import PATIENCE, Editor, StartEditor
from tests.http_service import StartService, start_service
from tests.small_service import as_llama_cpp, small_service

__all__ = ["start_service"]

SOURCE = "import os\n\nhere = os."
CURSOR = (2, 10)


def settings_for(url: str, **options: Any) -> dict[str, Any]:
    told = {"url": url, "api": "llama.cpp", "prompt": "plain", "patience_ms": 20_000, **options}
    return {"engine": "remote", "engine_options": told, "min_probability": 0.1}


def wait_told(editor: Editor, words: str) -> str:
    """The message of the next status with these words."""
    found = editor.client.wait_notification(
        "lory/status", 3 * PATIENCE, lambda params: words in params["message"]
    )
    assert found is not None, f"never {words}"
    return str(found.params["message"])


def test_nothing_of_an_excluded_file_is_ever_on_the_wire(start_editor: StartEditor) -> None:
    editor = start_editor()
    secret = "the_secret_password = 'xyzzy'\n"
    (editor.root / "private").mkdir()
    (editor.root / "private" / "keys.py").write_text(secret)
    (editor.root / "shared.py").write_text("def open_text():\n    return 1\n")
    contexts = {"contexts": ["file", "imports", "edits", "similar"], "exclude": ["private/**"]}
    with small_service(as_llama_cpp()) as service:
        editor.initialize({**settings_for(service.url), **contexts})
        wait_told(editor, "text leaves this process")
        editor.open(secret * 3, "private/keys.py")
        editor.type("the_secret_", 0, 0, "private/keys.py")
        assert editor.ask(0, 11, "private/keys.py") == []
        editor.open(f"import private.keys\nfrom shared import open_text\n{SOURCE}")
        assert editor.ask(4, 10) == ["getcwd()"]
    sent = b"".join(service.raw)
    assert b"import os" in sent
    assert b"xyzzy" not in sent
    assert b"the_secret" not in sent


def test_a_service_that_is_gone_and_back_is_told_in_the_status(start_editor: StartEditor) -> None:
    editor = start_editor()
    with small_service(as_llama_cpp()) as service:
        editor.initialize(settings_for(service.url))
        wait_told(editor, "text leaves this process")
        editor.open(SOURCE)
        assert editor.ask(*CURSOR) == ["getcwd()"]
    port = int(service.url.rsplit(":", 1)[1])
    editor.type("\nthere = os.", *CURSOR)
    editor.ask(3, 11)
    assert "lory-6m" in wait_told(editor, "is gone")
    with small_service(as_llama_cpp((("sep", -0.1), ("\n", -0.1))), port):
        for line in range(4, 40):
            editor.type("\nthere = os.", line - 1, 11)
            if editor.ask(line, 11) == ["sep"]:
                break
        wait_told(editor, "text leaves this process")


def test_a_teams_lory_completes_for_lorys_own_server(
    start_editor: StartEditor, start_service: StartService
) -> None:
    service = start_service()
    answer = service.post("/v1/completions", {"prompt": SOURCE, "suffix": "\n", "logprobs": 1})
    told = answer.json["choices"][0]["logprobs"]
    assert "".join(told["tokens"]) == answer.json["choices"][0]["text"]
    assert all(logprob <= 0 for logprob in told["token_logprobs"])
    editor = start_editor()
    options = settings_for(f"http://127.0.0.1:{service.port}", api="lory", prompt="suffix")
    editor.initialize(options)
    wait_told(editor, "text leaves this process")
    editor.open(
        "import os\n\n\ndef read_all(path):\n    with open(path) as file:\n        return f"
    )
    shown = editor.ask(5, 16)
    before = service.measure("lory_requests_total")
    assert shown, "a team's Lory has something to say here"
    assert before >= 2
