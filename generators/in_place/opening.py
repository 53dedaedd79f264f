"""From the name of a place to the place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from generators.errors import InputError
from generators.in_place.duckdb_place import DuckPlace
from generators.in_place.places import Place
from generators.in_place.postgresql_place import PostgresPlace
from generators.in_place.spark_place import SparkPlace


def open_place(text: str, *, session: Any = None, spill: Path | None = None) -> Place:
    """The place that `text` names: `file.duckdb` or `file.duckdb#schema`, `postgresql:NAME#schema`, `spark:catalog.schema`.

    NAME: of an environment variable that holds the address, or of a service of libpq: an address itself is refused. session: of Spark, if
    there is one. spill: where DuckDB may put what does not fit in memory. A folder of files is read by
    `generators.reading.tables.read_dataset` and becomes a place by `DuckPlace.of_dataset`. InputError where the text names nothing that
    can be opened.
    """
    head, _, schema = text.partition("#")
    if head.startswith(("postgresql://", "postgres://", "jdbc:")) or re.search(r"://|password=", text):
        raise InputError(
            "a place is named without its address or password: put the address in an environment variable, and give postgresql:NAME#schema"
        )
    if head.startswith("postgresql:"):
        name = head.removeprefix("postgresql:")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name):
            raise InputError("postgresql: needs the name of an environment variable or libpq service, such as postgresql:WAREHOUSE#omop")
        return PostgresPlace(name, schema or "public")
    if head == "spark" or head.startswith("spark:"):
        return SparkPlace(head.partition(":")[2], session)
    path = Path(head)
    if not path.is_file():
        raise InputError(f"there is no file {path.name}; a place is file.duckdb#schema, postgresql:NAME#schema or spark:catalog.schema")
    return DuckPlace.of_file(path, schema or "main", spill)
