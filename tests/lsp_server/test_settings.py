"""Settings: nothing that an editor sends is ignored or converted."""

from dataclasses import fields
from pathlib import PurePosixPath
from typing import Any

import pytest

from lsp_server.documents.exclusions import is_excluded
from lsp_server.errors import SettingsError
from lsp_server.settings import BlockMode, MenuMode, Settings, judge_settings, read_settings


@pytest.mark.parametrize("nothing", [None, {}])
def test_an_editor_that_sets_nothing_gets_the_defaults(nothing: Any) -> None:
    assert read_settings(nothing, nothing) == Settings()


def test_the_configuration_wins_over_the_options() -> None:
    settings = read_settings({"threads": 2, "max_tokens": 8}, {"threads": 3, "block": "never"})
    assert (settings.threads, settings.max_tokens) == (3, 8)
    assert settings.block is BlockMode.NEVER


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"thread": 1}, "unknown setting 'thread'; known are: enabled, bundle,"),
        ({"threads": "1"}, "'threads': expected int, found '1'"),
        ({"threads": True}, "'threads': expected int, found True"),
        ({"threads": -1}, "'threads': expected 0 to 64, found -1"),
        ({"enabled": "no"}, "'enabled': expected bool, found 'no'"),
        ({"enabled": 0}, "'enabled': expected bool, found 0"),
        ({"min_probability": 1.5}, "'min_probability': expected 0.0 to 1.0, found 1.5"),
        ({"block": "always"}, "'block': expected one of auto, never, found 'always'"),
        ({"menu": None}, "'menu': expected one of auto, on, off, found None"),
        ({"exclude": "*.py"}, "'exclude': expected tuple[str, ...], found '*.py'"),
        ({"exclude": [1]}, "'exclude': expected tuple[str, ...], found [1]"),
        ({"languages": ["python"]}, "'languages': expected dict[str, bool], found ['python']"),
        ({"languages": {"python": 1}}, "'languages': expected dict[str, bool]"),
        ("fast", "expected a JSON object, found 'fast'"),
        ([], "expected a JSON object, found []"),
    ],
)
def test_a_faulty_setting_is_one_clear_error(given: Any, expected: str) -> None:
    for sent in ((given, None), (None, given)):
        with pytest.raises(SettingsError) as raised:
            read_settings(*sent)
        assert expected in str(raised.value)


def test_a_fault_leaves_the_other_settings_alone() -> None:
    reading = judge_settings(
        {"enabled": False, "typo": 1, "threads": 2}, {"threads": 65, "exclude": ["*.txt"]}
    )
    assert reading.settings == Settings(enabled=False, threads=2, exclude=("*.txt",))
    assert [fault.split(";")[0] for fault in reading.faults] == [
        "unknown setting 'typo'",
        "setting 'threads': expected 0 to 64, found 65",
    ]


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({"enabled": "false"}, Settings(enabled=False)),
        ({"languages": {"python": "no"}}, Settings(languages={})),
        ({"exclude": "secret.py"}, Settings(exclude=("**",))),
        ({"trusted": "no"}, Settings(trusted=False, bundle="shipped")),
        (
            "off",
            Settings(enabled=False, languages={}, exclude=("**",), trusted=False, bundle="shipped"),
        ),
    ],
)
def test_what_keeps_text_unread_is_at_its_strictest_where_it_is_faulty(
    given: Any, settings: Settings
) -> None:
    for sent in ((given, None), (None, given)):
        reading = judge_settings(*sent)
        assert reading.settings == settings
        assert len(reading.faults) == 1
    assert is_excluded(PurePosixPath("a/b.py"), ["**"])


def test_every_setting_can_be_sent_and_comes_back() -> None:
    given = {
        "enabled": False,
        "bundle": "b",
        "engine": "scripted",
        "engine_options": {"script": "s.json"},
        "threads": 2,
        "device": "cpu",
        "max_tokens": 32,
        "min_probability": 1,
        "min_characters": 1,
        "block": "never",
        "max_lines": 3,
        "alternatives": 5,
        "alternatives_when_typing": 2,
        "languages": {"lua": True},
        "exclude": ["*.txt"],
        "contexts": ["file", "other"],
        "filters": [],
        "cache_model": False,
        "draft": 0,
        "project": False,
        "project_megabytes": 20,
        "feedback": True,
        "feedback_text": True,
        "feedback_sinks": [],
        "menu": "on",
        "deadline": 5,
        "trusted": True,
        "log_level": "debug",
    }
    settings = read_settings(given)
    assert given.keys() == {field.name for field in fields(Settings)}
    for name, value in given.items():
        found = getattr(settings, name)
        assert found == (tuple(value) if isinstance(value, list) else value)
    assert settings.menu is MenuMode.ON


def test_an_untrusted_workspace_chooses_neither_bundle_nor_code_nor_reads_more_files() -> None:
    chosen = {
        "bundle": "/evil",
        "engine": "evil",
        "engine_options": {"a": 1},
        "contexts": ["evil"],
        "filters": ["evil"],
        "exclude": ["*.txt"],
    }
    for sent in ({**chosen, "trusted": False}, None), ({"trusted": False}, chosen):
        settings = read_settings(*sent)
        assert settings == Settings(trusted=False, exclude=("*.txt",), bundle="shipped")


@pytest.mark.parametrize("exclude", [[], ["*.txt"], ["!**/.env"]])
def test_no_setting_makes_places_of_passwords_readable(exclude: list[str]) -> None:
    for sent in ({"exclude": exclude}, None), (None, {"exclude": exclude}):
        assert is_excluded(PurePosixPath("project/.env"), judge_settings(*sent).settings.unread)


def test_a_workspace_adds_to_what_its_user_excludes() -> None:
    for trusted in (True, False):
        user = {"exclude": ["private/**", "*.txt"], "trusted": trusted}
        for workspace in ([], ["*.txt", "vendor"]):
            found = read_settings(user, {"exclude": workspace}).exclude
            assert found == ("private/**", *dict.fromkeys(("*.txt", *workspace)))


def test_a_glob_that_is_not_understood_excludes_everything_and_is_said() -> None:
    given = {"exclude": ["[z-a]", "private/**"]}
    cases: list[Any] = [(given, None), (None, given), ({"exclude": ["[z-a]"]}, {"exclude": []})]
    for sent in cases:
        reading = judge_settings(*sent)
        assert is_excluded("a/b.py", reading.settings.unread)
        [fault] = reading.faults
        assert "setting 'exclude': expected globs, found '[z-a]': the range z-a is empty" in fault
        assert 'until then it counts as ["**"]' in fault


def test_more_globs_than_can_be_tried_exclude_everything() -> None:
    for globs in (
        ["x"] * 1_001,
        ["{a,b,c}" * 5 + "?" * 100] * 20 + [f"{n}*" * 99 for n in range(99)],
    ):
        reading = judge_settings({"exclude": globs})
        assert len(reading.faults) == 1
        assert is_excluded("some/file.py", reading.settings.unread)


def test_a_workspace_cannot_trust_itself() -> None:
    with pytest.raises(SettingsError, match="in initializationOptions only"):
        read_settings({"trusted": False}, {"trusted": True})
