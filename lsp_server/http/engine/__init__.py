"""The processes that run the model, and who of them gets which request."""
