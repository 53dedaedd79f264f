"""From the tables of train to one saved thing that makes rows."""
