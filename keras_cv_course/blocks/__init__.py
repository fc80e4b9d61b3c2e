"""Functions from tensor to tensor that builders are made of."""
