"""From source repositories to packed blocks: read, filter, remove duplicates, tokenize, pack."""
