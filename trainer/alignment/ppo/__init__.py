"""Proximal policy optimization on real cursors."""
