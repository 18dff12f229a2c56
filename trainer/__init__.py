"""Lory's trainer: takes Python source, gives a bundle that the server loads."""
