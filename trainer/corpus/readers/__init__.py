"""Readers of source code: folders, git repositories, installed packages, data sets."""
