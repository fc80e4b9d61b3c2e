"""Keras layers for what Keras lacks."""
