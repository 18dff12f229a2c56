"""Context plugins: related text from the project that goes into the prompt."""
