"""What the test settings of both sites share: a folder of their own, quick passwords, undefined template variables raise."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Never


def own_var() -> Path:
    """The tests' var folder. Made on first call and removed when this process ends; child processes find it by the environment."""
    if not os.environ.get("SYNTHPORTAL_TEST_VAR"):
        folder = tempfile.mkdtemp(prefix="synthportal-test-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["SYNTHPORTAL_TEST_VAR"] = folder
    os.environ["SYNTHPORTAL_VAR"] = os.environ["SYNTHPORTAL_TEST_VAR"]
    for name in ("SYNTHPORTAL_SECURE_VAR", "SYNTHPORTAL_PUBLIC_VAR", "SYNTHPORTAL_LAKE", "SYNTHPORTAL_COLLECTED_STATIC"):
        os.environ.pop(name, None)
    return Path(os.environ["SYNTHPORTAL_VAR"])


class UndefinedVariable(str):
    """Django formats this with the name of a variable a template used and the view did not give: an error in tests."""

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        return part == "%s"

    def __mod__(self, name: object) -> Never:
        raise AssertionError(f'a template uses the undefined variable "{name}"')


def strict(templates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`templates` with undefined variables raising."""
    for engine in templates:
        engine["OPTIONS"]["string_if_invalid"] = UndefinedVariable("%s")
    return templates


def file_database(database: dict[str, Any]) -> dict[str, Any]:
    """`database` such that tests and the processes they start see the same one; SQLite's without waiting for the disk."""
    if "sqlite3" in database["ENGINE"]:
        database["TEST"] = {"NAME": database["NAME"]}
        database["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON"
    return database
