"""XML, written element by element: no text can become markup, and none holds what XML cannot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree as tree

from releases.catalogue.standards.described import clean


def child(parent: tree.Element, name: str, text: object = None, attributes: Mapping[str, str] | None = None) -> tree.Element:
    """A new element at the end of `parent`."""
    made = tree.SubElement(parent, name, {key: clean(value) for key, value in (attributes or {}).items()})
    if text is not None:
        made.text = clean(text)
    return made


def written(root: tree.Element) -> bytes:
    """The document as UTF-8."""
    declared: bytes = tree.tostring(root, encoding="utf-8", xml_declaration=True)
    return declared + b"\n"


def moment(at: datetime) -> str:
    """To the second, in UTC: 2026-11-21T21:05:00Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
