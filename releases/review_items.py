"""What reviewers mark one by one: the description, the variables, each table, groups of its columns, the sections of the report."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from evaluation.definitions import DEFINITIONS
from evaluation.results import Evaluation
from releases import plain_account, stored
from releases.models import ReleaseRequest, SyntheticVersion

MOST_TABLES = 8
"""Of more tables than these each is one item, its columns not grouped: a list nobody reads helps nobody."""

SECTIONS = {
    "safe": "How safe is it?",
    "good": "How alike is it?",
    "useful": "How useful is it?",
    "fair": "Is everybody served alike?",
}
KINDS = {
    "identifier": "keys and other identifiers",
    "integer": "numbers",
    "real": "numbers",
    "date": "dates and times",
    "datetime": "dates and times",
    "time": "dates and times",
    "free text": "texts",
}
"""Kind of a column → the group it is marked with; every other kind is a category."""


@dataclass(frozen=True)
class Item:
    """One thing to mark. id: the same in every round; told: what it is made of, for who marks it; digest: of its content now."""

    id: str
    title: str
    told: str
    digest: str


def items(request: ReleaseRequest, evaluation: Evaluation | None = None) -> tuple[Item, ...]:
    """The items of the request as it stands. evaluation: of the chosen version, where it was read already."""
    written = {"title": request.title, "description": request.description, "use": request.use_case, "purpose": request.purpose}
    count = len(request.variables)
    found = [
        Item("description", "The description, the use and the purpose", request.description, _digest(written)),
        Item("variables", "The variables, and why each is needed", f"{count:,} asked for", _digest(request.variables)),
    ]
    if account := plain_account.current(request):
        found.append(Item("account", "The plain-English account", f"version {account.number}", _digest(account.text)))
    version = request.version
    if version is None:
        return tuple(found)
    found += _tables(version)
    evaluation = evaluation or (stored.evaluation(version.evaluation) if hasattr(version, "evaluation") else None)
    return (*found, *(_sections(evaluation) if evaluation else ()))


def titles(request: ReleaseRequest) -> dict[str, str]:
    """Item → its name, as it is now or was when somebody last marked it."""
    held = dict(request.remarks.order_by("number").values_list("item", "about"))
    return held | {item.id: item.title for item in items(request)}


def _tables(version: SyntheticVersion) -> list[Item]:
    files = {f.get("table", ""): f.get("sha256", "") for f in version.files}
    tables, found = version.schema["tables"], []
    for table in tables:
        name, columns = table["name"], table["columns"]
        made = files.get(name, str(version.pk))
        found.append(Item(f"table:{name}", f"Table {name}", f"{len(columns):,} columns", _digest([table, made])))
        groups: dict[str, list[dict[str, Any]]] = {}
        for column in columns:
            groups.setdefault(KINDS.get(column["kind"], "categories"), []).append(column)
        if len(tables) > MOST_TABLES or len(groups) < 2:
            continue
        for group, held in groups.items():
            names = ", ".join(column["name"] for column in held)
            found.append(Item(f"columns:{name}:{group}", f"{name}: {group}", names, _digest([held, made])))
    return found


def _sections(evaluation: Evaluation) -> list[Item]:
    figures: dict[str, list[Any]] = {}
    for result in evaluation.results:
        if result.metric in DEFINITIONS:
            figures.setdefault(DEFINITIONS[result.metric].group, []).append([result.metric, str(result.scope), result.value])
    return [
        Item(f"section:{group}", title, f"{len(figures[group]):,} figures of the report", _digest(figures[group]))
        for group, title in SECTIONS.items()
        if group in figures
    ]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), default=str).encode()).hexdigest()
