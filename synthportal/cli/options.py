"""Arguments and options that several commands share."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generators.errors import InputError

if TYPE_CHECKING:
    from generators.disclosure import DisclosurePolicy
    from generators.schema import DatasetSchema

EXISTING = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(path_type=Path)
MOST_ROWS = 1_000_000_000

data_argument = click.argument("data", type=EXISTING)


class _DataOrPlace(click.Path):
    """A file or folder that is there, or the name of a place, left as it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from generators.in_place.names import is_place

        return value if isinstance(value, str) and is_place(value) else super().convert(value, param, ctx)


data_or_place_argument = click.argument("data", type=_DataOrPlace(exists=True, path_type=Path))
schema_option = click.option(
    "--schema",
    "schema_file",
    type=FILE,
    metavar="FILE",
    help="A schema you checked (see schema); without it one is proposed.",
)
policy_option = click.option(
    "--policy",
    default="internal",
    show_default=True,
    metavar="public|internal|FILE",
    help="The disclosure policy, by name or as a JSON or TOML file.",
)
cross_option = click.option(
    "--cross",
    "cross",
    multiple=True,
    metavar="COLUMN*COLUMN",
    help='Count columns together, numbers and dates in bands: "age:0,18,65,120*sex" (table.age:… of several tables). Repeatable.',
)
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="The same seed gives the same bytes."
)


def schema_in(file: Path) -> DatasetSchema:
    """The schema in a JSON file; InputError names the file."""
    from generators.schema import DatasetSchema

    try:
        return DatasetSchema.from_json(text_of(file))
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from None


def policy_named(name: str) -> DisclosurePolicy:
    """The policy called `name`, or the one in the file of that name; InputError when it is neither."""
    from generators.disclosure import POLICIES, DisclosurePolicy

    if name in POLICIES:
        return POLICIES[name]
    file = Path(name)
    if not file.is_file():
        raise InputError(f'--policy "{name}" is neither a policy ({", ".join(sorted(POLICIES))}) nor a file')
    try:
        return DisclosurePolicy.from_dict(parsed(file))
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from None


def parsed(file: Path) -> Any:
    """The content of a JSON or TOML file, told apart by its name; InputError says in which line it is neither."""
    text = text_of(file)
    if file.suffix.lower() == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{file.name} is not TOML: {error}") from None
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{file.name} is not JSON{place}") from None


def text_of(file: Path) -> str:
    """The text of a small UTF-8 file; InputError when it is something else."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file.name} is not a UTF-8 text file") from None
