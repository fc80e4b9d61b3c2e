"""What is done with a built network: feature maps, complexity, loading."""
