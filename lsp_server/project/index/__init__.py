"""The project's tokens, sorted so that any context is found."""
