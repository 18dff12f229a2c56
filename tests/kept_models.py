"""A kept model for tests of editors: the shipped one's weights under another name."""

import os
import subprocess
import sys
from pathlib import Path

from tests.hostile_bundles import copy_of_shipped


def keep_model(models: Path, source: Path) -> None:
    """Keep a model under its source's name, as its user would."""
    environment = {**os.environ, "LORY_MODELS": str(models)}
    command = [sys.executable, "-m", "lsp_server", "model", "add", str(copy_of_shipped(source))]
    subprocess.run(command, env=environment, check=True)
