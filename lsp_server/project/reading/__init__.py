"""Reading the project's files in a process of its own."""
