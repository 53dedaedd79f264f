"""Settings of the two sites. `secure` and `public` read the environment; `docs/deploy.md` lists the names."""
