"""Messages as bytes: read, written, and ended."""
