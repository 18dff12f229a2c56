"""What a bad client may send: valid messages and broken ones, by a seeded generator."""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

Message = dict[str, Any]
URIS = (
    *(f"file:///fuzz/{name}.py" for name in "abcdef"),
    *("untitled:Untitled-1", "file:///fuzz/secrets.py", "scp://user@[host//x/a.py"),
    *("file:///a/%00.py", "vscode-notebook-cell:/n.ipynb#1", "file:///c%3A/x.py", "\ud800", ""),
)
LINES = (
    *("import os\n", "def f(x):\n", "    return x\n", "\n", "for i in range(3):\n", "x = [1, 2\n"),
    *(
        "é = '\u4e2d\U0001f600'\n",
        "s = '\ud83d'\n",
        "\r\n",
        "\tpass\r",
        "print(f'{x}')\n",
        "\x00\n",
    ),
)
SNIPPETS = (*LINES, "a", "ret", ".", "(", '"', "\udc00", "\U0001f600", "", "self.", "\n    ")
GIANT = "@a number of 5,000 digits@"
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e300, 2**31, 2**63, -(2**63), GIANT),
    *("", "x", "\ud800", "\x00", "x" * 5_000, [], {}, [[]], {"": {}}, [None] * 50),
    {"line": -1, "character": 2**40},
)
CONFIGURATIONS: tuple[Any, ...] = (
    *([None], [{}], None, 7, "x", [], [7], [[]], {"lory": {}}),
    [{"enabled": False}],
    [{"min_probability": 0.1}],
    [{"exclude": ["[z-a]", "private/**", "**/" * 12 + "zz"]}],
    [{"languages": {"python": 1}}],
    [{"unheard": True, "menu": "on"}],
    [{"feedback": 7, "log_level": "error"}],
)
GOOD: tuple[Any, ...] = ([None], [{}], [{"min_probability": 0.1}])


