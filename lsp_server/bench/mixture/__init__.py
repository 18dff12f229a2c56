"""Fitting the cache model's weights and calibration."""
