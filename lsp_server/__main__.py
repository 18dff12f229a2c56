"""Entry point of `lory`: serves editors at once, and leaves other commands to `cli`."""

import os
import sys
from pathlib import Path

SERVED_AT_ONCE = (["lsp"], ["lsp", "--stdio"])
"""How editors start the server; they wait for it, so the command line's library stays out."""


def forget_working_folder() -> None:
    """Keep modules of the folder that an editor happens to start in from being imported."""
    here = Path(__file__).resolve().parents[1]
    if sys.path and sys.path[0] in ("", os.getcwd()) and Path.cwd().resolve() != here:
        del sys.path[0]


def main() -> None:
    """Run the command."""
    if sys.argv[1:] in SERVED_AT_ONCE:
        from lsp_server.protocol.serve import serve_standard_streams

        code = serve_standard_streams()
        from lsp_server.protocol.wire.ending import leave  # imports what an editor would wait for

        leave(code)
    from lsp_server.cli.main import main as run_command

    run_command()


if __name__ == "__main__":
    forget_working_folder()
    main()
