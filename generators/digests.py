"""One JSON form and one digest for every value that is published, approved or compared."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def readable(value: Any) -> str:
    """Readable JSON, the same bytes for the same value. ValueError for numbers that are not finite."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON: keys sorted, no white space, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def without_defaults(value: Any, defaults: dict[str, Any]) -> Any:
    """`value` (as parsed from JSON) without entries of these names, at any depth, that hold their default.

    For parts that a format was given later: where they are not used, text and digest are what they were before there were any.
    """
    if isinstance(value, dict):
        return {k: without_defaults(v, defaults) for k, v in value.items() if not (k in defaults and v == defaults[k])}
    if isinstance(value, list | tuple):
        return [without_defaults(v, defaults) for v in value]
    return value
