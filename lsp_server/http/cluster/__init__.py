"""The service on many machines at once, by Ray Serve: `lory serve --ray`, with the extra `ray`."""
