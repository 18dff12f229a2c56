"""Where a model that others trained is read from."""
