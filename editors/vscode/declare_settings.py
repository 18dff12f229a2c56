"""Writes the settings of `lsp_server/settings.py` into VS Code's package.json.

python -m editors.vscode.declare_settings

The server alone holds defaults; what stands here is for VS Code's settings page.
"""

import ast
import inspect
import json
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from lsp_server import settings
from lsp_server.settings import RULES, Settings

MANIFEST = Path(__file__).with_name("package.json")
OWN = {
    "lory.command": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "scope": "machine",
        "markdownDescription": 'Command that calls `lory`, such as `["/path/to/lory"]`; empty to '
        "take the selected Python environment, the one that was made for it, or `PATH`.",
    }
}
"""The extension's own."""
MACHINE = tuple(name for name, rule in RULES.items() if rule.scope == "machine")
"""What chooses programs and files: not for a workspace to set."""
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def declare() -> dict[str, dict[str, Any]]:
    """The properties of package.json's configuration."""
    texts = docstrings(Settings)
    own = {
        f"lory.{field.name}": property_of(field, texts[field.name])
        for field in fields(Settings)
        if not RULES[field.name].at_start  # the extension sends that itself
    }
    return {**OWN, **own}


def property_of(field: Field[Any], text: str) -> dict[str, Any]:
    """One setting as JSON schema."""
    made = field.default_factory() if field.default_factory is not MISSING else field.default
    default = list(made) if isinstance(made, tuple) else made
    rule = RULES[field.name]
    declared = {**schema_of(field.type), "default": default}
    if rule.within:
        declared |= {"minimum": rule.within[0], "maximum": rule.within[1]}
    return {**declared, "scope": rule.scope, "markdownDescription": text}


def schema_of(kind: Any) -> dict[str, Any]:
    """A field's type as JSON schema."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        texts = docstrings(kind)
        return {
            "type": "string",
            "enum": [str(member) for member in kind],
            "markdownEnumDescriptions": [texts.get(member.name, "") for member in kind],
        }
    if kind in JSON_TYPES:
        return {"type": JSON_TYPES[kind]}
    if kind == tuple[str, ...]:
        return {"type": "array", "items": {"type": "string"}}
    if kind == dict[str, bool]:
        return {"type": "object", "additionalProperties": {"type": "boolean"}}
    return {"type": "object"}


def docstrings(kind: type) -> dict[str, str]:
    """The text under each field or member of a class."""
    body = class_body(kind)
    found: dict[str, str] = {}
    for before, after in zip(body, body[1:], strict=False):
        name = name_of(before)
        if name and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[name] = " ".join(str(after.value.value).split())
        elif name:
            found[name] = ""
    return found


def class_body(kind: type) -> list[ast.stmt]:
    """The statements of a class of `settings.py`."""
    tree = ast.parse(inspect.getsource(settings))
    return next(
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )


def name_of(statement: ast.stmt) -> str:
    """The name that a statement of a class body declares; "" for others."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return ""


def rewritten(manifest: str) -> str:
    """package.json's text with the settings as they are now."""
    package = json.loads(manifest)
    package["contributes"]["configuration"]["properties"] = declare()
    restricted = [f"lory.{name}" for name in MACHINE]
    package["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = restricted
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    MANIFEST.write_text(rewritten(MANIFEST.read_text(encoding="utf-8")), encoding="utf-8")
