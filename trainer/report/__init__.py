"""One page that draws what a run has measured."""
