"""The interface's own description: the OpenAPI document, and from it the page that people read, without anything from elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from releases.catalogue.interface.endpoints import interface

PREFIX = "/api/v1"


@dataclass(frozen=True)
class Parameter:
    """Something that is sent: its name, kind, and meaning with its bounds."""

    name: str
    kind: str
    needed: bool
    meaning: str


@dataclass(frozen=True)
class Operation:
    """One address: what it is for, what is sent, what comes back."""

    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    answer: str
    refusals: tuple[str, ...]

    @property
    def shape(self) -> str:
        """What the answer is made of: one of `shapes`."""
        return self.answer.rsplit(" ", 1)[-1]


@dataclass(frozen=True)
class Shape:
    """What an answer holds: (field, kind, meaning)."""

    name: str
    fields: tuple[tuple[str, str, str], ...]


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """The OpenAPI document (3.1), without a host: addresses are relative to the one it was asked at."""
    found: dict[str, Any] = json.loads(json.dumps(interface.get_openapi_schema(path_prefix=PREFIX), default=str))
    found["servers"] = [{"url": "/"}]
    for operations in found["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status != "200":
                    response["content"] = {"application/problem+json": response["content"].pop("application/json")}
    return found


def operations() -> tuple[Operation, ...]:
    """Every address, in order."""
    told = []
    for path, methods in openapi()["paths"].items():
        operation = methods["get"]
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        refusals = tuple(sorted(status for status in operation["responses"] if status != "200"))
        parameters = tuple(_parameter(each) for each in operation.get("parameters", ()))
        told.append(Operation(path, operation["summary"], parameters, _kind(answer), refusals))
    return tuple(told)


def shapes() -> tuple[Shape, ...]:
    """What the answers hold."""
    return tuple(
        Shape(name, tuple((key, _kind(value), str(value.get("description", ""))) for key, value in shape.get("properties", {}).items()))
        for name, shape in openapi()["components"]["schemas"].items()
        if name.endswith("Out") or name in ("VersionLine", "Problem")
    )


def _parameter(each: dict[str, Any]) -> Parameter:
    shape = each["schema"]
    bounds = [f"{words} {shape[name]}" for name, words in (("minimum", "from"), ("maximum", "to")) if name in shape]
    if "default" in shape and shape["default"] not in ("", []):
        bounds.append(f"{shape['default']} where it is left out")
    meaning = " ".join(part for part in (str(shape.get("description", "")), f"({', '.join(bounds)})" if bounds else "") if part)
    return Parameter(each["name"], _kind(shape), bool(each.get("required")), meaning)


def _kind(shape: dict[str, Any]) -> str:
    if "$ref" in shape:
        return str(shape["$ref"].rsplit("/", 1)[-1])
    if "anyOf" in shape:
        return " or ".join(_kind(each) for each in shape["anyOf"])
    if shape.get("type") == "array":
        return f"list of {_kind(shape['items'])}" if "items" in shape else "list"
    return str(shape.get("format") or shape.get("type") or "anything")
