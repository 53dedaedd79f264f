"""How useful: what a model trained on the release learns of real people."""
