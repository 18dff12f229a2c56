"""Asks a service over HTTP on a thread of its own, and hangs up as soon as nobody wants the answer.

No redirect is followed, and nothing that is compressed is unpacked.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from time import monotonic
from typing import Any

import httpx2

from lsp_server.engines.remote.keys import find_key
from lsp_server.engines.remote.options import RemoteOptions, is_here
from lsp_server.engines.remote.service import ServiceFault, TimeUp, error_text

MOST_BYTES, LONGEST_LINE = 4_000_000, 1_000_000
"""Of one answer."""
ERROR_BYTES = 2_000
POLL = 0.005
"""Seconds between two looks at whether an answer is still wanted."""
CLOSING = 1.0
"""Seconds for connections to be closed."""
DONE = "[DONE]"
REASONS = ("error", "message", "detail")
"""Fields that say why: Ollama's, llama.cpp's and OpenAI's, vLLM's before 0.10, a framework's."""

Item = str | ServiceFault | None
"""A line, why there are no more, or that the answer is whole."""


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """The loop of the one thread that reads from services."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="lory-remote", daemon=True).start()
    return loop


class Wire:
    """The connections to one service; asked on one thread at a time."""

    def __init__(self, options: RemoteOptions) -> None:
        self._options = options
        self._client: httpx2.AsyncClient | None = None

    def ask(self, path: str, body: Any, cancelled: Flag) -> Iterator[Any]:
        """The messages of a streamed answer; ends early once `cancelled`.

        Raises ServiceFault where there is none, where the first takes longer than the service's
        patience, or all of them longer than its time. Leaving the iterator hangs up.
        """
        items: SimpleQueue[Item] = SimpleQueue()
        client = self._open()
        begun = monotonic()
        due = begun + self._options.patience
        reading = asyncio.run_coroutine_threadsafe(
            read_into(items, client, path, body), event_loop()
        )
        try:
            while not cancelled.is_set():
                item: Item = ""
                with suppress(Empty):
                    item = items.get(timeout=POLL)
                if item is None:
                    return
                if isinstance(item, ServiceFault):
                    raise item
                if (message := message_of(item)) is not None:
                    due = begun + self._options.seconds
                    yield message
                if monotonic() > due:
                    raise TimeUp(f"no more within {monotonic() - begun:.2g} s")
        finally:
            reading.cancel()

    def close(self) -> None:
        """Close idle connections; the next question opens others."""
        client, self._client = self._client, None
        if client is not None:
            closing = asyncio.run_coroutine_threadsafe(client.aclose(), event_loop())
            try:
                closing.result(CLOSING)
            except TimeoutError:
                closing.cancel()

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            options = self._options
            key = find_key(options.origin)
            self._client = httpx2.AsyncClient(
                base_url=options.url.rstrip("/"),
                headers={
                    "Accept-Encoding": "identity",
                    **({"Authorization": f"Bearer {key}"} if key else {}),
                },
                timeout=httpx2.Timeout(options.seconds),
                follow_redirects=False,
                verify=options.address.scheme == "https",  # its context takes long to make
                trust_env=not is_here(options.address.hostname or ""),
            )
        return self._client


async def read_into(
    items: "SimpleQueue[Item]", client: httpx2.AsyncClient, path: str, body: Any
) -> None:
    """Ask, and put the answer's lines where another thread looks for them."""
    try:
        async with client.stream("POST", path, json=body) as response:
            if response.status_code != 200:
                items.put(await refusal_of(response, path))
                return
            async for line in lines_of(response):
                items.put(line)
        items.put(None)
    except ServiceFault as exc:
        items.put(exc)
    except Exception as exc:  # whatever the library or a hostile answer brings
        said = " ".join(str(exc).split())[:120]
        items.put(ServiceFault(said or type(exc).__name__))


async def lines_of(response: httpx2.Response) -> AsyncIterator[str]:
    """The lines of an answer, within bounds."""
    rest, total = b"", 0
    async for chunk in response.aiter_raw():
        total += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        if total > MOST_BYTES or len(rest) > LONGEST_LINE:
            raise ServiceFault(f"an answer of more than {total:,} bytes")
        for line in lines:
            yield line.decode(errors="replace").strip()
    yield rest.decode(errors="replace").strip()


async def refusal_of(response: httpx2.Response, path: str) -> ServiceFault:
    """Why a service does not answer, by its status and what it says."""
    said = b""
    async for chunk in response.aiter_raw():
        said += chunk
        if len(said) > ERROR_BYTES:
            break
    status = f"{path} answers {response.status_code}"
    if response.is_redirect:
        return ServiceFault(f"{status}, a redirect, which is not followed; set the url it leads to")
    if response.status_code in (401, 403):
        return ServiceFault(f"{status}: it wants a key, see LORY_REMOTE_KEY")
    return ServiceFault(f"{status}: {reason_in(said[:ERROR_BYTES].decode(errors='replace'))}")


def reason_in(body: str) -> str:
    """What a refusal says, whichever of the usual JSON objects it is in, on one line."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = body
    if isinstance(told, dict):
        told = next((told[name] for name in REASONS if told.get(name)), body)
    return error_text(told)


def message_of(line: str) -> Any:
    """The JSON of a line, or of a server-sent event's; None where the line holds none."""
    if not line or line.startswith((":", "event:", "id:", "retry:")):
        return None
    text = line.removeprefix("data:").strip()
    if line.startswith("error:"):
        text = '{"error": ' + line.removeprefix("error:").strip() + "}"
    if text in ("", DONE):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ServiceFault(f"what is no JSON: {text[:60]!r}") from exc
