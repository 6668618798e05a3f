"""The metrics of the literature, each as its paper has it or better: one value type, one file a family."""
