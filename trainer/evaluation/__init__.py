"""Figures with intervals for an exported model, in the bundle's card."""
