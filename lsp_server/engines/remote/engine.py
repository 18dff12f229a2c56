"""The engine itself: asks the service, and has the local bundle complete while there is none."""

from threading import Event
from time import monotonic

from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.prompt import Prompt, load_tokenizer
from lsp_server.engines import Candidate, Engine, Limits
from lsp_server.engines.onnx import OnnxEngine
from lsp_server.engines.onnx import create as create_local
from lsp_server.engines.remote.options import RemoteOptions
from lsp_server.engines.remote.project_say import ProjectSay
from lsp_server.engines.remote.service import ServiceFault
from lsp_server.engines.remote.wire import Wire
from lsp_server.engines.remote.writing import Writing
from lsp_server.engines.vocabulary import read_vocabulary
from lsp_server.errors import EngineError

FIRST_REST, LONGEST_REST = 0.5, 8.0
"""Seconds that a service is left alone after a failure; twice as long after each further one."""


class RemoteEngine:
    """Completes by a service; not for more than one thread at a time."""

    name = "remote"

    def __init__(
        self, options: RemoteOptions, tokenizer: Tokenizer, local: OnnxEngine | None, bundle: str
    ) -> None:
        """`local` completes while the service does not; `bundle` is what people call its model."""
        self._options = options
        self._tokenizer = tokenizer
        self._pieces = read_vocabulary(tokenizer).pieces
        self._local: Engine | None = local
        self._bundle = bundle
        self._wire = Wire(options)
        self._fault = ""
        self._rest = FIRST_REST
        self._asked_again = 0.0
        """When the service may be asked again, by `time.monotonic()`."""
        self._rated = True

    @property
    def title(self) -> str:
        """What completes, where text goes, and what does not hold there; for people."""
        options = self._options
        where = f"{options.model or options.api} at {options.origin}"
        if self._fault:
            instead = f"{self._bundle} completes" if self._local else "nothing completes"
            return f"{where} is gone ({self._fault}); {instead}"
        title = f"{where}: text leaves this process"
        if not self._rated:
            title += "; it tells no probabilities: min_probability and the project do not count"
        return title

    @property
    def label(self) -> str:
        """Whether text leaves this process, in a word or two."""
        return "remote is gone" if self._fault else "remote"

    def forget(self) -> None:
        """Keep nothing of earlier prompts."""
        self._wire.close()
        if isinstance(self._local, OnnxEngine):
            self._local.forget()

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """The service's candidates, or the local bundle's while there are none.

        Raises EngineError where the bundle is not to stand in.
        """
        if monotonic() >= self._asked_again:
            try:
                return self._ask(prompt, limits, cancelled)
            except ServiceFault as exc:
                self._fail(str(exc))
        if self._local is None:
            raise EngineError(
                f"engine remote: expected {self._options.url} to complete, found {self._fault}; "
                "start it, or change engine_options"
            )
        return self._local.complete(prompt, limits, cancelled)

    def _ask(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        if prompt.parts is None:
            raise EngineError("engine remote: expected a prompt with its texts, found ids alone")
        say = None
        if prompt.recall is not None and limits.mixture is not None and limits.mixed:
            say = ProjectSay(
                self._tokenizer,
                self._pieces,
                prompt.recall,
                limits.mixture,
                with_file=self._options.api != "lory",
            )
        found = Writing(self._wire, self._options, prompt.parts, say).write(limits, cancelled)
        if not cancelled.is_set():
            self._fault, self._rest = "", FIRST_REST
            if any(candidate.tokens for candidate in found):
                self._rated = all(candidate.rated for candidate in found)
        return found

    def _fail(self, fault: str) -> None:
        self._fault = fault
        self._asked_again = monotonic() + self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)
        self._wire.close()


def open_remote(bundle: Bundle, threads: int, options: RemoteOptions) -> RemoteEngine:
    """The engine for a service, with the bundle beside it."""
    local = create_local(bundle, threads) if options.stand_in else None
    manifest = bundle.manifest
    title = f"{manifest.name} {manifest.version}"
    return RemoteEngine(options, load_tokenizer(bundle.tokenizer_path), local, title)
