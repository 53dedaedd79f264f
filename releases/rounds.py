"""What reviewers were given in each round, and how two rounds differ: files, texts, variables, gates, public figures, DPIA, account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.definitions import DEFINITIONS
from evaluation.results import Evaluation
from releases import dpias, files, plain_account
from releases.capsule import layout
from releases.capsule.manifest import Manifest
from releases.models import ReleaseRequest, SubmittedRound

REPORT = "report.json"
TEXTS = {
    "title": "title",
    "purpose": "purpose",
    "use_case": "use",
    "description": "description",
    "tier": "kind of data",
    "access_level": "access level",
    "licence": "licence",
}
MADE_OF = ("README.md", "report.html", "manifest.json")
"""Files made of the rest: that they changed says nothing of its own."""
MOST_NAMED = 6


@dataclass(frozen=True)
class Change:
    """One thing that is otherwise than in the round before; before and after are empty where only the fact is told."""

    what: str
    before: str = ""
    after: str = ""


def evidence_of(request: ReleaseRequest) -> dict[str, Any]:
    """What can be compared of the submission as it stands: no row, no figure that the public report does not tell."""
    folder = files.folder("capsules") / str(request.capsule)
    manifest = Manifest.from_bytes((folder / layout.MANIFEST).read_bytes())
    report = Evaluation.from_json((folder / REPORT).read_text(encoding="utf-8"))
    version, account, dpia = request.version, plain_account.current(request), dpias.current(request)
    verdict = version.evaluation.verdict if version is not None else {"outcomes": ()}
    return {
        "files": {entry.path: entry.sha256 for entry in manifest.files},
        "texts": {name: str(getattr(request, name)) for name in TEXTS},
        "variables": dict(request.variables),
        "version": version.number if version else None,
        "rows": version.rows if version else None,
        "gates": {outcome["gate"]: bool(outcome["passed"]) for outcome in verdict["outcomes"]},
        "answers": {gate: answer["reason"] for gate, answer in request.gate_answers.items()},
        "figures": {f"{r.metric}|{' '.join(r.scope.names)}": r.value for r in report.results if r.scope.kind in ("dataset", "table")},
        "account": account.number if account else None,
        "dpia": dpia.number if dpia else None,
    }


def before(request: ReleaseRequest) -> SubmittedRound | None:
    """The round before this one that was submitted; None in the first."""
    return request.submitted_rounds.filter(round__lt=request.round).order_by("-round").first()


def differences(request: ReleaseRequest) -> tuple[Change, ...] | None:
    """How what is submitted differs from the round before; None where there is nothing to compare."""
    last, now = before(request), request.submitted_rounds.filter(round=request.round).first()
    return compared(last.evidence, now.evidence) if last is not None and now is not None else None


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every difference of two rounds' evidence, what a reviewer looks for first."""
    found = [
        Change(words.capitalize(), *_pair(old["texts"], new["texts"], name)) for name, words in TEXTS.items() if _differ(old, new, name)
    ]
    found += _variables(old["variables"], new["variables"])
    for name, words in (
        ("version", "Chosen version"),
        ("rows", "Rows"),
        ("dpia", "Impact assessment"),
        ("account", "Plain-English account"),
    ):
        if old[name] != new[name]:
            found.append(Change(words, _number(name, old[name]), _number(name, new[name])))
    for gate in sorted({*old["gates"], *new["gates"]}):
        if old["gates"].get(gate) != new["gates"].get(gate):
            found.append(Change(f"Gate “{gate}”", _met(old["gates"].get(gate)), _met(new["gates"].get(gate))))
    for gate in sorted({*old["answers"], *new["answers"]}):
        if old["answers"].get(gate) != new["answers"].get(gate):
            found.append(Change(f"Answer to the gate “{gate}”", *_pair(old["answers"], new["answers"], gate)))
    found += _figures(old["figures"], new["figures"])
    paths = sorted(p for p in {*old["files"], *new["files"]} if old["files"].get(p) != new["files"].get(p) and p not in MADE_OF)
    if paths:
        rest = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
        found.append(Change(f"Files that are not the same: {', '.join(paths[:MOST_NAMED])}{rest}"))
    return tuple(found)


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> bool:
    return bool(old["texts"].get(name) != new["texts"].get(name))


def _pair(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> tuple[str, str]:
    return str(old.get(name, "none")), str(new.get(name, "none"))


def _variables(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    added, gone = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    found = [Change(f"Variables added: {', '.join(added)}")] if added else []
    found += [Change(f"Variables left out: {', '.join(gone)}")] if gone else []
    return found + [Change(f"Why “{name}” is needed", old[name], why) for name, why in new.items() if name in old and old[name] != why]


def _figures(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    found = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            metric, _, table = name.partition("|")
            title = DEFINITIONS[metric].title if metric in DEFINITIONS else metric
            found.append(Change(f"{title}{f' ({table})' if table else ''}", _figure(old.get(name)), _figure(new.get(name))))
    return found


def _figure(value: float | None) -> str:
    return "not told" if value is None else f"{value:.4g}"


def _number(name: str, value: int | None) -> str:
    return "none" if value is None else f"{value:,}" if name == "rows" else f"version {value}"


def _met(passed: bool | None) -> str:
    return "not judged" if passed is None else "met" if passed else "not met"
