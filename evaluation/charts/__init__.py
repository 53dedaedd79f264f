"""Charts of aggregates that passed disclosure control."""
