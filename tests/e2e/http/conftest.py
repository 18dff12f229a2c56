"""Services for the tests of this folder."""

from tests.http_service import start_service
from tests.scripted import script_bundle, write_script

__all__ = ["script_bundle", "start_service", "write_script"]
