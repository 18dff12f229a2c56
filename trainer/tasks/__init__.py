"""What a model is asked to do, and how its answers are judged."""
