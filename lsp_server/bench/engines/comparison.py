"""Runs several engines on the same prompts, and keeps what each wrote and how fast.

Every engine has a process for each number of threads. The processes take turns, prompt by prompt,
so that other load on the machine disturbs all of them alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Tokenizer

from lsp_server.bench.config import EnginesConfig
from lsp_server.bench.engines.peer_link import PeerDied, PeerFolders, PeerLink, prepare
from lsp_server.bench.engines.peer_process import Hello, PeerRequest, PeerText
from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.prompt import encode, load_tokenizer
from lsp_server.errors import BenchError

Watch = Callable[[str], None]
"""Told the name of each turn that is over."""

SOURCE = Path(__file__).parents[2]
"""Lory's own source: real code that every installation has."""


@dataclass(slots=True)
class EngineRuns:
    """One engine on one number of threads."""

    name: str
    threads: int
    hello: Hello
    written: dict[int, list[PeerText]] = field(default_factory=dict)
    """What it wrote after each prompt, by the prompt's number, once a round."""
    died: str = ""
    """Why it wrote nothing more."""


def measure(
    config: EnginesConfig, names: Sequence[str], folder: Path, watch: Watch
) -> list[EngineRuns]:
    """Every engine's row, in the order of the threads, then of `names`.

    Raises BundleError for a bundle that cannot be loaded, BenchError where it has no room for the
    prompts. An engine that is not installed or fails is a row that says so.
    """
    bundle = load(config.bundle)
    if config.prompt_tokens + config.new_tokens > bundle.manifest.context:
        raise BenchError(
            f"expected prompts and new tokens within {bundle.manifest.context} tokens, found "
            f"{config.prompt_tokens} + {config.new_tokens}; lower --tokens or --new"
        )
    prompts = read_prompts(load_tokenizer(bundle.tokenizer_path), config)
    place = PeerFolders(bundle.folder, folder, config.timeout)
    rows: list[EngineRuns] = []
    links: list[tuple[EngineRuns, PeerLink]] = []
    prepared = {name: prepare(name, place) for name in names}
    try:
        for threads in config.threads:
            for name in names:
                row = start(prepared[name], PeerLink(name, threads, place), links)
                rows.append(row)
        take_turns(config, prompts, links, watch)
    finally:
        for _, link in links:
            link.close()
    return rows


def start(prepared: Hello, link: PeerLink, links: list[tuple[EngineRuns, PeerLink]]) -> EngineRuns:
    """The row of one engine; its link joins `links` where it can write."""
    hello = prepared if prepared.missing or prepared.failed else link.greet()
    row = EngineRuns(link.name, link.threads, hello)
    if hello.version:
        links.append((row, link))
    else:
        link.close()
    return row


def take_turns(
    config: EnginesConfig,
    prompts: Sequence[Sequence[int]],
    links: Sequence[tuple[EngineRuns, PeerLink]],
    watch: Watch,
) -> None:
    """Fill the rows; the first round only warms the engines up."""
    for turn in range(config.rounds + 1):
        for number, ids in enumerate(prompts):
            for row, link in links:
                if row.died:
                    continue
                try:
                    written = link.write(PeerRequest(ids, config.new_tokens))
                except PeerDied as exc:
                    row.died = str(exc)
                else:
                    if turn:
                        row.written.setdefault(number, []).append(written)
                watch(f"{row.name}, {row.threads}")


def read_prompts(tokenizer: Tokenizer, config: EnginesConfig) -> list[list[int]]:
    """Beginnings of Lory's own source files, all of `config.prompt_tokens`."""
    files = sorted(SOURCE.rglob("*.py"))
    texts = (encode(tokenizer, path.read_text(encoding="utf-8")) for path in files)
    long_enough = [ids[: config.prompt_tokens] for ids in texts if len(ids) >= config.prompt_tokens]
    if len(long_enough) < config.prompts:
        raise BenchError(
            f"expected {config.prompts} prompts of {config.prompt_tokens} tokens in {SOURCE}, "
            f"found {len(long_enough)}; lower --prompts or --tokens"
        )
    return long_enough[:: len(long_enough) // config.prompts][: config.prompts]
