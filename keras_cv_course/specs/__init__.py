"""What a model takes and what its outputs mean, as data that travels with it."""
