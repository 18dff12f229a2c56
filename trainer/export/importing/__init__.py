"""Makes a bundle of a model that others trained."""
