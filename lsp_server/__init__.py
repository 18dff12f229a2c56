"""Lory's language server, which suggests code from a model on the user's own machine."""

__version__ = "0.2.0"
