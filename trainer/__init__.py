"""Trains completion models, and packs them into bundles for the language server."""
