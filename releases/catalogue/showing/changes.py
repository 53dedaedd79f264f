"""What changed from one version of a release to the next: told from manifests, dictionaries and public reports, never from rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from releases.capsule import texts
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.showing import contents, dictionary, metrics, words

MOST = 30
"""Lines about columns of one step; the rest are counted."""


@dataclass(frozen=True)
class Step:
    """One version and what it changed. before: the version it is compared to, None for the first; lines: (what, sentence)."""

    version: ReleaseVersion
    before: ReleaseVersion | None
    lines: tuple[tuple[str, str], ...]
    unknown: str = ""


def steps(versions: Sequence[ReleaseVersion]) -> tuple[Step, ...]:
    """The versions, newest first, each with what it changed from the one before it that can still be shown."""
    ordered = sorted(versions, key=lambda each: each.version)
    found: list[Step] = []
    before: ReleaseVersion | None = None
    for version in ordered:
        if version.state == ReleaseVersion.State.WITHDRAWN:
            found.append(Step(version, None, (), "It was withdrawn, and what it held is no longer shown."))
        elif held(version):
            found.append(Step(version, None, (), "Not shown while the release is not given out."))
        else:
            found.append(Step(version, before, changes(before, version) if before else ()))
            before = version
    return tuple(reversed(found))


def held(version: ReleaseVersion) -> bool:
    """Whether nothing is told of what is in it: while it is looked into, that may be what is wrong with it."""
    return version.withheld


def changes(old: ReleaseVersion, new: ReleaseVersion) -> tuple[tuple[str, str], ...]:
    """What differs, as (what, sentence)."""
    lines = [("Data", sentence) for sentence in _tables(old, new)]
    lines += _said(old, new)
    lines += [("Measured", sentence) for sentence in _measured(old, new)]
    return tuple(lines)


def _tables(old: ReleaseVersion, new: ReleaseVersion) -> list[str]:
    before = {table.name: table for table in dictionary.tables(old)}
    after = {table.name: table for table in dictionary.tables(new)}
    said = [f"Table {name} was added." for name in after if name not in before]
    said += [f"Table {name} was removed." for name in before if name not in after]
    columns: list[str] = []
    for name, table in after.items():
        if name not in before:
            continue
        was = before[name]
        if was.rows != table.rows:
            said.append(f"{name}: {_count(table.rows)} rows, before {_count(was.rows)}.")
        ours, theirs = {each.name: each for each in table.columns}, {each.name: each for each in was.columns}
        columns += [f"{name}: column {each} was added." for each in ours if each not in theirs]
        columns += [f"{name}: column {each} was removed." for each in theirs if each not in ours]
        for each in ours:
            if each in theirs:
                columns += [f"{name}: column {each}: {what}." for what in _column(theirs[each], ours[each])]
    more = len(columns) - MOST
    return said + columns[:MOST] + ([f"{more:,} further changes of columns."] if more > 0 else [])


def _column(old: dictionary.Column, new: dictionary.Column) -> list[str]:
    said = []
    if old.kind != new.kind:
        said.append(f"{new.kind}, before {old.kind}")
    if old.format != new.format:
        said.append(f"written as {new.format or 'plain'}, before {old.format or 'plain'}")
    if old.codes != new.codes:
        gone, come = set(old.codes) - set(new.codes), set(new.codes) - set(old.codes)
        said.append(f"its code list changed: {len(come):,} added, {len(gone):,} removed")
    if old.nullable != new.nullable:
        said.append("may now be missing" if new.nullable else "is now never missing")
    if old.system != new.system:
        said.append(f"code system {new.system or 'none'}, before {old.system or 'none'}")
    if old.unit_code != new.unit_code:
        said.append(f"unit {new.unit or 'none'}, before {old.unit or 'none'}")
    return said


def _said(old: ReleaseVersion, new: ReleaseVersion) -> list[tuple[str, str]]:
    """What the manifests and attestations say differently."""
    facts: tuple[tuple[str, str, Callable[[ReleaseVersion], Any]], ...] = (
        ("Access", "Licence", lambda each: texts.licence_name(each.licence)),
        ("Access", "Access", lambda each: each.access_level),
        ("Made", "Kind", lambda each: words.tier(each.tier)),
        ("Made", "Generator", lambda each: f"{each.made.get('generator')} {each.made.get('version')}"),
        ("Made", "Disclosure policy", lambda each: each.made.get("disclosure_policy") or "none needed"),
        ("Approved", "Release policy", lambda each: each.attestation.get("release_policy") or "not said"),
        ("Described", "Title", lambda each: each.title),
        ("Described", "Made for", lambda each: words.purpose(each.purpose)),
        ("Described", "Subject", lambda each: each.subject),
    )
    lines = [(kind, f"{name}: {value(new)}, before {value(old)}.") for kind, name, value in facts if value(old) != value(new)]
    same_generator = (old.made.get("generator"), old.made.get("version")) == (new.made.get("generator"), new.made.get("version"))
    if old.made.get("mechanism_digest") == new.made.get("mechanism_digest"):
        if old.made.get("seed") != new.made.get("seed"):
            lines.append(("Made", "Drawn anew by the same mechanism, with another seed."))
    elif same_generator:
        lines.append(("Made", "The same generator, with other settings or from other aggregates."))
    if old.description != new.description:
        lines.append(("Described", "The description was rewritten."))
    if old.manifest.get("overrides", []) != new.manifest.get("overrides", []):
        lines.append(("Approved", "Other conditions are not met, or were answered otherwise: see the version's page."))
    return lines


def _measured(old: ReleaseVersion, new: ReleaseVersion) -> list[str]:
    before, after = contents.measured(old).values, contents.measured(new).values
    said = []
    for metric, value in after.items():
        if metric in before and contents.figure(before[metric]) != contents.figure(value):
            said.append(f"{metrics.name(metric)}: {contents.figure(value)}, before {contents.figure(before[metric])}.")
    return said


def _count(rows: int | None) -> str:
    return "an unknown number of" if rows is None else f"{rows:,}"
