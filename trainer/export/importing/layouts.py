"""The order in which an imported model reads a prompt, chosen by a probe on held-out lines.

Shapes: T positions, V vocabulary.
"""

import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from lsp_server.contract.bundles.prompt_layout import (
    ABOVE,
    PREFIX,
    SUFFIX,
    Layout,
    lay_out,
    part_prefix,
)
from lsp_server.contract.prompt import SENTINELS, Sentinel, encode
from lsp_server.engines.decoder import OnnxDecoder
from trainer.export.importing.gate import log_softmax
from trainer.export.importing.renumbering import Roles

PROBED = ("bisect.py", "fnmatch.py", "sched.py", "colorsys.py", "getpass.py", "netrc.py")
"""Modules of the standard library that lines are hidden in; the gate reads others."""
BEFORE, HIDDEN, AFTER = 24, 4, 16
"""Lines."""

ALONE, IN_FRONT = "prefix alone", "suffix in front"
TEXT = "\n\n\n"
"""Between a suffix that stands in front and the prefix, for models that know no sentinels."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe has found."""

    name: str
    layout: Layout
    nats: float
    """Of a hidden token, on average, in the layout chosen."""
    alone: float
    """The same with nothing but the prefix."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a file with lines to guess."""

    prefix: str
    hidden: str
    suffix: str


def candidates(roles: Roles) -> dict[str, Layout]:
    """The layouts that a model may know, by the sentinels that its vocabulary has."""
    file, prefix, suffix, middle = (
        sentinel.text
        for sentinel in (Sentinel.FILE, Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE)
    )
    found: dict[str, Layout] = {
        ALONE: (file, PREFIX),
        IN_FRONT: (file, SUFFIX, TEXT, PREFIX),
    }
    if Sentinel.PREFIX in roles and Sentinel.SUFFIX in roles:
        if Sentinel.MIDDLE in roles:
            found["suffix, prefix, middle"] = (prefix, suffix, SUFFIX, middle, PREFIX)
            found["prefix, suffix, middle"] = (prefix, ABOVE, suffix, SUFFIX, middle, PREFIX)
        else:
            found["suffix, prefix"] = (suffix, SUFFIX, prefix, PREFIX)
    return found


def choose_layout(roles: Roles, decoder: OnnxDecoder, tokenizer: Tokenizer) -> Probe:
    """The layout in which hidden lines are likeliest; the prefix alone where none helps."""
    windows = read_windows()
    known = candidates(roles)
    nats = {name: measure(layout, decoder, tokenizer, windows) for name, layout in known.items()}
    best = min(nats, key=lambda name: nats[name])
    return Probe(best, known[best], nats[best], nats[ALONE])


def read_windows() -> list[Window]:
    """A window of each probed module."""
    folder = Path(sysconfig.get_path("stdlib"))
    windows = []
    for name in PROBED:
        lines = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
        at = max(BEFORE, len(lines) // 2)
        hidden = "".join(lines[at : at + HIDDEN])
        suffix = "".join(lines[at + HIDDEN : at + HIDDEN + AFTER])
        windows.append(Window("".join(lines[at - BEFORE : at]), hidden, suffix))
    return windows


def measure(
    layout: Layout, decoder: OnnxDecoder, tokenizer: Tokenizer, windows: list[Window]
) -> float:
    """Nats of a hidden token in a layout, the mean over all windows' tokens."""
    total = count = 0.0
    for window in windows:
        hidden = encode(tokenizer, window.hidden)[:64]
        above, near = part_prefix(layout, window.prefix)
        fields: Mapping[str, list[int]] = {
            ABOVE: encode(tokenizer, above)[-320:],
            PREFIX: encode(tokenizer, near)[-320:],
            SUFFIX: encode(tokenizer, window.suffix)[:160],
        }
        ids = [*lay_out(layout, fields, SENTINELS, tokenizer), *hidden]
        room = decoder.context
        ids = ids[-room:]
        logits_TV = decoder.forward(ids, 0, len(hidden) + 1)[:-1].astype(np.float64)
        picked = log_softmax(logits_TV)[np.arange(len(hidden)), hidden]
        total, count = total - float(picked.sum()), count + len(hidden)
    return total / count
