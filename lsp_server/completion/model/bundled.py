"""A bundle that completes some languages, started once a document of one of them is opened."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from lsp_server.completion.model.loading import Model, Progress, budget_of, start_engine
from lsp_server.completion.model.pace import tokens_in_time
from lsp_server.contract.bundles.bundle import TOKENIZER, Bundle, load
from lsp_server.contract.bundles.kept import find_bundle, others_by_language
from lsp_server.contract.bundles.manifest import Manifest, read_manifest
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.engines.mixture import read_weights
from lsp_server.plugins import Plugin, Report, list_plugins
from lsp_server.project.following import Following
from lsp_server.project.index.store import ProjectIndex
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """A bundle whose model completes some languages."""

    manifest: Manifest
    languages: tuple[str, ...]
    """That it answers in."""
    start: Callable[[Progress, Model], Model] = field(compare=False)
    """Starts its model beside the project's; LoryError where that cannot be. It keeps no model: a
    kept one would keep texts."""
    tokenizer_path: str
    """Of the tokenizer that it reads the project in, unless it reads it in the first one's."""
    model: Model | None = None
    """None until a document of its languages is opened."""
    following: Following | None = None
    """What reads the project for it, where its tokens are its own."""

    def waits_for(self, opened: Iterable[str]) -> bool:
        """Whether it is to be started, with these languages being written."""
        return self.model is None and not set(opened).isdisjoint(self.languages)

    @property
    def title(self) -> str:
        """What answers, and in which languages, for people."""
        later = f"{self.manifest.name} {self.manifest.version}, once a file of it is opened"
        return f"{self.model.title if self.model else later}: {', '.join(self.languages)}"


def kept_beside(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The kept models that complete beside the one in use, by Lory's own engine, by language."""
    if settings.engine != Settings().engine:
        return {}
    return others_by_language(settings.bundle)


def other_bundle(
    name: str,
    languages: tuple[str, ...],
    settings: Settings,
    workspace: Workspace | None,
    admit: Callable[[Bundle], None],
) -> Bundled:
    """A kept bundle, verified when it is started; it reads the project in its own tokens."""
    folder = find_bundle(name)

    def start(progress: Progress, project: Model) -> Model:
        progress(30, f"verifying {name}")
        bundle = load(folder)
        admit(bundle)
        progress(50, f"starting {name}")
        own = replace(
            project,
            tokenizer=LineTokenizer(load_tokenizer(bundle.tokenizer_path)),
            project=ProjectIndex(workspace) if workspace and settings.project else None,
        )
        return start_beside(own, bundle, settings, list_plugins())

    manifest = read_manifest(folder)
    path = str(folder / TOKENIZER)
    return Bundled(manifest=manifest, languages=languages, start=start, tokenizer_path=path)


def start_beside(
    project: Model, bundle: Bundle, settings: Settings, installed: list[Plugin]
) -> Model:
    """A bundle's model with its engine, in the place of the project's alone."""
    engine = start_engine(installed, bundle, settings)
    return replace(
        project,
        bundle=bundle,
        engine=engine,
        in_time=tokens_in_time(bundle, engine),
        budget=budget_of(bundle, settings),
        mixture=read_weights(bundle.mixture_path),
        is_alone=False,
    )


def follow(model: Model, tokenizer_path: str, report: Report) -> Following | None:
    """Begin to read the project for a model, if that is wanted."""
    if model.project is None:
        return None
    following = Following(model.project, model.tokenizer, tokenizer_path, report)
    following.start()
    return following
