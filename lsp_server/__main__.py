"""`python -m lsp_server`: takes the command line of `lory`."""

import os
import sys
from pathlib import Path


def forget_working_folder() -> None:
    """Keep modules of the folder that an editor happens to start in from being imported."""
    here = Path(__file__).resolve().parents[1]
    if sys.path and sys.path[0] in ("", os.getcwd()) and Path.cwd().resolve() != here:
        del sys.path[0]


if __name__ == "__main__":
    forget_working_folder()
    from lsp_server.cli import main

    main()
