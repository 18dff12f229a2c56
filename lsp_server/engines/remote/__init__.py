"""The engine `remote`: a model that another server runs, asked over HTTP.

The local bundle stays at hand: its tokenizer knows the open project, and it completes while the
service is slow or gone.
"""
