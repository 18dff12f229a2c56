"""A project that would have Python run its own modules, and that shows whether one did."""

from pathlib import Path

NAMES = ("venv", "ensurepip", "pip", "sitecustomize", "usercustomize", "lsp_server")
"""What Python, its installer and the server's command would import from their working folder."""


def write_hostile_modules(project: Path) -> Path:
    """Write them into a project; the file that each would leave beside it."""
    sign = project.parent / "a module of the project has run"
    code = f"from pathlib import Path\nPath({str(sign)!r}).touch()\n"
    for name in NAMES:
        (project / name).mkdir()
        for part in ("__init__", "__main__"):
            (project / name / f"{part}.py").write_text(code)
    (project / ".env").write_text(f"PYTHONPATH={project}\n")
    (project / "pip.conf").write_text("[install]\ntarget = .\n")
    return sign
