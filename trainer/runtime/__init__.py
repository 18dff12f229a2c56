"""What every stage runs on: run folder, checkpoints, metrics, progress, plugins."""
