"""The command line `lory-train`."""
