"""Programs that run in the environment of the validators (`.ci/install-validators`), not in ours."""
