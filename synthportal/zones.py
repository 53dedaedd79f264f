"""The import blocker of the public process: nothing of the workflow can be loaded into it, by mistake or by an intruder's first try.

It is one of several walls (own database, own files, own environment, import contracts in CI) and the one that speaks at run time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

BARRED = ("generators", "evaluation", "synthportal.settings.secure", "synthportal.urls_secure", "synthportal.wsgi_secure")
"""Packages and modules of the secure zone; of `releases` everything but `ALLOWED` is barred too."""
ALLOWED = ("releases.capsule", "releases.catalogue")


def barred(name: str) -> bool:
    """Whether the module `name` belongs to the secure zone."""

    def within(packages: Sequence[str]) -> bool:
        return any(name == package or name.startswith(f"{package}.") for package in packages)

    return within(BARRED) or (name.startswith("releases.") and not within(ALLOWED))


class SecureZoneBarrier(MetaPathFinder):
    """Finds no module; refuses those of the secure zone before any other finder is asked."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if barred(fullname):
            raise ImportError(f"{fullname} belongs to the secure zone; the public site's process may not load it", name=fullname)
        return None


def close_off() -> None:
    """From now on this process refuses the secure zone's modules; ImportError when it has loaded one already."""
    loaded = sorted(name for name in sys.modules if barred(name))
    if loaded:
        raise ImportError(f"this process has loaded {loaded[0]} of the secure zone, so it cannot be the public site")
    if not any(isinstance(finder, SecureZoneBarrier) for finder in sys.meta_path):
        sys.meta_path.insert(0, SecureZoneBarrier())
