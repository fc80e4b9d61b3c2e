"""From feature maps to the raw outputs of a detector: box codes and logits separately."""
