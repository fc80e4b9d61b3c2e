"""Builders of detectors, and what is done with their raw outputs."""
