"""SHA256SUMS: every file of the capsule, for `sha256sum -c` in its folder."""

from __future__ import annotations

from releases.catalogue.standards.described import Described


def sums(said: Described) -> str:
    """Lines of `sha256sum`; paths are those inside the capsule's folder."""
    return "".join(f"{each.sha256}  {each.path}\n" for each in said.files)
