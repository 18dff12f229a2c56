"""Lory's language server: takes what an editor shows, gives ghost text from a local model."""

__version__ = "0.2.0"
