"""Loads the engine, tokenizer and plugins that the settings name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from lsp_server.completion.context.reader import Reader
from lsp_server.completion.model.pace import tokens_in_time
from lsp_server.completion.model.threads import threads_for
from lsp_server.contract.bundles.bundle import MODEL, Bundle, load
from lsp_server.contract.fitting import forget_texts
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import Budget, budget_for, load_tokenizer
from lsp_server.engines import Engine, TellsItself, TellsProvider
from lsp_server.engines.mixture import MixtureWeights, read_weights
from lsp_server.engines.project import MIXTURE, ProjectEngine
from lsp_server.errors import EngineError, LoryError
from lsp_server.plugins import (
    CONTEXTS,
    ENGINES,
    FILTERS,
    ActivePlugin,
    Forgets,
    Plugin,
    PluginGuard,
    find_plugin,
    list_plugins,
)
from lsp_server.project.index.store import ProjectIndex
from lsp_server.settings import Device, Settings

Progress = Callable[[int, str], None]
"""Takes per cent and what is being done; from any thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Everything that turns a cursor into suggestions."""

    bundle: Bundle
    tokenizer: LineTokenizer
    engine: Engine
    budget: Budget
    contexts: tuple[ActivePlugin, ...]
    filters: tuple[ActivePlugin, ...]
    mixture: MixtureWeights
    """How much the open project counts."""
    project: ProjectIndex | None = None
    """The open project; None where there is none, or it is not to be read."""
    reader: Reader = field(default_factory=Reader)
    """What turns the file's text into what the model reads."""
    in_time: int | None = None
    """Tokens of a prompt that are read before a key is answered; None where that is all."""
    is_alone: bool = False
    """Whether the project's counts answer without a model, of whatever language."""

    @property
    def title(self) -> str:
        """The bundle, the engine and, where the engine says, what it runs on; for people."""
        manifest, engine = self.bundle.manifest, self.engine
        if isinstance(engine, TellsItself):
            return engine.title
        title = f"{manifest.name} {manifest.version}, engine {engine.name}"
        if isinstance(engine, TellsProvider):
            title += f" on {engine.provider.removesuffix('ExecutionProvider')}"
        return title

    @property
    def label(self) -> str:
        """What a status bar adds to its own word; mostly nothing."""
        return self.engine.label if isinstance(self.engine, TellsItself) else ""

    @property
    def sha256(self) -> str:
        """Of the bundle's graph; "" where none answers."""
        return "" if self.is_alone else self.bundle.manifest.files[MODEL].sha256

    def forget(self, guard: PluginGuard) -> "Model":
        """The same model, without what its parts keep of the texts that they were given."""
        forget_texts()
        self.tokenizer.forget()
        if isinstance(self.engine, Forgets):
            self.engine.forget()
        renewed = guard.renew(self.contexts), guard.renew(self.filters)
        return replace(self, contexts=renewed[0], filters=renewed[1], reader=Reader())

    def serves(self, language: str) -> bool:
        """Whether the model was made for a language id."""
        return self.is_alone or language in self.bundle.manifest.languages

    def refusal(self, language: str) -> str:
        """Why a language is not served, and what to do."""
        manifest = self.bundle.manifest
        known = " and ".join(manifest.languages)
        return f"{manifest.name} knows {known} only, not {language}; set another bundle"


def load_model(settings: Settings, guard: PluginGuard) -> Model:
    """Verify the bundle and start its engine, told to nobody; LoryError where that cannot be."""
    bundle = load(settings.bundle_folder)
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    installed = list_plugins()
    engine = start_engine(installed, bundle, settings)
    contexts, filters = activate(installed, settings, guard)
    alone = isinstance(engine, ProjectEngine)
    return Model(
        bundle=bundle,
        tokenizer=LineTokenizer(tokenizer),
        engine=engine,
        budget=budget_of(bundle, settings),
        contexts=contexts,
        filters=filters,
        mixture=read_weights(MIXTURE if alone else bundle.mixture_path),
        in_time=tokens_in_time(bundle, engine),
        is_alone=alone,
    )


def activate(
    installed: Sequence[Plugin], settings: Settings, guard: PluginGuard
) -> tuple[tuple[ActivePlugin, ...], tuple[ActivePlugin, ...]]:
    """The contexts and the filters that the settings name."""
    trusted = settings.trusted
    return (
        guard.activate(installed, CONTEXTS, settings.contexts, trusted=trusted),
        guard.activate(installed, FILTERS, settings.filters, trusted=trusted),
    )


def budget_of(bundle: Bundle, settings: Settings) -> Budget:
    """What a prompt for a bundle's model may hold."""
    completion = min(settings.max_tokens, bundle.manifest.context // 4)
    budget = budget_for(bundle.manifest.context)
    return replace(budget, completion=completion, layout=bundle.manifest.layout)


def start_engine(installed: list[Plugin], bundle: Bundle, settings: Settings) -> Engine:
    """The engine of the settings' name; EngineError where its options or the machine do not do."""
    create = find_plugin(installed, ENGINES, settings.engine, trusted=settings.trusted).load()
    options = dict(settings.engine_options)
    if settings.device is not Device.AUTO:
        options["device"] = settings.device
    try:
        threads = threads_for(bundle, settings)
        engine: Engine = create(bundle, threads, **options)
    except LoryError:
        raise
    except TypeError as exc:
        raise EngineError(
            f"engine {settings.engine!r}: expected other engine_options, found "
            f"{options}: {exc}; change them"
        ) from exc
    except Exception as exc:  # whatever a runtime raises while it starts
        raise EngineError(
            f"engine {settings.engine!r}: expected it to start, found {type(exc).__name__}: {exc}; "
            "choose another engine or bundle"
        ) from exc
    return engine


def complain(message: str) -> None:
    """Make an error of what an editor would show and go on from."""
    raise LoryError(message)
