"""From records to a saved model: the one shape of all learned generators."""
