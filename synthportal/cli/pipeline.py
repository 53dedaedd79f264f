"""The settings of `synthportal run`, from a TOML file and from options; an option wins."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from generators.errors import InputError
from synthportal.cli.options import MOST_ROWS, parsed

CHOSEN_BY_FILE = ("schema", "policy")


@dataclass(frozen=True)
class Pipeline:
    """How `synthportal run` runs.

    generator: by name. rows: of tables on which others hang, None: as train has, rounded. seed: of split, generation, evaluation.
    policy: "public", "internal" or a file. schema: a file, None: proposed. person: column that says who the person is, None: the schema's.
    target: a column somebody would predict, None: none. Files are looked for beside the TOML file.
    """

    generator: str = "marginal"
    rows: int | None = None
    seed: int = 0
    policy: str = "internal"
    schema: str | None = None
    person: str | None = None
    target: str | None = None

    @staticmethod
    def from_file(file: Path) -> Pipeline:
        """The settings in a TOML file; InputError for a key there is none of, or a value of the wrong kind."""
        raw = parsed(file)
        known = {field.name for field in fields(Pipeline)}
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
    if name in ("rows", "seed"):
        least, most = (1, MOST_ROWS) if name == "rows" else (0, 2**63 - 1)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InputError(f"{file.name}: {name} must be a whole number from {least:,} to {most:,}")
    elif not isinstance(value, str) or not value:
        raise InputError(f'{file.name}: {name} must be a text, such as {name} = "…"')
    return value
