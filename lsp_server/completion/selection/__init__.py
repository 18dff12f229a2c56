"""What of the engine's candidates is shown."""
