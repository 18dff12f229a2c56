"""The server's settings, checked and frozen.

They come from `initializationOptions` and from the section `lory` of `workspace/configuration`;
the latter wins. Editors hold no defaults of their own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal, TypeVar, get_origin

import cattrs

from lsp_server.contract.bundles.kept import SHIPPED, choice_for, find_bundle
from lsp_server.contract.bundles.manifest import strict_converter
from lsp_server.contract.languages.profiles import PROFILES
from lsp_server.documents.exclusions import NEVER_READ, fault_of
from lsp_server.errors import SettingsError

SECTION = "lory"


class BlockMode(StrEnum):
    """Whether a suggestion may have several lines."""

    AUTO = "auto"
    NEVER = "never"


class MenuMode(StrEnum):
    """Whether suggestions also enter the completion menu."""

    AUTO = "auto"
    """Only for editors that do not announce inline completion."""
    ON = "on"
    OFF = "off"


class Device(StrEnum):
    """What the engine runs on."""

    AUTO = "auto"
    """A GPU where there is one with all that it needs; the log says what is missing."""
    CPU = "cpu"
    CUDA = "cuda"
    """An NVIDIA GPU; what is missing is an error."""


class LogLevel(StrEnum):
    """What goes to standard error."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


NONE = object()
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for a setting beside its type; declared once, in its field's metadata."""

    within: tuple[float, float] | None = None
    """The least and the largest value."""
    reloads: bool = False
    """Another value means loading the model again."""
    needs_trust: bool = False
    """Chooses code or files: keeps its default in a workspace that is not trusted."""
    scope: Literal["resource", "machine", "application"] = "resource"
    """Who may set it: a workspace too; the machine's user; the user, for all of the editor."""
    private: Any = NONE
    """The most private value: it holds while the one that was given cannot be understood."""
    adds_up: bool = False
    """A list to which every place that sets it adds: a workspace may not shorten its user's."""
    at_start: bool = False
    """Only `initializationOptions` may set it."""


def setting(default: Value, **rule: Any) -> Value:
    """A field of `Settings` with its default and its `Rule`."""
    declared: Value = field(default_factory=lambda: default, metadata={"rule": Rule(**rule)})
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its default."""

    enabled: bool = setting(True, reloads=True, private=False)
    """Off: no text is read and nothing is suggested."""
    bundle: str = setting("", reloads=True, needs_trust=True, scope="machine")
    """A model that `lory model list` names, or a bundle's folder; empty for the one in use."""
    engine: str = setting("onnx", reloads=True, needs_trust=True, scope="machine")
    """Name of the engine, as `lory plugins` lists it."""
    engine_options: dict[str, Any] = setting({}, reloads=True, needs_trust=True, scope="machine")
    """What the engine takes beyond this; see its documentation."""
    device: Device = setting(Device.AUTO, reloads=True, scope="machine")
    """What the engine runs on; engines other than `onnx` may know only `auto`."""
    threads: int = setting(0, within=(0, 64), reloads=True)
    """CPU threads of the engine; 0: one, and two for a model of more than 50 million parameters."""
    max_tokens: int = setting(64, within=(1, 1024), reloads=True)
    """Tokens of one suggestion at most."""
    deadline: float = setting(30.0, within=(0.1, 600.0))
    """Seconds after which a suggestion is given up, and the engine started anew."""
    min_probability: float = setting(0.65, within=(0.0, 1.0))
    """Show only text that the model takes to be right at least this often, 0..1."""
    min_characters: int = setting(3, within=(1, 100))
    """Show no shorter text; white space at its ends does not count."""
    alternatives: int = setting(3, within=(1, 10))
    """Suggestions to cycle through when they are asked for explicitly."""
    alternatives_when_typing: int = setting(1, within=(1, 10))
    """Suggestions to cycle through while one types, for editors that cannot ask explicitly; each
    costs decoding, and typing along keeps those that agree."""
    block: BlockMode = BlockMode.AUTO
    """Suggest several lines where a body is missing or a bracket is open, or one line only."""
    max_lines: int = setting(12, within=(1, 200))
    """Lines of a block at most."""
    languages: dict[str, bool] = setting(dict.fromkeys(PROFILES, True), private={})
    """Language ids that are on; files of others are not read. Where a bundle's model does not know
    the language, `engine: project` completes it from the file and the project alone."""
    exclude: tuple[str, ...] = setting((), private=("**",), adds_up=True)
    """Globs of further files that are not read, such as `private/**`; those of passwords and keys
    never are. Every list that an editor has adds to the others."""
    contexts: tuple[str, ...] = setting(("file",), reloads=True, needs_trust=True, scope="machine")
    """Context plugins, in order; `imports`, `edits` and `similar` show text from elsewhere too."""
    filters: tuple[str, ...] = setting(
        ("likely", "repeats", "blank"), reloads=True, needs_trust=True, scope="machine"
    )
    """Candidate filters, in order."""
    cache_model: bool = True
    """Mix what the current file and the project say into the model's predictions."""
    draft: int = setting(8, within=(0, 15))
    """Tokens at most that are copied from the file or project and verified in one step; 0: none.
    Only with the cache model: the model alone would write a quarter of them."""
    project: bool = setting(True, reloads=True)
    """Read the workspace's other files of the languages that are on, to complete as they do."""
    project_megabytes: int = setting(200, within=(1, 1000))
    """Megabytes of their text that are read at most."""
    feedback: bool = setting(False, scope="application")
    """Keep, on this machine, what becomes of suggestions: `lory feedback status` says what and
    where."""
    feedback_text: bool = setting(False, scope="application")
    """Keep the text around the cursor with it: only with that can a model learn from it."""
    feedback_sinks: tuple[str, ...] = setting(("sqlite",), needs_trust=True, scope="machine")
    """Plugins that are told what becomes of suggestions while `feedback` is on."""
    menu: MenuMode = MenuMode.AUTO
    """Whether suggestions also enter the completion menu."""
    trusted: bool = setting(True, reloads=True, private=False, at_start=True)
    """Only from `initializationOptions`. Off: the built-in bundle, engine and plugins alone."""
    log_level: LogLevel = LogLevel.WARNING
    """What goes to standard error."""

    def __post_init__(self) -> None:
        for name, rule in RULES.items():
            if rule.within:
                check_range(name, getattr(self, name), *rule.within)

    def suggestions(self, *, invoked: bool) -> int:
        """How many a request may be answered with: one made by a person, or by typing.

        A person gets no fewer than typing does, so that either is served by what a person got.
        """
        typing = self.alternatives_when_typing
        return max(self.alternatives, typing) if invoked else typing

    @property
    def unread(self) -> tuple[str, ...]:
        """Globs of all files that are not read."""
        return (*NEVER_READ, *self.exclude)

    @property
    def bundle_folder(self) -> Path:
        """The folder to load the bundle from; BundleError where a choice cannot be read."""
        return find_bundle(self.bundle)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise SettingsError unless low <= value <= high."""
    if not low <= value <= high:
        raise SettingsError(f"setting {name!r}: expected {low} to {high}, found {value}; change it")


RULES: Mapping[str, Rule] = {x.name: x.metadata.get("rule", Rule()) for x in fields(Settings)}
"""The rule of each setting."""
KINDS: Mapping[str, Any] = {item.name: item.type for item in fields(Settings)}
RELOADING = attrgetter(*(name for name, rule in RULES.items() if rule.reloads))
STRICTEST: Mapping[str, Any] = {
    name: rule.private for name, rule in RULES.items() if rule.private is not NONE
}
"""What keeps text unread or code unloaded, where nobody can tell what was meant."""


def loaded_with(settings: Settings) -> tuple[Any, ...]:
    """What of the settings, and of the user's choice of a model, means loading it again."""
    return RELOADING(settings), choice_for(settings.bundle)


