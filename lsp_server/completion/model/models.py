"""What answers in which language: the bundle's model in its own, the project's counts in others.

The model is started with the first document of one of its languages: who writes others only has
none in memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from lsp_server.completion.model.loading import (
    Model,
    Progress,
    activate,
    budget_of,
    start_engine,
)
from lsp_server.contract.bundles.bundle import Bundle, load
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import budget_for, load_tokenizer
from lsp_server.engines import Counts
from lsp_server.engines.counters import EngineCounters
from lsp_server.engines.mixture import read_weights
from lsp_server.engines.project import MIXTURE, ProjectEngine, open_project_engine
from lsp_server.plugins import Plugin, PluginGuard, Report, list_plugins
from lsp_server.project.following import Following
from lsp_server.project.index.store import ProjectIndex
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings

READ = 256
"""Tokens around the cursor that the project's engine is given: it looks at the last few alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What is loaded."""

    project: Model
    bundled: Model | None
    """None until a document of its languages is opened."""
    languages: tuple[str, ...]
    """That the bundle's model was made for; none where it is not wanted."""
    start: Callable[[Progress, Model], Model] = field(compare=False)
    """Starts the bundle's model beside the project's; LoryError where that cannot be. It keeps no
    model: a kept one would keep texts."""
    tokenizer_path: str
    """Of the tokenizer that the project's texts are kept in the ids of."""
    following: Following | None = None
    """What reads the project."""

    def of(self, language: str) -> Model | None:
        """What answers in a language; None while that is not started."""
        return self.bundled if language in self.languages else self.project

    def waits_for(self, opened: Iterable[str]) -> bool:
        """Whether the bundle's model is to be started, with these languages being written."""
        return self.bundled is None and not set(opened).isdisjoint(self.languages)

    def begun(self, progress: Progress) -> "Models":
        """With the bundle's model, which counts its work beside the project's engine."""
        model, engine = self.start(progress, self.project), self.project.engine
        if isinstance(model.engine, Counts) and isinstance(engine, Counts):
            model.engine.counters = engine.counters
        return replace(self, bundled=model)

    def forget(self, guard: PluginGuard) -> "Models":
        """The same, without what they keep of the texts that they were given."""
        bundled = None if self.bundled is None else self.bundled.forget(guard)
        return replace(self, project=self.project.forget(guard), bundled=bundled)

    def followed(self, report: Report) -> "Models":
        """The same, the project's files and open documents being read from now on, if any are."""
        model = self.project
        if model.project is None:
            return self
        following = Following(model.project, model.tokenizer, self.tokenizer_path, report)
        following.start()
        return replace(self, following=following)

    def stop_reading(self) -> None:
        """Read no more of the project; does not wait."""
        if self.following is not None:
            self.following.end()

    def end(self, guard: PluginGuard) -> None:
        """Keep nothing, and read no more."""
        self.forget(guard)
        self.stop_reading()

    @property
    def counters(self) -> EngineCounters | None:
        """What the engines count; None where the bundle's does not."""
        engine = (self.bundled or self.project).engine
        return engine.counters if isinstance(engine, Counts) else None

    @property
    def facts(self) -> dict[str, int | bool] | None:
        """How much is known of the project, in plain values; None where it is not read."""
        index = self.project.project
        return None if index is None else index.as_json()

    @property
    def label(self) -> str:
        """What a status bar adds to its own word; mostly nothing."""
        return self.bundled.label if self.bundled else ""

    @property
    def title(self) -> str:
        """What answers, for people."""
        if not self.languages:
            return self.project.title
        known = ", ".join(self.languages)
        manifest = self.project.bundle.manifest
        later = f"{manifest.name} {manifest.version}, once a file of it is opened"
        first = later if self.bundled is None else self.bundled.title
        return f"{first}: {known}; engine {self.project.engine.name}: other languages"


def load_models(
    settings: Settings,
    guard: PluginGuard,
    progress: Progress,
    workspace: Workspace | None = None,
    admit: Callable[[Bundle], None] = lambda bundle: None,
) -> Models:
    """Verify the bundle and start what the documents that are open need; LoryError where it fails.

    `admit` may refuse a bundle whose files are as they should be, before it is opened.
    """
    progress(10, "verifying the bundle")
    bundle = load(settings.bundle_folder)
    progress(20, "trying the bundle out, if it is new here")
    admit(bundle)
    installed = list_plugins()
    project = project_model(settings, guard, bundle, installed)
    if workspace and settings.project:
        project = replace(project, project=ProjectIndex(workspace))

    def start(progress: Progress, project: Model) -> Model:
        progress(50, "starting the engine")
        return replace(
            project,
            engine=start_engine(installed, bundle, settings),
            budget=budget_of(bundle, settings),
            mixture=read_weights(bundle.mixture_path),
            is_alone=False,
        )

    models = Models(
        project=project,
        bundled=None,
        languages=() if settings.engine == ProjectEngine.name else bundle.manifest.languages,
        start=start,
        tokenizer_path=str(bundle.tokenizer_path),
    )
    if workspace and not workspace.notes.languages:
        for language in bundle.manifest.languages:
            workspace.use(language)  # until a document tells, they are taken to be written
    opened = workspace.notes.languages if workspace else bundle.manifest.languages
    return models.begun(progress) if models.waits_for(opened) else models


def project_model(
    settings: Settings, guard: PluginGuard, bundle: Bundle, installed: Sequence[Plugin]
) -> Model:
    """What completes without a model, over the bundle's tokenizer."""
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    contexts, filters = activate(installed, settings, guard)
    return Model(
        bundle=bundle,
        tokenizer=LineTokenizer(tokenizer),
        engine=open_project_engine(tokenizer),
        budget=replace(budget_for(READ), completion=min(settings.max_tokens, READ // 4)),
        contexts=contexts,
        filters=filters,
        mixture=read_weights(MIXTURE),
        is_alone=True,
    )
