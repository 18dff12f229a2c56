"""The open project: what its text says about the text that is being written."""
