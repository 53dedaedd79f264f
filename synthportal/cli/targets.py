"""Where `--out` puts synthetic tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from generators.errors import InputError
from generators.generating import delivery
from generators.generating.delivery import PostgresqlSchema
from generators.progress import Progress
from generators.reading import tables
from generators.schema import DatasetSchema
from synthportal.cli import outputs

FORMATS = ("parquet", "csv")


@dataclass(frozen=True)
class Target:
    """One Parquet file, one spreadsheet-safe CSV file, a folder of either, a DuckDB file, or an empty PostgreSQL schema.

    path: None for a database elsewhere. kind: "parquet", "csv", "folder", "duckdb" or "postgresql"; format: of the files in a folder.
    """

    path: Path | None
    kind: str
    format: str = "parquet"
    database: PostgresqlSchema | None = None

    @staticmethod
    def of(out: str, format_: str | None = None) -> Target:
        """What `--out` (and `--format`) means; InputError when it names something else."""
        if out.startswith("postgresql:"):
            _no_format(format_)
            return Target(None, "postgresql", database=PostgresqlSchema.of(out))
        path = Path(out)
        suffix = path.suffix.lower()
        if not out.endswith("/") and suffix in (".parquet", ".csv", ".duckdb"):
            _no_format(format_)
            if suffix == ".duckdb" and path.exists():
                raise InputError(f"{out} exists already; name a new DuckDB file")
            return Target(path, suffix[1:])
        if out.endswith("/") or not suffix:
            outputs.check_new_folder(path)
            return Target(path, "folder", format_ or "parquet")
        raise InputError(
            f'--out "{out}": end it in .parquet, .csv or .duckdb for a file, in / for a folder, or write postgresql:NAME#SCHEMA'
        )

    def check(self, schema: DatasetSchema) -> None:
        """InputError when one file is asked for and there are several tables."""
        if self.kind in FORMATS and len(schema.tables) > 1:
            raise InputError(f"there are {len(schema.tables)} tables, and --out names one file; name a folder, ending in /")

    def publish(self, made: Mapping[str, Path], schema: DatasetSchema, work: Path, progress: Progress) -> None:
        """Give finished Parquet files, by table, their place."""
        if self.database is not None:
            delivery.to_postgresql(made, schema, self.database, progress=progress)
        elif self.path is None:
            raise TypeError("a target that is no database has a path")
        elif self.kind == "duckdb":
            delivery.to_duckdb(made, schema, work / "made.duckdb", progress=progress)
            outputs.publish_file(work / "made.duckdb", self.path)
        elif self.kind == "folder":
            folder = work / "folder"
            folder.mkdir()
            if self.format == "csv":
                delivery.to_csv(made, schema, folder, progress=progress)
            else:
                for table, path in made.items():
                    path.replace(folder / f"{table}.parquet")
            outputs.publish_folder(folder, self.path)
        else:
            ((table, path),) = made.items()
            if self.kind == "csv":
                tables.write_csv(path, work / "written.csv", schema.table(table), progress=progress)
                path = work / "written.csv"
            outputs.publish_file(path, self.path)


def _no_format(format_: str | None) -> None:
    if format_ is not None:
        raise InputError("--format is for folders: a file's format is told by its name")
