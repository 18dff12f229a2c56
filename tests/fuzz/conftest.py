"""The scripted engine, for sessions in this process."""

from tests.scripted import script_bundle, write_script

__all__ = ["script_bundle", "write_script"]
