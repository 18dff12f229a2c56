"""One fuzzed session: a real server, messages, a farewell, and what must be true of it."""

import json
import os
import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.fuzz.messages import Generator, Message
from tests.raw_client import RawClient, framed, opening

ANSWERED_WITHIN = 120.0
"""Seconds: a machine may have other work, and a new bundle is tried out."""
CLOCK = 1.0
"""Seconds; a server that goes later has been ended by its own clock."""
BATCH = 100
"""Messages between two that are waited for."""
FEW = 300
"""Messages; shorter sessions are about their ends alone."""
KEPT = 300
"""Messages that are shown where something went wrong."""
SHUTDOWN: Message = {"id": "shutdown", "method": "shutdown", "params": None}
EXIT: Message = {"method": "exit"}


class FuzzError(Exception):
    """What must not happen."""


class FuzzedSession:
    """Sends a seed's messages, and counts the answers."""

    def __init__(self, generator: Generator, folder: Path, options: Message) -> None:
        self.generator = generator
        self.sent: deque[bytes] = deque(maxlen=KEPT)
        self.expected: dict[Any, int] = {}
        self.megabytes = 0.0
        self.farewell = ""
        self.gone_after = 0.0
        self.cut_short = 0
        """Requests that the server's own clock left no time for: the machine had other work."""
        self.followed = False
        """Whether the project was seen to be followed after all that was sent."""
        self._random = generator.random
        self._folder = folder
        self._options = options
        self._heard = 0
        self._marks = 0

    def run(self, messages: int) -> None:
        """One session of so many messages; FuzzError where something is wrong."""
        with RawClient(self._folder) as client:
            try:
                self._run(client, messages)
            except (AssertionError, OSError, ValueError) as exc:
                raise FuzzError(f"{self.farewell or 'under way'}: {exc}") from exc

    def _run(self, client: RawClient, messages: int) -> None:
        params = opening(
            self._folder,
            self._options,
            configuration=self._random.random() < 0.7,
            didChangeConfiguration={"dynamicRegistration": True},
            didChangeWatchedFiles={"dynamicRegistration": True},
        )
        params["capabilities"]["window"] = {"workDoneProgress": self._random.random() < 0.5}
        self._send(client, {"id": "initialize", "method": "initialize", "params": params})
        self._send(client, {"method": "initialized", "params": {}})
        for number in range(messages):
            self._send_body(client, self.generator.body())
            if number % BATCH == BATCH - 1:
                self._mark(client)
        if messages >= FEW:
            self._check_follower(client)
            for _ in range(self._random.randrange(BATCH)):  # what waits when the client goes
                self._send_body(client, self.generator.body())
        self._measure(client)
        self._say_farewell(client)
        self._check(client)

    def _send(self, client: RawClient, message: Message) -> None:
        self._send_body(client, json.dumps({"jsonrpc": "2.0", **message}).encode())

    def _send_body(self, client: RawClient, body: bytes) -> None:
        self.sent.append(body)
        number = id_in(body)
        if number is not None:
            self.expected[number] = self.expected.get(number, 0) + 1
        client.send_bytes(framed(body))

    def _mark(self, client: RawClient) -> None:
        """Wait until all messages so far have been handled, answering what the server asks."""
        self._marks += 1
        number = f"mark {self._marks}"
        self._send(client, {"id": number, "method": "lory/statistics"})
        deadline = monotonic() + ANSWERED_WITHIN
        while not client.answers_since(number, self._heard):
            self._answer_questions(client)
            if client.fault or monotonic() > deadline:
                raise FuzzError(f"no answer to {number}: {client.fault or 'it still runs'}")
            client.wait_for_news(0.05)
        self._answer_questions(client)

    def _answer_questions(self, client: RawClient) -> None:
        received = client.received
        while self._heard < len(received):
            message = received[self._heard]
            self._heard += 1
            if "method" in message and "id" in message:
                answer = self.generator.answer(message)
                if answer is not None:
                    self._send_body(client, json.dumps(answer).encode())

    def _check_follower(self, client: RawClient) -> None:
        """Files that are written now are found: what follows the project is alive."""
        self.generator.obliging = True
        before = self._settle(client)
        name = f"new{self._random.randrange(10**9)}.py"
        (self._folder / name).write_text(f"value = {self._random.random()!r}\n")
        uri = (self._folder / name).as_uri()
        params = {"changes": [{"uri": uri, "type": 1}]}
        deadline = monotonic() + ANSWERED_WITHIN
        while (found := self._project(client)) is None or found["files"] <= before["files"]:
            self._send(client, {"method": "workspace/didChangeWatchedFiles", "params": params})
            if monotonic() > deadline:
                raise FuzzError(f"the project is followed no more: {before}, {found}")
            sleep(0.6)
        self.followed = True
        self.generator.obliging = False

    def _settle(self, client: RawClient) -> Any:
        """Settings and a folder under which the project is read."""
        folder = {"uri": self._folder.as_uri(), "name": "fuzz"}
        event = {"added": [folder], "removed": [folder]}
        changes = {
            "workspace/didChangeWorkspaceFolders": {"event": event},
            "workspace/didChangeConfiguration": {"settings": None},
        }
        for method, params in changes.items():
            self._send(client, {"method": method, "params": params})
        deadline = monotonic() + ANSWERED_WITHIN
        while (found := self._project(client)) is None or not found["whole"] or not found["files"]:
            if monotonic() > deadline:
                raise FuzzError(f"the project is never read: {found}")
            sleep(0.2)
        return found

    def _project(self, client: RawClient) -> Any:
        self._mark(client)
        answer = client.wait_for(f"mark {self._marks}")
        return answer.get("result", {}).get("project")

    def _measure(self, client: RawClient) -> None:
        self.megabytes = peak_megabytes(client.process.pid)

    def _say_farewell(self, client: RawClient) -> None:
        farewells: dict[str, Callable[[RawClient], None]] = {
            "shutdown and exit": lambda client: self._send_all(client, SHUTDOWN, EXIT),
            "exit": lambda client: self._send_all(client, EXIT),
            "exit with an id": lambda c: self._send_all(c, {**EXIT, "id": "exit"}),
            "exit that is no message": lambda c: c.send_bytes(framed(b'{"method":"exit"}')),
            "end of input": lambda client: None,
            "garbage": lambda client: client.send_bytes(b"GET / HTTP/1.1\r\n\r\n"),
            "half a message": lambda client: client.send_bytes(b"Content-Length: 50\r\n\r\n{"),
            "vanished": lambda client: client.vanish(),
        }
        self.farewell = self._random.choice(list(farewells))
        farewells[self.farewell](client)
        client.wait_until_sent()
        if "exit" not in self.farewell:
            client.end_input()
        self.gone_after = client.seconds_until_gone(ANSWERED_WITHIN)

    def _send_all(self, client: RawClient, *messages: Message) -> None:
        for message in messages:
            self._send(client, message)

    def _check(self, client: RawClient) -> None:
        bad = [line for line in client.errors if "Traceback" in line or "no more" in line]
        if bad:
            raise FuzzError(f"the log says: {client.errors[-30:]}")
        if self.farewell == "vanished":
            return
        if client.process.returncode not in (0, 1):
            raise FuzzError(f"ended with code {client.process.returncode}: {client.errors[-5:]}")
        found: dict[Any, int] = {}
        for message in client.received:
            if "method" not in message and message.get("id") is not None:
                found[message["id"]] = found.get(message["id"], 0) + 1
        wrong = {
            number: (count, found.get(number, 0))
            for number, count in self.expected.items()
            if found.get(number, 0) != count
        }
        if wrong and self.gone_after > CLOCK and overload() > 1:
            self.cut_short = len(wrong)
        elif wrong:
            raise FuzzError(f"{self.farewell}: asked and answered so often: {wrong}")


def id_in(body: bytes) -> int | str | None:
    """The id that an answer must carry; None for what is no request, or cannot be read as one."""
    try:
        try:
            text = body.decode("utf-8-sig", "surrogatepass")
        except UnicodeDecodeError:
            text = body.decode("utf-8-sig", "replace")
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    number = message.get("id") if isinstance(message, dict) and "method" in message else None
    return number if isinstance(number, int | str) and not isinstance(number, bool) else None


def overload() -> float:
    """How many times more work the machine has than processors; at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def seeded(seed: int, number: int) -> random.Random:
    """The random numbers of one session of a seed."""
    return random.Random(f"{seed}/{number}")


def peak_megabytes(process: int) -> float:
    """The most memory that a process has had; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return kilobytes[0] / 1_000 if kilobytes else 0.0
