"""The command line `lory`."""