class Generator:
    """Messages of one seed; `random` is the seed's own."""

    def __init__(self, rng: random.Random) -> None:
        self.random = rng
        self.obliging = False
        """Whether the client gives settings that let the project be read."""
        self._last = 0
        self._recent: list[int] = []
        self._makers: tuple[tuple[int, Callable[[], Message]], ...] = (
            (30, self.change),
            (20, self.completion),
            (8, self.open),
            (5, self.close),
            (2, self.save),
            (10, self.cancel),
            (5, self.explain),
            (3, self.statistics),
            (3, self.command),
            (1, self.configuration),
            (2, self.watched),
            (1, self.folders),
            (2, self.unknown),
        )

    def body(self) -> bytes:
        """The bytes of one message, broken or not."""
        weights = [weight for weight, _ in self._makers]
        (_, make), *_ = self.random.choices(self._makers, weights)
        message = make()
        kind = self.random.random()
        if kind < 0.15:
            self._break(message)
        body = dump(message)
        if kind > 0.97:
            body = self._spoil(body)
        return body

    def pick(self, options: Any) -> Any:
        """One of them."""
        return self.random.choice(options)

    def uri(self) -> str:
        """A document, mostly one of the first."""
        return str(self.pick(URIS[:4]) if self.random.random() < 0.7 else self.pick(URIS))

    def text(self) -> str:
        """A document's text."""
        return "".join(self.random.choices(LINES, k=self.random.randrange(40)))

    def at(self) -> Message:
        """A position, mostly in the text."""
        return {"line": self.random.randrange(45), "character": self.random.randrange(25)}

    def request(self, method: str, params: Any) -> Message:
        """A request with an id of its own."""
        self._last += 1
        self._recent = [*self._recent[-20:], self._last]
        return {"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}

    def open(self) -> Message:
        """A document is opened, sometimes twice."""
        language = self.pick(("python", "python", "python", "rust", ""))
        item = {"uri": self.uri(), "languageId": language, "version": 1, "text": self.text()}
        return tell("textDocument/didOpen", {"textDocument": item})

    def change(self) -> Message:
        """One or several edits, or the whole text."""
        changes: list[Message] = []
        for _ in range(self.random.randrange(1, 4)):
            if self.random.random() < 0.05:
                changes.append({"text": self.text()})
                continue
            start, end = sorted((self.at(), self.at()), key=lambda at: at["line"])
            end = start if self.random.random() < 0.7 else end
            changes.append({"range": {"start": start, "end": end}, "text": self.pick(SNIPPETS)})
        document = {"uri": self.uri(), "version": self.random.randrange(100)}
        params = {"textDocument": document, "contentChanges": changes}
        return tell("textDocument/didChange", params)

    def close(self) -> Message:
        """A document is closed, perhaps one that is not open."""
        return tell("textDocument/didClose", {"textDocument": {"uri": self.uri()}})

    def save(self) -> Message:
        """A document is saved."""
        params = {"textDocument": {"uri": self.uri()}, "text": self.text()}
        return tell("textDocument/didSave", params)

    def completion(self) -> Message:
        """Ghost text or the menu."""
        where = {"textDocument": {"uri": self.uri()}, "position": self.at()}
        context: Message = {"triggerKind": self.pick((1, 2))}
        if self.random.random() < 0.2:
            return self.request("textDocument/completion", {**where, "context": context})
        if self.random.random() < 0.1:
            span = {"start": self.at(), "end": self.at()}
            context["selectedCompletionInfo"] = {"range": span, "text": self.pick(SNIPPETS)}
        return self.request("textDocument/inlineCompletion", {**where, "context": context})

    def cancel(self) -> Message:
        """A request is cancelled, mostly one that was just made."""
        number = self.pick(self._recent or [0])
        if self.random.random() < 0.1:
            number = deepcopy(self.pick(JUNK))
        return tell("$/cancelRequest", {"id": number})

    def explain(self) -> Message:
        """Why was nothing shown."""
        params = {"textDocument": {"uri": self.uri()}, "position": self.pick((self.at(), None))}
        return self.request("lory/explain", params)

    def statistics(self) -> Message:
        """What was counted."""
        return self.request("lory/statistics", None)

    def command(self) -> Message:
        """A command, known or not."""
        name = self.pick(("lory.explain", "lory.suggestionAccepted", "unheard"))
        arguments = [
            deepcopy(self.pick((self.uri(), *JUNK))) for _ in range(self.random.randrange(3))
        ]
        return self.request("workspace/executeCommand", {"command": name, "arguments": arguments})

    def configuration(self) -> Message:
        """Settings have changed."""
        return tell(
            "workspace/didChangeConfiguration", {"settings": deepcopy(self.pick((None, {}, *JUNK)))}
        )

    def watched(self) -> Message:
        """Files have changed."""
        changes = [{"uri": self.uri(), "type": self.pick((1, 2, 3))} for _ in range(3)]
        return tell("workspace/didChangeWatchedFiles", {"changes": changes})

    def folders(self) -> Message:
        """The workspace has other folders."""
        added, removed = ([{"uri": self.uri(), "name": "x"}] for _ in range(2))
        params = {"event": {"added": added, "removed": removed}}
        return tell("workspace/didChangeWorkspaceFolders", params)

    def unknown(self) -> Message:
        """What no server knows."""
        params = deepcopy(self.pick(JUNK))
        if self.random.random() < 0.5:
            return self.request("unheard/of", params)
        return tell("unheard/of", params)

    def answer(self, question: Message) -> Message | None:
        """What the client says to what the server asks; None for nothing at all."""
        answer: Message = {"jsonrpc": "2.0", "id": question["id"]}
        kind = self.random.random()
        if question["method"] == "workspace/configuration":
            if self.obliging:
                return {**answer, "result": [None]}
            return None if kind < 0.1 else self._tell_settings(answer, kind)
        if kind < 0.2:
            return None
        return {**answer, **self.pick(({"result": None}, {"error": {"code": 1, "message": "x"}}))}

    def _tell_settings(self, answer: Message, kind: float) -> Message:
        if kind < 0.2:
            return {**answer, "error": self.pick(({"code": -32601, "message": "x"}, *JUNK))}
        return {**answer, "result": self.pick(GOOD if kind < 0.7 else CONFIGURATIONS)}

    def _break(self, message: Message) -> None:
        """Take away, replace or add something, anywhere but in the id."""
        inner: Any = message
        for _ in range(self.random.randrange(5)):
            inside = inner.values() if isinstance(inner, dict) else inner
            deeper = [value for value in inside if isinstance(value, dict | list) and value]
            if not deeper:
                break
            inner = self.pick(deeper)
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        keys = [key for key in keys if inner is not message or key != "id"]
        key = self.pick(keys)
        if isinstance(inner, dict) and self.random.random() < 0.3:
            del inner[key]
        else:
            inner[key] = deepcopy(self.pick(JUNK))
            if self.random.random() < 0.1:
                inner[key] = nest(self.pick((5, 99, 101, 900)))

    def _spoil(self, body: bytes) -> bytes:
        """Bytes that are no JSON, or no UTF-8, any more."""
        place = self.random.randrange(len(body))
        kinds = (
            lambda: body[:place],
            lambda: body[:place] + b"\xe9" + body[place + 1 :],
            lambda: body[:place] + b"\xed\xa0\x80" + body[place:],
            lambda: b"\xef\xbb\xbf" + body,
            lambda: b"[" * 20_000,
            lambda: b"",
            lambda: b"[" + body + b"]",
        )
        made: bytes = self.pick(kinds)()
        return made


def tell(method: str, params: Any) -> Message:
    """A notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def nest(levels: int) -> Any:
    """A list in a list and so on."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def dump(message: Message) -> bytes:
    """As a careless client writes it: half characters, and numbers of any length."""
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return body.replace(f'"{GIANT}"'.encode(), b"9" * 5_000)
