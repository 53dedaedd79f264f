"""The settings of `synthportal run`, from a TOML file and from options; an option wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from generators.errors import InputError
from synthportal.cli.learning import Learning
from synthportal.cli.options import MOST_ROWS, parsed

CHOSEN_BY_FILE = ("schema", "policy")


@dataclass(frozen=True)
class Pipeline:
    """How `synthportal run` runs.

    generator: by name. rows: of tables on which others hang, None: as train has, rounded. seed: of split, generation, evaluation.
    policy: "public", "internal" or a file. schema: a file, None: proposed. person: column that says who the person is, None: the schema's.
    target: a column somebody would predict, None: none. learning: of a generator that learns from records: in the file a table [learning]
    of its settings and [learning.options] of the generator's own. Files are looked for beside the TOML file.
    """

    generator: str = "marginal"
    rows: int | None = None
    seed: int = 0
    policy: str = "internal"
    schema: str | None = None
    person: str | None = None
    target: str | None = None
    learning: Learning = field(default_factory=Learning)

    @staticmethod
    def from_file(file: Path) -> Pipeline:
        """The settings in a TOML file; InputError for a key there is none of, or a value of the wrong kind."""
        raw = parsed(file)
        known = {each.name for each in fields(Pipeline)}
        if not isinstance(raw, dict):
            raise InputError(f"{file.name}: write one setting a line, such as rows = 1000")
        unknown = sorted(set(raw) - known)
        if unknown:
            raise InputError(f"{file.name}: unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        settings = {name: _checked(file, name, value) for name, value in raw.items()}
        for name in CHOSEN_BY_FILE:
            beside = file.parent / str(settings.get(name, ""))
            if settings.get(name) and beside.is_file():
                settings[name] = str(beside)
        return Pipeline(**settings)

    def with_options(self, **options: Any) -> Pipeline:
        """These settings, but for the options that were given (are not None)."""
        return replace(self, **{name: value for name, value in options.items() if value is not None})


def _checked(file: Path, name: str, value: Any) -> Any:
    if name == "learning":
        return _learning(file, value)
    if name in ("rows", "seed"):
        least, most = (1, MOST_ROWS) if name == "rows" else (0, 2**63 - 1)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"{file.name}: {name} must be a whole number from {least:,} to {most:,}")
    elif not isinstance(value, str) or not value:
        raise InputError(f'{file.name}: {name} must be a text, such as {name} = "…"')
    return value


_NUMBERS = {"epsilon": float, "delta": float, "contributions": int, "max_membership": float, "time_limit": float}
_LISTS = ("first", "apart", "without")


def _learning(file: Path, raw: Any) -> Learning:
    """The table [learning]; InputError names what is none of its settings or of the wrong kind."""
    known = [each.name for each in fields(Learning)]
    if not isinstance(raw, Mapping) or set(raw) - set(known):
        strange = ", ".join(sorted(set(raw) - set(known))) if isinstance(raw, Mapping) else "something else"
        raise InputError(f"{file.name}: [learning] holds {strange}; its settings are: {', '.join(known)}")
    found: dict[str, Any] = {}
    for name, value in raw.items():
        if name in _NUMBERS:
            if isinstance(value, bool) or not isinstance(value, int | _NUMBERS[name]):
                raise InputError(f"{file.name}: [learning] {name} must be a number")
            found[name] = _NUMBERS[name](value)
        elif name in _LISTS:
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise InputError(f'{file.name}: [learning] {name} must be a list of columns, such as ["age"]')
            found[name] = tuple(value)
        elif isinstance(value, Mapping):
            found[name] = {str(option): str(chosen) for option, chosen in value.items()}
        else:
            raise InputError(f"{file.name}: [learning.options] must be a table of the generator's options")
    return Learning(**found)
