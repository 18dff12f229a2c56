"""Supervised fine-tuning on tasks made of real code."""
