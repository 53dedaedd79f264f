"""Data that stay where they live, on the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.in_place.duckdb_place import DuckPlace
from generators.in_place.opening import open_place
from generators.in_place.places import Place
from generators.in_place.schema_of import schema_of
from generators.in_place.summarising import summarise_in_place
from generators.in_place.views import Holdout
from generators.reading.tables import read_dataset
from generators.summarising.cross_tabulation import CrossTab
from synthportal.cli import making, outputs
from synthportal.cli.options import schema_in
from synthportal.cli.outcome import say
from synthportal.cli.watching import progress


@dataclass(frozen=True)
class HeldOut:
    """Who is left out, as the options say. key_name: of the environment variable that holds the key of the split."""

    share: float | None
    key_name: str | None

    def of(self, reference: str) -> Holdout | None:
        """The holdout of a place; InputError where one option comes without the other."""
        if self.share is None and self.key_name is None:
            return None
        key = os.environ.get(self.key_name or "", "").encode()
        if self.share is None or len(key) < 16:
            raise InputError(
                "--holdout needs --split-key NAME, and NAME an environment variable that holds a key of at least 16 characters"
            )
        return Holdout.of(self.share, key, reference)


def schema(data: str, out: Path | None) -> None:
    """`synthportal schema` of a place."""
    with _opened(data, spill=None) as place:
        proposed, findings = schema_of(place)
    if out:
        with outputs.work_folder(out) as work:
            outputs.publish_text(proposed.to_json(), out, work)
    for finding in findings:
        where = f"{finding.table}.{finding.column}" if finding.column else finding.table
        say(f"{finding.level}: {where}: {finding.message}" + (f" ({finding.reason})" if finding.reason else ""))
    if out:
        say(f"wrote {out}")
    else:
        click.echo(proposed.to_json(), nl=False)


def summarise(
    data: Path | str, schema_file: Path | None, policy: DisclosurePolicy, cross: Sequence[str], held_out: HeldOut, out: Path
) -> None:
    """`synthportal summarise` of a place, or of files through the same questions."""
    if schema_file is None:
        raise InputError("data in place need --schema FILE: make one with synthportal schema, and check it, since nobody else has")
    confirmed = schema_in(schema_file)
    asked = [CrossTab.parse(text, confirmed.deidentified()) for text in cross]
    with outputs.work_folder(out) as work, progress("summarise") as watching:
        if isinstance(data, str):
            opened = _opened(data, spill=work / "spill")
        else:
            opened = _closing(DuckPlace.of_dataset(read_dataset(data, work / "read", schema=confirmed), data.name, work / "spill"))
        with opened as place:
            holdout = held_out.of(place.reference)
            summary = summarise_in_place(place, confirmed, policy, holdout=holdout, cross_tabulations=asked, progress=watching)
        outputs.publish_text(making.summary_text(summary, confirmed.deidentified()), out, work)
    say(f"wrote {out}: policy {policy.name}, no figure about fewer than {policy.minimum} persons")


@contextmanager
def _opened(data: str, spill: Path | None) -> Iterator[Place]:
    with _closing(open_place(data, spill=spill)) as place:
        yield place


@contextmanager
def _closing(place: Place) -> Iterator[Place]:
    try:
        yield place
    finally:
        place.close()
