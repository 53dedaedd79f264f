"""Generating on the command line: which generator, from what, into what kind of output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generators import registry, tables
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.mechanism import Mechanism
from generators.progress import Progress
from generators.registry import GENERATORS, GeneratorInfo, mechanism_for
from generators.schema import DatasetSchema
from generators.summarise import summarise
from generators.summary import MetadataSummary
from synthportal.cli import outputs
from synthportal.cli.options import parsed, schema_in
from synthportal.cli.records import Deidentified


def generator_named(name: str) -> GeneratorInfo:
    """The generator called `name`; InputError lists those there are."""
    if name not in GENERATORS:
        raise InputError(f'--generator: there is no "{name}"; there are: {", ".join(sorted(GENERATORS))}')
    return GENERATORS[name]


def summary_text(summary: MetadataSummary, schema: DatasetSchema) -> str:
    """A summary file of the command line: the summary's own JSON and, beside it, the (de-identified) schema a generator needs too."""
    return json.dumps({**summary.as_dict(), "schema": schema.as_dict()}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def summary_in(file: Path, schema_file: Path | None) -> tuple[MetadataSummary, DatasetSchema]:
    """The summary in a file and its schema: the one in the file, or, of a summary that has none (a capsule's), in `schema_file`.

    InputError names the file and what is wrong with it.
    """
    raw = parsed(file)
    try:
        summary = MetadataSummary.from_dict(raw)
        if schema_file is not None:
            given = schema_in(schema_file)
        elif "schema" in raw:
            given = DatasetSchema.from_dict(raw["schema"])
        else:
            raise InputError("it holds no schema; name the file that does with --schema")
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from None
    for schema in (given, given.deidentified()):
        if schema.digest == summary.schema_digest:
            return summary, schema
    raise InputError(f"{file.name} was made with another schema; summarise again, or use the schema it was made with")


def summary_for(info: GeneratorInfo, copy: Deidentified, policy: DisclosurePolicy, progress: Progress) -> MetadataSummary | None:
    """What a generator may see of a dataset: its summary under `policy`, or nothing."""
    if info.needs == "schema":
        return None
    return summarise(copy.paths, copy.schema, policy, progress=progress)


def generate(
    info: GeneratorInfo,
    schema: DatasetSchema,
    summary: MetadataSummary | None,
    rows: int | Mapping[str, int],
    seed: int,
    out: Path,
    progress: Progress,
) -> tuple[Mechanism, dict[str, Path]]:
    """The mechanism, and the path of each synthetic table by name, under the new folder `out`."""
    out.mkdir()
    mechanism = mechanism_for(info.name, schema, summary)
    files = registry.generate(mechanism, schema, summary if info.needs == "summary" else None, rows, seed, out, progress)
    return mechanism, {file.table: file.path for file in files}


@dataclass(frozen=True)
class Target:
    """Where synthetic rows go: one Parquet file, one spreadsheet-safe CSV file, or a folder of Parquet files."""

    path: Path
    kind: str

    @staticmethod
    def of(out: str) -> Target:
        """What `--out` means; InputError when it names something else."""
        path = Path(out)
        suffix = path.suffix.lower()
        if not out.endswith("/") and suffix in (".parquet", ".csv"):
            return Target(path, suffix[1:])
        if out.endswith("/") or not suffix:
            outputs.check_new_folder(path)
            return Target(path, "folder")
        raise InputError(f'--out "{out}": end it in .parquet or .csv for a file, or in / for a folder')

    def check(self, schema: DatasetSchema) -> None:
        """InputError when one file is asked for and there are several tables."""
        if self.kind != "folder" and len(schema.tables) > 1:
            raise InputError(f"there are {len(schema.tables)} tables, and --out names one file; name a folder, ending in /")

    def publish(self, made: dict[str, Path], schema: DatasetSchema, work: Path) -> None:
        """Give finished Parquet files their place."""
        if self.kind == "folder":
            folder = work / "folder"
            folder.mkdir()
            for table, path in made.items():
                path.replace(folder / f"{table}.parquet")
            outputs.publish_folder(folder, self.path)
            return
        ((table, path),) = made.items()
        if self.kind == "csv":
            written = work / "written.csv"
            tables.write_csv(path, written, schema.table(table))
            path = written
        outputs.publish_file(path, self.path)