@dataclass(frozen=True, slots=True)
class Reading:
    """What an editor has set, as far as it can be understood."""

    settings: Settings
    faults: tuple[str, ...]
    """One line each."""


def read_settings(options: Any, configuration: Any = None) -> Settings:
    """The settings of an editor's two answers; SettingsError where `judge_settings` finds fault."""
    reading = judge_settings(options, configuration)
    if reading.faults:
        raise SettingsError("; ".join(reading.faults))
    return reading.settings


def judge_settings(options: Any, configuration: Any = None) -> Reading:
    """The settings of an editor's two answers; None and {} stand for "nothing set".

    Faults are: what is no object, unknown keys, wrong types, values out of range, and `trusted` in
    the configuration: a workspace must not be able to trust itself. Each is left out alone, and the
    settings that keep text unread count as at their strictest where they are faulty.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for answer, at_start in ((options, True), (configuration, False)):
        given = {} if answer is None else answer
        if not isinstance(given, Mapping):
            faults.append(f"settings: expected a JSON object, found {given!r}; see the README")
            values.update(STRICTEST)
            continue
        for name, value in given.items():
            try:
                found = read_value(name, value, at_start=at_start)
            except SettingsError as exc:
                faults.append(str(exc))
                if name not in STRICTEST:
                    continue
                found = STRICTEST[name]
            joined = name in values and RULES[name].adds_up
            values[name] = tuple(dict.fromkeys((*values[name], *found))) if joined else found
    settings = Settings(**values)
    if fault := fault_of(settings.exclude):
        faults.append(f"setting 'exclude': {fault}; {advise('exclude')}")
    return Reading(settings if settings.trusted else distrust(settings), tuple(faults))


def distrust(settings: Settings) -> Settings:
    """What of the settings holds in a workspace that is not trusted."""
    builtin = Settings(bundle=SHIPPED)
    held = {name: getattr(builtin, name) for name, rule in RULES.items() if rule.needs_trust}
    return replace(settings, **held)


def read_value(name: str, value: Any, *, at_start: bool) -> Any:
    """One setting's value from a JSON value, strictly: nothing is converted."""
    if name not in KINDS:
        raise SettingsError(f"unknown setting {name!r}; known are: {', '.join(KINDS)}")
    if RULES[name].at_start and not at_start:
        raise SettingsError(
            f"setting {name!r}: expected in initializationOptions only, found in the "
            "configuration; remove it there"
        )
    try:
        found = structure_value(value, KINDS[name])
    except (cattrs.BaseValidationError, TypeError, ValueError) as exc:
        message = f"setting {name!r}: expected {describe(KINDS[name])}, found {value!r}"
        raise SettingsError(f"{message}; {advise(name)}") from exc
    Settings(**{name: found})  # checks its range
    return found


def advise(name: str) -> str:
    """What to do about a faulty value, and what holds until then."""
    if name not in STRICTEST:
        return "change it"
    return f"change it; until then it counts as {json.dumps(STRICTEST[name])}"


def structure_value(value: Any, kind: Any) -> Any:
    """A field's value from a JSON value of just its type."""
    origin = get_origin(kind)
    if origin is tuple and not isinstance(value, list | tuple):
        raise TypeError("expected a list")
    if origin is dict and not isinstance(value, Mapping):
        raise TypeError("expected an object")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return strict_converter().structure(value, kind)


def describe(kind: Any) -> str:
    """A field's type, for people."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "one of " + ", ".join(kind)
    return getattr(kind, "__name__", str(kind)) if isinstance(kind, type) else str(kind)
