"""Lory's language server: takes what an editor shows, gives ghost text from a local model."""

__version__ = "0.1.0"
