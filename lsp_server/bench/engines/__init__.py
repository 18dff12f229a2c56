"""Lory's engine beside other engines on the same weights."""
