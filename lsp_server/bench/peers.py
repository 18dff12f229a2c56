"""Engines to measure: takes names of the entry points `lory.peers`, gives what opens each.

A peer runs in a process of its own (`peer_process.py`), so what it imports never enters the
server's. Lory's own engine is one of them, by the same door.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from lsp_server import __version__
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.prompt_cache import PREFILL_TOKENS
from lsp_server.plugins import find_plugin, list_plugins

PEERS = "lory.peers"

Told = Callable[[int], None]
"""Called with each new token as soon as it is known."""


class Peer(Protocol):
    """A model in memory."""

    def write(self, ids: Sequence[int], count: int, told: Told) -> None:
        """Read `ids` afresh and write `count` tokens, each the most probable one."""
        ...


class PeerKind(Protocol):
    """What an entry point of `lory.peers` names; ImportError from either method: not installed."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Convert the bundle to what `open` reads, below `folder`; nothing where it is there."""
        ...

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Peer, str]:
        """The model and the program's version."""
        ...


class GraphPeer:
    """A decoder graph, driven as the server drives it: a chunk of the prompt at a time."""

    def __init__(self, model: Path, threads: int) -> None:
        self._decoder = OnnxDecoder(open_session(model, threads))

    def write(self, ids: Sequence[int], count: int, told: Told) -> None:
        """Read `ids` from the first on, then a token at a time."""
        for start in range(0, len(ids), PREFILL_TOKENS):
            logits_TV = self._decoder.forward(ids[start : start + PREFILL_TOKENS], start)
        for place in range(len(ids), len(ids) + count):
            token = int(logits_TV[-1].argmax())
            told(token)
            if place + 1 < len(ids) + count:
                logits_TV = self._decoder.forward([token], place)


class OwnKind:
    """The bundle's graph, as it is shipped."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Nothing: the bundle is what is read."""

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Peer, str]:
        """The bundle's graph in this process."""
        from lsp_server.bundle import MODEL

        return GraphPeer(bundle / MODEL, threads), __version__


OWN = OwnKind()


def peer_names() -> list[str]:
    """Every installed peer, Lory's own first."""
    names = [plugin.name for plugin in list_plugins((PEERS,))]
    return sorted(names, key=lambda name: (not name.startswith("lory"), name))


def find_peer(name: str) -> PeerKind:
    """The peer of that name; PluginError where there is none or it does not load."""
    kind: PeerKind = find_plugin(list_plugins((PEERS,)), PEERS, name).load()
    return kind
