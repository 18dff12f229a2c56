"""From a cursor to the suggestions that are shown."""
