"""Builds what is published and tries it as a stranger would: `make dist` runs this.

Wheel, source archive and VS Code extension are made twice, from two copies of the tracked files,
and must be equal byte for byte; so must the wheels of the models for other languages. Then the
wheel alone goes into a fresh environment in another folder, which must run the demo, answer an
editor and take in each of these models.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"


def main() -> None:
    """Leave the published files in `dist/`, or end with the first thing that is wrong."""
    with tempfile.TemporaryDirectory(prefix="lory dist ") as folder:
        first, second = (build(Path(folder) / name) for name in ("first", "second"))
        compare(first, second)
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(first, DIST)
    packages = [str(path) for path in sorted(DIST.iterdir()) if path.suffix != ".vsix"]
    run([sys.executable, "-m", "twine", "check", "--strict", *packages])
    try_wheel(next(DIST.glob("lory_lsp-*.whl")), sorted(DIST.glob("lory_bundle_*.whl")))
    say(f"ready in {DIST.name}/: {', '.join(sorted(path.name for path in DIST.iterdir()))}")


def build(folder: Path) -> Path:
    """A folder with wheel, source archive and extension, made in a copy of the tracked files."""
    say(f"building in {folder}")
    source, out = folder / "source", folder / "dist"
    source.mkdir(parents=True)
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": last_commit(), "PYTHON": sys.executable}
    run([sys.executable, "-m", "build", "--outdir", str(out), str(source)], env=environment)
    for bundle in sorted((source / "bundles").iterdir()):
        wheel = ["--wheel", "--outdir", str(out), str(bundle)]
        run([sys.executable, "-m", "build", *wheel], env=environment)
    extension = source / "editors" / "vscode"
    run(["npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"], cwd=extension)
    run(["npm", "run", "--silent", "package"], cwd=extension, env=environment)
    shutil.copy(extension / "lory.vsix", out)
    return out


def last_commit() -> str:
    """When the last commit was made, in seconds since 1970: the date of every file inside."""
    command = ["git", "log", "-1", "--format=%ct"]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def compare(first: Path, second: Path) -> None:
    """End unless two folders hold the same files with the same bytes."""
    names = [sorted(path.name for path in folder.iterdir()) for folder in (first, second)]
    if names[0] != names[1]:
        sys.exit(f"expected two builds of the same files, found {names[0]} and {names[1]}")
    for name in names[0]:
        if (first / name).read_bytes() != (second / name).read_bytes():
            sys.exit(f"expected two builds to be equal byte for byte, found {name} changed")


def try_wheel(wheel: Path, models: Sequence[Path]) -> None:
    """Install the wheel alone elsewhere, run the demo, complete for an editor, add the models."""
    with environment_of(wheel) as folder:
        programs = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        run([str(programs / "lory"), "demo"], cwd=folder)
        run([str(programs / "lory"), "bench", "start", "--starts", "1", "--idle", "1"], cwd=folder)
        own_models = {**os.environ, "LORY_MODELS": str(folder / "models")}
        for model in models:
            run([str(programs / "lory"), "model", "add", str(model)], cwd=folder, env=own_models)


@contextmanager
def environment_of(wheel: Path) -> Iterator[Path]:
    """A folder with a fresh environment that holds the wheel and what it requires."""
    with tempfile.TemporaryDirectory(prefix="lory wheel ") as name:
        folder = Path(name)
        venv.create(folder / "environment", with_pip=True)
        python = venv_python(folder / "environment")
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        run([str(python), "-m", "pip", "install", "--quiet", *constraints, str(wheel)], cwd=folder)
        yield folder


def venv_python(environment: Path) -> Path:
    """An environment's interpreter."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(command: Sequence[str], cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a program, its output shown only where it fails."""
    say(" ".join(command))
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}{done.stderr}\n{command[0]} ended with status {done.returncode}")


def say(text: str) -> None:
    """A line for whoever waits."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
