"""Faces: are two pictures of one person, and whose face is it."""
