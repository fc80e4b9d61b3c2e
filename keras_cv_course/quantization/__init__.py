"""Rewriting of a Keras graph into the one that an integer runtime computes."""
