"""Rewards for PPO: rules, tests, a learned model."""
