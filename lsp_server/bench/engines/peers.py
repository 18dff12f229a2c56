"""Finds the engines to compare: the plugins of the group `lory.peers`.

A peer runs in a process of its own (`peer_process.py`), so what it imports never enters the
server's. Lory's own engine is one of them, by the same door.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from lsp_server import __version__
from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.decoding.speculation import Drafter
from lsp_server.engines.mixture import MixtureWeights, read_weights
from lsp_server.engines.prompt_cache import PREFILL_TOKENS
from lsp_server.engines.vocabulary import read_vocabulary
from lsp_server.plugins import find_plugin, list_plugins
from lsp_server.project.recall import ProjectRecall
from lsp_server.settings import Settings

PEERS = "lory.peers"

MOST_DRAFTED = Settings().draft

Told = Callable[[int], None]
"""Called with each new token as soon as it is known."""


class Peer(Protocol):
    """A model in memory."""

    def write(self, ids: Sequence[int], count: int, told: Told) -> int:
        """Read `ids` afresh and write `count` tokens, each the most probable one.

        Gives the runs of the model that the tokens came from.
        """
        ...


class PeerKind(Protocol):
    """What an entry point of `lory.peers` names; ImportError from either method: not installed."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Convert the bundle to what `open` reads, below `folder`; nothing where it is there."""
        ...

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Peer, str]:
        """The model and the program's version."""
        ...


class OwnPeer:
    """A bundle's graph, driven as the server drives it: a chunk of the prompt at a time."""

    def __init__(self, bundle: Path, threads: int, *, drafts: bool) -> None:
        loaded = load(bundle)
        self._decoder = OnnxDecoder(open_session(loaded.model_path, threads))
        self._pieces = read_vocabulary(load_tokenizer(loaded.tokenizer_path)).pieces
        self._weights: MixtureWeights | None = None
        if drafts:
            self._weights = read_weights(loaded.mixture_path)

    def write(self, ids: Sequence[int], count: int, told: Told) -> int:
        """Read `ids`, then a token at a time, or a token and a draft of those that follow."""
        for start in range(0, len(ids), PREFILL_TOKENS):
            logits_TV = self._decoder.forward(ids[start : start + PREFILL_TOKENS], start)
        written = [int(logits_TV[-1].argmax())]
        told(written[0])
        drafter = self._drafter(ids)
        steps = 1
        while len(written) < count:
            draft = self._draft(drafter, [*ids, *written], count - len(written) - 1)
            fed = [written[-1], *draft]
            logits_TV = self._decoder.forward(fed, len(ids) + len(written) - 1, len(fed))
            for token in verified(logits_TV.argmax(-1).tolist(), draft):
                written.append(token)
                told(token)
            steps += 1
        return steps

    def _drafter(self, ids: Sequence[int]) -> Drafter | None:
        if self._weights is None:
            return None
        return Drafter(ProjectRecall(ids, (), None), self._weights, self._pieces)

    @staticmethod
    def _draft(drafter: Drafter | None, context: Sequence[int], most: int) -> tuple[int, ...]:
        if drafter is None:
            return ()
        return drafter.draft(context, b"", min(most, MOST_DRAFTED), lambda _: True)


def verified(chosen: Sequence[int], draft: Sequence[int]) -> list[int]:
    """The model's choices up to the first that the draft did not foresee, that one included."""
    right = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(chosen, draft, strict=False))
    )
    return list(chosen[: right + 1])


@dataclass(frozen=True, slots=True)
class OwnKind:
    """The bundle's graph, as it is shipped."""

    drafts: bool
    """Whether tokens are drafted from the prompt, as the server drafts them from the project."""

    def prepare(self, bundle: Path, folder: Path) -> None:
        """Nothing: the bundle is what is read."""

    def open(self, bundle: Path, folder: Path, threads: int) -> tuple[Peer, str]:
        """The bundle's graph in this process."""
        return OwnPeer(bundle, threads, drafts=self.drafts), __version__


OWN = OwnKind(drafts=False)
OWN_DRAFTING = OwnKind(drafts=True)


def peer_names() -> list[str]:
    """Every installed peer, Lory's own first."""
    names = [plugin.name for plugin in list_plugins((PEERS,))]
    return sorted(names, key=lambda name: (not name.startswith("lory"), name))


def find_peer(name: str) -> PeerKind:
    """The peer of that name; PluginError where there is none or it does not load."""
    kind: PeerKind = find_plugin(list_plugins((PEERS,)), PEERS, name).load()
    return kind
