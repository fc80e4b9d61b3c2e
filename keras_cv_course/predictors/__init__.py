"""From images to results: models and files that take photographs, and drawings of results."""
