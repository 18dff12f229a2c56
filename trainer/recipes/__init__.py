"""Recipes that come with the trainer, and what makes their data."""
