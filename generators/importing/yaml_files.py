"""YAML files that somebody else wrote: read as plain values, nothing run, nothing allowed to grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from generators.errors import InputError

LARGEST = 64 << 20
DEEPEST = 40
MOST = 4_000_000
"""Bytes of a file, levels and values in it, values that are repeated by reference counted each time."""


def read_yaml(path: Path) -> Any:
    """The content of a YAML file. InputError, without a word of the content, for what is no YAML, too large, too deep, refers to itself
    or asks for objects of a program.
    """
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path.name} is larger than {LARGEST >> 20} MB; what belongs here is smaller")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not a UTF-8 text file") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _shallow(text, path, loader)
        value = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, chosen above
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise InputError(f"{path.name} is not plain YAML{place}") from None
    except InputError:
        raise
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise InputError(f"{path.name} holds a value that cannot be read, such as a date that does not exist") from None
    _count(value, path, [MOST], 0)
    return value


def _shallow(text: str, path: Path, loader: Any) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise InputError(
                f"{path.name} is nested more than {DEEPEST} levels deep (line {event.start_mark.line + 1 if event.start_mark else 1})"
            )


def _count(value: Any, path: Path, left: list[int], depth: int) -> None:
    left[0] -= 1
    if left[0] < 0 or depth > DEEPEST:
        raise InputError(f"{path.name} repeats itself by references until it is too large")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _count(inner, path, left, depth + 1)
