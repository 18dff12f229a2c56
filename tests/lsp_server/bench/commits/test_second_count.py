"""`lory try` against a second count of the same commits, by code that shares nothing with it.

It reads `git diff` instead of comparing texts, speaks to the server by itself, and types each run
of added lines as a whole, in an editor that closes nothing.
"""

import inspect
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from tests.lsp_server.bench.commits.repositories import git, make_repository

SHORTEST = 3


@dataclass
class Count:
    """What was typed and what was saved."""

    characters: int = 0
    saved: int = 0
    shown: int = 0
    taken: int = 0


class Server:
    """A server process, spoken to one message after another."""

    def __init__(self, root: Path, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lsp_server", "lsp"],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.number = 0
        folder = [{"uri": root.as_uri(), "name": "x"}]
        inline: dict[str, Any] = {"textDocument": {"inlineCompletion": {}}}
        offered = {**inline, "general": {"positionEncodings": ["utf-32"]}}
        self.ask(
            "initialize",
            {"processId": None, "workspaceFolders": folder, "capabilities": offered},
        )
        self.tell("initialized", {})

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def tell(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.read()
            if message.get("id") == self.number and "method" not in message:
                return message["result"]
            if "id" in message and "method" in message:
                self.send({"id": message["id"], "result": None})

    def read(self) -> dict[str, Any]:
        stream = self.process.stdout
        assert stream
        size = 0
        while (line := stream.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        found: dict[str, Any] = json.loads(stream.read(size))
        return found

    def wait_until_read(self) -> None:
        """Until the model is there and the project is read."""
        while True:
            told = self.ask("lory/statistics", None)
            if told["engine"] is not None and told["project"]["whole"]:
                return
            sleep(0.1)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


def second_count(repository: Path, scratch: Path) -> Count:
    """Every commit but the first, whole."""
    count = Count()
    digests = git(repository, "rev-list", "--reverse", "HEAD").split()
    for before, after in zip(digests, digests[1:], strict=False):
        root = scratch / after
        git(repository, "worktree", "add", "-q", "--detach", str(root), before)
        server = Server(root, scratch)
        server.wait_until_read()
        for path in git(repository, "diff", "--name-only", before, after).split():
            old = (root / path).read_text() if (root / path).exists() else ""
            new = git(repository, "show", f"{after}:{path}") + "\n"
            diff = git(repository, "diff", "-U0", before, after, "--", path)
            type_file(server, (root / path).as_uri(), old, new, diff, count)
        server.end()
    return count


def type_file(server: Server, uri: str, old: str, new: str, diff: str, count: Count) -> None:
    """Each hunk of a diff, in order."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    item = {"uri": uri, "languageId": "python", "version": 0, "text": old}
    server.tell("textDocument/didOpen", {"textDocument": item})
    for header in (line for line in diff.splitlines() if line.startswith("@@")):
        gone, added = (part[1:].split(",") for part in header.split()[1:3])
        if added[1:] == ["0"]:
            continue
        first = int(added[0]) - 1
        rows = new_lines[first : first + int((*added, "1")[1])]
        while rows and not rows[0].strip():
            first, rows = first + 1, rows[1:]
        rows = "\n".join(rows).rstrip().split("\n")
        resume = int(gone[0]) - 1 + int((*gone, "1")[1]) + (gone[1:] == ["0"])
        head = "".join(f"{line}\n" for line in new_lines[:first])
        tail = "\n" + "\n".join(old_lines[resume:])
        type_rows(server, uri, head, rows, tail, count)
    server.tell("textDocument/didClose", {"textDocument": {"uri": uri}})


def type_rows(
    server: Server, uri: str, head: str, rows: list[str], tail: str, count: Count
) -> None:
    """The rows, key by key; what the editor indents is neither typed nor saved."""
    truth = "\n".join(rows)
    free: set[int] = set()
    above = next((line for line in reversed(head.split("\n")) if line.strip()), "")
    place = 0
    for row in rows:
        step = 4 if above.rstrip().endswith(":") else 0
        wanted = len(row) - len(row.lstrip())
        free |= set(range(place, place + min(wanted, len(above) - len(above.lstrip()) + step)))
        above = row if row.strip() else above
        place += len(row) + 1
    typed = 0
    seen: set[str] = set()
    count.characters += len(truth) - len(free)
    while True:
        while typed in free:
            typed += 1
        if typed >= len(truth):
            return
        for text in offered(server, uri, head + truth[:typed], tail):
            if truth[:typed] + text not in seen:
                seen.add(truth[:typed] + text)
                count.shown += 1
            if len(text) >= SHORTEST and truth.startswith(text, typed):
                count.taken += 1
                count.saved += len(set(range(typed, typed + len(text))) - free)
                typed += len(text)
                break
        typed += 1


def offered(server: Server, uri: str, before: str, after: str) -> list[str]:
    """What is suggested at a cursor."""
    document = {"uri": uri, "version": server.number}
    change = {"textDocument": document, "contentChanges": [{"text": before + after}]}
    server.tell("textDocument/didChange", change)
    line, _, rest = before.rpartition("\n")
    position = {"line": line.count("\n") + ("\n" in before), "character": len(rest)}
    asked = {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": 2}}
    result = server.ask("textDocument/inlineCompletion", asked)
    items = result["items"] if isinstance(result, dict) else result or []
    return [item["insertText"] for item in items if item["insertText"]]


@pytest.mark.slow
def test_a_second_count_of_the_same_commits_comes_within_two_points(tmp_path: Path) -> None:
    """With the model that ships, on a repository whose commits add functions of real code."""
    import json.decoder as decoder
    import json.encoder as encoder

    repository = make_repository(
        tmp_path / "shop",
        {
            "decoder.py": without(decoder, "_decode_uXXXX", "JSONObject"),
            "encoder.py": without(encoder, "_make_iterencode", "py_encode_basestring_ascii"),
        },
        {"decoder.py": without(decoder, "JSONObject")},
        {"encoder.py": without(encoder, "_make_iterencode")},
        {"decoder.py": inspect.getsource(decoder)},
    )
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "lsp_server", "try", str(repository), "--json", str(out)]
    options = ["--editor", "plain", "--no-jedi", "--characters", "100000", "--commits", "3"]
    subprocess.run([*command, *options, "--seconds", "600"], check=True, capture_output=True)
    figures = json.loads(out.read_text())["servers"][0]["typing"]
    count = second_count(repository, tmp_path)
    assert count.characters == pytest.approx(figures["characters"], rel=0.01)
    assert count.saved > 0.1 * count.characters
    assert count.saved / count.characters == pytest.approx(figures["saved"]["value"], abs=0.02)
    assert count.taken / count.shown == pytest.approx(figures["acceptance"]["value"], abs=0.02)


def without(module: Any, *names: str) -> str:
    """A module's source without some of its functions."""
    source = inspect.getsource(module)
    for name in names:
        source = source.replace(inspect.getsource(getattr(module, name)), "")
    return source
