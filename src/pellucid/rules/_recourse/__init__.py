"""What would have to be different: constraints, candidates, search, and how far each answer holds."""
