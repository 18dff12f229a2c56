"""What tests need beside Python: where it must be there, its absence is a failure."""

import os
from typing import NoReturn

import pytest


def unavailable(what: str) -> NoReturn:
    """Skip, or fail where every editor must be there."""
    if os.environ.get("LORY_NEED_EDITORS") == "1":
        pytest.fail(what)
    pytest.skip(what)
