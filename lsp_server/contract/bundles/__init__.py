"""The folder that the trainer writes and the server loads."""
