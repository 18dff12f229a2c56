"""The open project: what its files say after the tokens before a cursor."""
