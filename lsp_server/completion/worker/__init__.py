"""The engine's thread, and the clock that it runs under."""
