"""What answers in which language: a bundle's model in its own, the project's counts in others.

A model is started with the first document of one of its languages: who writes others only has none
in memory. The one in use comes first; what it does not know, another that is kept may.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lsp_server.completion.model.bundled import (
    Bundled,
    follow,
    kept_beside,
    other_bundle,
    start_beside,
)
from lsp_server.completion.model.loading import Model, Progress, activate
from lsp_server.contract.bundles.bundle import Bundle, load
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import budget_for, load_tokenizer
from lsp_server.engines import Counts
from lsp_server.engines.counters import EngineCounters
from lsp_server.engines.mixture import read_weights
from lsp_server.engines.project import MIXTURE, ProjectEngine, open_project_engine
from lsp_server.plugins import Plugin, PluginGuard, Report, list_plugins, one_line
from lsp_server.project.following import Following
from lsp_server.project.index.store import ProjectIndex
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings

READ = 256
"""Tokens around the cursor that the project's engine is given: it looks at the last few alone."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What is loaded."""

    project: Model
    bundles: tuple[Bundled, ...]
    """The one in use first; none where no model is wanted."""
    tokenizer_path: str
    """Of the tokenizer that the project's texts are kept in the ids of."""
    following: Following | None = None
    """What reads the project."""
    report: Report
    """Told what goes wrong beside what answers."""
    is_followed: bool = False
    """Whether the project is being read."""

    def of(self, language: str) -> Model | None:
        """What answers in a language; None while that is not started."""
        found = (bundled.model for bundled in self.bundles if language in bundled.languages)
        return next(found, self.project)

    def waiting(self, opened: Iterable[str]) -> Bundled | None:
        """A bundle whose model is to be started, with these languages being written."""
        return next((one for one in self.bundles if one.waits_for(opened)), None)

    def begun(self, bundled: Bundled, progress: Progress) -> "Models":
        """With a bundle's model, which counts its work beside the project's engine."""
        model, engine = bundled.start(progress, self.project), self.project.engine
        if isinstance(model.engine, Counts) and isinstance(engine, Counts):
            model.engine.counters = engine.counters
        begun = replace(bundled, model=model)
        if self.is_followed:
            begun = self.followed_by(begun, self.report)
        return self.with_other(bundled, begun)

    def begun_all(self, opened: Iterable[str], progress: Progress) -> "Models":
        """With every model that these languages want; raises what the one in use raises.

        Another that cannot be started is left out, which is reported: its languages are the
        project's.
        """
        models = self
        while (waiting := models.waiting(opened)) is not None:
            try:
                models = models.begun(waiting, progress)
            except BaseException as exc:  # a library's panic is no Exception
                if waiting is self.bundles[0]:
                    raise
                log.error("%s: %s", waiting.manifest.name, one_line(exc))
                self.report(f"{waiting.manifest.name}: {one_line(exc)}")
                models = models.with_other(waiting)
        return models

    def with_other(self, old: Bundled, *new: Bundled) -> "Models":
        """With another bundle, or none, in the place of one."""
        at = self.bundles.index(old)
        return replace(self, bundles=(*self.bundles[:at], *new, *self.bundles[at + 1 :]))

    def forget(self, guard: PluginGuard) -> "Models":
        """The same, without what they keep of the texts that they were given."""
        bundles = (
            one if one.model is None else replace(one, model=one.model.forget(guard))
            for one in self.bundles
        )
        return replace(self, project=self.project.forget(guard), bundles=tuple(bundles))

    def followed(self, report: Report) -> "Models":
        """The same, the project's files and open documents being read from now on, if any are."""
        bundles = tuple(self.followed_by(one, report) for one in self.bundles)
        following = follow(self.project, self.tokenizer_path, report)
        given = replace(self, following=following, bundles=bundles)
        return replace(given, report=report, is_followed=True)

    def followed_by(self, bundled: Bundled, report: Report) -> Bundled:
        """A bundle that reads the project in its own tokens, reading from now on."""
        model = bundled.model
        if model is None or model.project is self.project.project:
            return bundled
        return replace(bundled, following=follow(model, bundled.tokenizer_path, report))

    def stop_reading(self) -> None:
        """Read no more of the project; does not wait."""
        for following in (self.following, *(bundled.following for bundled in self.bundles)):
            if following is not None:
                following.end()

    def end(self, guard: PluginGuard) -> None:
        """Keep nothing, and read no more."""
        self.forget(guard)
        self.stop_reading()

    @property
    def started(self) -> Iterator[Model]:
        """The bundles' models that have been started."""
        return (bundled.model for bundled in self.bundles if bundled.model is not None)

    @property
    def counters(self) -> EngineCounters | None:
        """What the engines count; None where the bundle's does not."""
        engine = next(self.started, self.project).engine
        return engine.counters if isinstance(engine, Counts) else None

    @property
    def facts(self) -> dict[str, int | bool] | None:
        """How much is known of the project, in plain values; None where it is not read."""
        index = self.project.project
        return None if index is None else index.as_json()

    @property
    def label(self) -> str:
        """What a status bar adds to its own word; mostly nothing."""
        return next((model.label for model in self.started), "")

    @property
    def title(self) -> str:
        """What answers, for people."""
        if not self.bundles:
            return self.project.title
        others = f"engine {self.project.engine.name}: other languages"
        return "; ".join([*(bundled.title for bundled in self.bundles), others])


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
        return start_beside(project, bundle, settings, installed)

    in_use = Bundled(
        manifest=bundle.manifest,
        languages=bundle.manifest.languages,
        start=start,
        tokenizer_path=str(bundle.tokenizer_path),
    )
    others = (
        other_bundle(name, languages, settings, workspace, admit)
        for name, languages in kept_beside(settings).items()
    )
    models = Models(
        project=project,
        bundles=() if settings.engine == ProjectEngine.name else (in_use, *others),
        tokenizer_path=str(bundle.tokenizer_path),
        report=guard.report_once,
    )
    if workspace and not workspace.notes.languages:
        for language in bundle.manifest.languages:
            workspace.use(language)  # until a document tells, they are taken to be written
    opened = workspace.notes.languages if workspace else bundle.manifest.languages
    return models.begun_all(opened, progress)


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
