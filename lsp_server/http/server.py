"""One running service: starts the engines, listens, swaps the bundle, and ends in good order."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from lsp_server.errors import ServeError
from lsp_server.http.app import App, load_dialects
from lsp_server.http.config import ServeConfig
from lsp_server.http.engine.starting import check_bundle, engine_start
from lsp_server.http.guard.connections import guarded
from lsp_server.http.operation.control import ControlSocket
from lsp_server.http.people.register import Register
from lsp_server.http.service import open_service

LOOK = 0.05
ENDS = ("SIGTERM", "SIGINT")
BACKLOG = 512

log = logging.getLogger(__name__)


class Listener(uvicorn.Server):
    """uvicorn, ended by the service instead of by signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the service's."""
        yield


class ServiceProcess:
    """What lasts from the start of `lory serve` to its end."""

    def __init__(self, config: ServeConfig) -> None:
        """Checks all that can be checked before anything is started; LoryError for a fault."""
        self._config = config
        register = Register(config.keys)
        refuse_open_service(config, register)
        self._service = open_service(config, register)
        self._fleet = self._service.fleet
        self._control = ControlSocket(config.control, self._reload, self._status)
        self._reloading = asyncio.Lock()
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal ends it; LoryError where it does not start."""
        config = self._config
        await self._control.open()
        listening = listen(config)
        catch_ends(self._ending.set)
        if hasattr(signal, "SIGHUP"):
            reload = self._service.register.reload
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        starting = asyncio.ensure_future(self._start_engines())
        listener = self._listener()
        serving = asyncio.ensure_future(listener.serve(sockets=[listening]))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            host, port = listening.getsockname()[:2]
            announce(host, port, self._service.register)
            await asyncio.wait((starting, ending, serving), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()  # its fault ends the service
                say("ready")
                await asyncio.wait((ending, serving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._service.draining = True
            listener.should_exit = True
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await serving
            await self._service.end()
            await self._control.close()

    async def _start_engines(self) -> None:
        await asyncio.to_thread(check_bundle, self._config, self._is_wanted)
        await self._fleet.begin()

    def _is_wanted(self) -> bool:
        return not self._ending.is_set()

    def _listener(self) -> Listener:
        config = self._config
        return Listener(
            uvicorn.Config(
                App(self._service, load_dialects(self._config.judged.trusted)),
                http=guarded(config),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                h11_max_incomplete_event_size=config.head_bytes,
                timeout_keep_alive=int(config.idle_seconds) or 1,
                timeout_graceful_shutdown=int(config.drain_seconds) or 1,
            )
        )

    async def _reload(self, bundle: str | None) -> Mapping[str, Any]:
        """Put another bundle in place, or the one whose files have changed; LoryError, and nothing
        changes, where it fails its check.
        """
        async with self._reloading:
            self._service.register.reload()
            config = self._config.with_bundle(bundle)
            await asyncio.to_thread(check_bundle, config, self._is_wanted)
            await self._fleet.replace(engine_start(config))
            self._config = config
            return await self._status()

    async def _status(self) -> Mapping[str, Any]:
        fleet, facts = self._fleet, self._fleet.facts
        return {
            "model": facts.title if facts else None,
            "ready": fleet.ready,
            "running": fleet.running,
            "waiting": fleet.waiting,
            "engines": fleet.pids,
        }


def catch_ends(end: Callable[[], None]) -> None:
    """Call `end` on the running event loop when a signal tells the service to end."""
    loop = asyncio.get_running_loop()
    for name in ENDS:
        number = getattr(signal, name)
        try:
            loop.add_signal_handler(number, end)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(end))


def announce(host: str, port: int, register: Register) -> None:
    """Say where the service listens."""
    shown = f"[{host}]" if ":" in host else host
    keys = "keys needed" if register.needs_key else "no keys"
    say(f"listening on http://{shown}:{port} ({keys})")


def say(text: str) -> None:
    """Tell whoever started the service."""
    sys.stderr.write(f"lory serve: {text}\n")
    sys.stderr.flush()


def refuse_open_service(config: ServeConfig, register: Register) -> None:
    """ServeError where others could reach a service without keys."""
    if config.is_local:
        return
    if not register.needs_key or not register.has_keys:
        raise ServeError(
            f"--host {config.host}: expected keys in {config.keys} before others can reach this "
            "service, found none; add one with: lory serve keys add NAME"
        )


def listen(config: ServeConfig) -> socket.socket:
    """The socket of the service. ServeError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # With the protocol said, asyncio sends an answer's second part without waiting for the other
    # side to have said that it has the first, which costs 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
        listening.listen(BACKLOG)  # before it is announced
    except OSError as exc:
        listening.close()
        raise ServeError(
            f"--host {config.host} --port {config.port}: expected an address that is free, "
            f"found: {exc}; choose another"
        ) from exc
    return listening


def serve(config: ServeConfig) -> None:
    """Run a service to its end."""

    async def run() -> None:
        await ServiceProcess(config).run()

    asyncio.run(run())
