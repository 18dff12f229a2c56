"""Where the feedback database is, so that the trainer can read it too."""

import os
from pathlib import Path

from platformdirs import user_data_path

PATH_VARIABLE = "LORY_FEEDBACK"
"""Environment variable that names another file than the user's own."""

TABLE = "suggestions"

SCHEMA = 1
"""`user_version` of the file; a change of columns raises it."""


def database_path() -> Path:
    """The user's file; it need not be there."""
    named = os.environ.get(PATH_VARIABLE)
    return Path(named).expanduser() if named else user_data_path("lory") / "feedback.sqlite"
