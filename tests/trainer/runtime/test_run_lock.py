"""A run folder has one command at work in it; a second is told which, and the dead hold nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trainer.cli.main import main
from trainer.errors import StageError
from trainer.runtime.run_lock import hold_run

HOLDER = """
import sys, time
from pathlib import Path
from trainer.runtime.run_lock import hold_run
with hold_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(run: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the folder, and dies with the context."""
    command = [sys.executable, "-c", HOLDER, str(run), "--recipe", "small"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_command_is_told_who_holds_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    code = tmp_path / "code"
    code.mkdir()
    (code / "one.py").write_text("def one() -> int:\n    return 1\n" * 20)
    source = f'[{{"plugin": "folder", "options": {{"path": "{code}"}}}}]'
    with holder(run) as first, pytest.raises(SystemExit, match="2"):
        main(["sources", "--run", str(run), "--sources.sources", source])
    told = capsys.readouterr().err
    assert f"found process {first.pid} on " in told
    assert f"lory-train {run} --recipe small, since 20" in told
    assert told.count("\n") == 1
    assert not (run / "sources").exists()
    assert not (run / "recipe.yaml").exists()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_holds_nobody_up(tmp_path: Path, end: signal.Signals) -> None:
    with holder(tmp_path) as dead:
        dead.send_signal(end)
        dead.wait()
    assert json.loads((tmp_path / ".holder.json").read_text())["process"] == dead.pid
    with hold_run(tmp_path):
        assert json.loads((tmp_path / ".holder.json").read_text())["process"] == os.getpid()
    assert not (tmp_path / ".holder.json").exists()


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_a_holder_without_a_readable_name_is_a_holder_all_the_same(
    tmp_path: Path, content: str | None
) -> None:
    with holder(tmp_path):
        (tmp_path / ".holder.json").unlink()
        if content is not None:
            (tmp_path / ".holder.json").write_text(content)
        with pytest.raises(StageError, match="found another process at work"), hold_run(tmp_path):
            pass


def test_a_folder_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold_run(tmp_path):
        raise KeyError
    with hold_run(tmp_path):
        pass
