"""Tuning a model: fine-tuning, preferences, reward model, PPO."""
