"""Records whether suggestions were accepted, edited or ignored, and tells the sinks.

Nothing is tracked, and no file is made, until the setting `feedback` is on.
"""
