"""Bundles and engines that hang, panic or kill, by real processes: the server goes on."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from time import process_time, sleep
from timeit import timeit
from typing import TYPE_CHECKING, Any

import pytest

from lsp_server.completion.model.tryout import CACHE_VARIABLE, admit
from lsp_server.contract.bundles.bundle import load
from lsp_server.errors import BundleError
from lsp_server.settings import Settings
from tests.hostile_bundles import choking, copy_of_shipped, dividing, endless, panicking
from tests.raw_client import RawClient, document, opening, place, statuses

if TYPE_CHECKING:
    from tests.e2e.conftest import Rules, Script

LONG = 240.0
"""Seconds for a tryout on a machine that has other work."""
LINE = "parser.add_argument(self, name, value)\n"


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is remembered yet."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def wait_for_state(client: RawClient, state: str, since: int = 0) -> str:
    """What the first status of that kind says, of those that come after so many messages."""
    found = client.wait_until(lambda m: m.get("params", {}).get("state") == state, LONG, since)
    return str(found["params"]["message"])


def configure(client: RawClient, settings: dict[str, Any]) -> int:
    """Change the settings; how many messages had come before."""
    since = len(client.received)
    client.notify("workspace/didChangeConfiguration", {"settings": {"lory": settings}})
    return since


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (panicking, "PanicException"),
        (choking, "retry-limit-in-match over"),
        (dividing, "ended by SIGFPE"),
        (endless, "needed more than|took longer than"),
    ],
)
def test_a_bundle_that_does_harm_is_refused_and_setting_the_old_one_back_helps(
    tmp_path: Path, make: Callable[[Path], Path], why: str
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    bundle = make(tmp_path / "bad")
    with RawClient(tmp_path) as client:
        options = {"min_probability": 0.0, "min_characters": 1}
        client.request(0, "initialize", opening(tmp_path, {**options, "bundle": str(bundle)}))
        client.notify("initialized", {})
        message = wait_for_state(client, "error")
        assert any(part in message for part in why.split("|")), message
        assert message.startswith(f"bundle {bundle}: expected to complete a few lines")
        since = configure(client, {"bundle": ""})
        wait_for_state(client, "ready", since)
        client.notify("textDocument/didOpen", document(uri, LINE * 8 + "parser.add_arg"))
        client.request(1, "textDocument/inlineCompletion", place(uri, 8, 14))
        assert client.wait_for(1, LONG)["result"]["items"]


@pytest.mark.slow
def test_a_new_bundle_is_tried_once_and_the_shipped_one_never(tmp_path: Path, memory: Path) -> None:
    admit(load(Settings().bundle_folder), Settings(), lambda: True)
    assert not memory.exists()
    bundle = load(copy_of_shipped(tmp_path / "good"))
    admit(bundle, Settings(), lambda: True)
    (record,) = (memory / "tried").iterdir()
    assert record.stat().st_mode & 0o777 == 0o600
    again = timeit(lambda: admit(bundle, Settings(), lambda: True), timer=process_time, number=1)
    assert again < 0.2
    record.unlink()
    record.symlink_to(os.devnull)
    with pytest.raises(BundleError, match="was tried no more, as the settings have changed"):
        admit(bundle, Settings(), lambda: False)


def script_options(script: "Script", **more: Any) -> dict[str, Any]:
    """Settings for an engine that answers by rules, and is not waited for long."""
    return {**script.options, "min_probability": 0.1, "deadline": 1.0, **more}


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """An engine that sometimes hangs, deaf to what it is told."""
    return write_script(
        [
            {"after": "hang", "completion": "x", "delay_ms": 60_000, "deaf": True},
            {"after": "ret", "completion": "urn a + b", "logprob": -0.1},
        ]
    )


def start(client: RawClient, folder: Path, options: dict[str, Any], text: str) -> str:
    """A session with one document; its URI."""
    uri = (folder / "a.py").as_uri()
    client.request(0, "initialize", opening(folder, options))
    client.notify("initialized", {})
    client.notify("textDocument/didOpen", document(uri, text))
    wait_for_state(client, "ready")
    return uri


@pytest.mark.alone
def test_an_engine_that_hangs_is_given_up_and_another_one_answers(
    tmp_path: Path, script: "Script"
) -> None:
    other = (tmp_path / "b.py").as_uri()
    with RawClient(tmp_path) as client:
        uri = start(client, tmp_path, script_options(script), "hang\nret")
        client.notify("textDocument/didOpen", document(other, "ret"))
        since = len(client.received)
        client.request(1, "textDocument/inlineCompletion", place(uri, 0, 4))
        client.wait_until(lambda m: script.asked)
        client.request(2, "textDocument/inlineCompletion", place(other, 0, 3))
        assert client.wait_for(1)["result"] == {"items": []}
        client.request(3, "lory/explain", {"textDocument": {"uri": uri}})
        summary = client.wait_for(3)["result"]["summary"]
        assert "the engine took longer than 1 s" in summary
        loading = wait_for_state(client, "loading", since)
        assert loading == "the engine took longer than 1 s; it is started anew"
        wait_for_state(client, "ready", since)
        assert client.wait_for(2)["result"]["items"][0]["insertText"] == "urn a + b"
        client.request(4, "shutdown")
        client.notify("exit")
        assert client.seconds_until_gone() < 2


def test_an_engine_that_hangs_again_is_left_until_the_settings_change(
    tmp_path: Path, script: "Script"
) -> None:
    with RawClient(tmp_path) as client:
        uri = start(client, tmp_path, script_options(script), "hang\nret")
        for number in (1, 2):
            client.request(number, "textDocument/inlineCompletion", place(uri, 0, 4))
            assert client.wait_for(number)["result"] == {"items": []}
        message = wait_for_state(client, "error")
        assert message.startswith("the engine took longer than 1 s, twice; set another bundle")
        client.request(3, "textDocument/inlineCompletion", place(uri, 1, 3))
        assert client.wait_for(3)["result"] == {"items": []}
        since = configure(client, {**script_options(script), "threads": 2})
        wait_for_state(client, "ready", since)
        client.request(4, "textDocument/inlineCompletion", place(uri, 1, 3))
        assert client.wait_for(4)["result"]["items"]


def test_a_change_of_the_engine_does_not_wait_for_one_that_hangs(
    tmp_path: Path, script: "Script"
) -> None:
    with RawClient(tmp_path) as client:
        uri = start(client, tmp_path, script_options(script, deadline=300), "hang\nret")
        client.request(1, "textDocument/inlineCompletion", place(uri, 0, 4))
        client.wait_until(lambda m: script.asked)
        since = configure(client, {**script_options(script), "threads": 2})
        wait_for_state(client, "ready", since)
        client.request(2, "textDocument/inlineCompletion", place(uri, 1, 3))
        assert client.wait_for(2)["result"]["items"]
        assert [state for state, _ in statuses(client.received) if state == "error"] == []


@pytest.mark.alone
def test_a_thread_that_was_given_up_changes_nothing_any_more() -> None:
    """A job that ends late leaves what its successor does alone."""
    from lsp_server.completion.worker.watched_thread import WatchedWorker

    async def play() -> list[str]:
        said: list[str] = []
        worker = WatchedWorker(lambda why, hurried: said.append(why))
        worker.submit_first(lambda: sleep(0.5), 0.1)
        worker.submit(lambda: said.append(f"waited, {worker.is_current}"), 5)
        await asyncio.sleep(0.3)
        worker.submit_first(lambda: said.append("after"), 5)
        await asyncio.sleep(0.6)
        worker.end(1)
        return said

    assert asyncio.run(play()) == ["took longer than 0.1 s", "after", "waited, True"]
