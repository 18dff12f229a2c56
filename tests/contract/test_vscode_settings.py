"""VS Code's settings page says what the server's settings are."""

import json
import re
from dataclasses import fields

from editors.vscode.declare_settings import MACHINE, MANIFEST, rewritten
from lsp_server.settings import RULES, STRICTEST, Settings, distrust


def test_package_json_declares_the_settings_as_they_are() -> None:
    text = MANIFEST.read_text(encoding="utf-8")

    assert text == rewritten(text), "run: python -m editors.vscode.declare_settings"


def test_what_an_untrusted_workspace_must_not_choose_is_no_workspaces_setting() -> None:
    chosen = {
        "bundle": "b",
        "engine": "e",
        "engine_options": {"a": 1},
        "contexts": (),
        "filters": (),
    }
    settings = Settings(**chosen, feedback_sinks=(), trusted=False)  # type: ignore[arg-type]
    held = distrust(settings)
    reset = {f.name for f in fields(Settings) if getattr(held, f.name) != getattr(settings, f.name)}

    assert reset <= set(MACHINE)
    assert {RULES[name].scope for name in STRICTEST} == {"resource"}


def test_every_setting_is_described() -> None:
    properties = json.loads(MANIFEST.read_text())["contributes"]["configuration"]["properties"]

    assert [
        name for name, declared in properties.items() if not declared["markdownDescription"]
    ] == []


def test_the_extension_adds_up_the_lists_that_the_server_does() -> None:
    source = MANIFEST.with_name("src").joinpath("settings.ts").read_text(encoding="utf-8")
    (names,) = re.findall(r"const JOINED = new Set\(\[(.*)\]\);", source)

    assert tuple(json.loads(f"[{names}]")) == tuple(
        name for name, rule in RULES.items() if rule.adds_up
    )
