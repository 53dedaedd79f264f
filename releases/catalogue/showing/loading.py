"""How a release is loaded, in lines that are copied and run as they are: each is run against the running site in the tests.

Names and addresses come from a release, so each line is written in the quoting of its language.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from releases.catalogue.models import StoredFile
from releases.catalogue.standards.croissant import record_set


@dataclass(frozen=True)
class Loader:
    """One way to load a table.

    code: its short name; name: in words; needs: what is installed first; line: from (address, file name, SHA-256); tried: whether the
    tests run it.
    """

    code: str
    name: str
    needs: str
    line: Callable[[str, str, str], str]
    tried: bool = True


@dataclass(frozen=True)
class Snippet:
    """One line to copy. what: it is called on its button."""

    id: str
    what: str
    name: str
    needs: str
    code: str
    tried: bool


def _python(text: str) -> str:
    return json.dumps(text)


def _sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _shell(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


PARQUET = (
    Loader(
        "pandas",
        "Python, with pandas",
        "pip install pandas pyarrow",
        lambda address, name, sha256: f"import pandas as pd; table = pd.read_parquet({_python(address)})",
    ),
    Loader(
        "polars",
        "Python, with polars",
        "pip install polars",
        lambda address, name, sha256: f"import polars as pl; table = pl.read_parquet({_python(address)})",
    ),
    Loader(
        "DuckDB",
        "SQL, with DuckDB: only the columns you name are fetched",
        "DuckDB with its extension httpfs, which it fetches by itself",
        lambda address, name, sha256: " ".join(("SELECT * FROM", _sql(address), "LIMIT 10;")),
    ),
    Loader(
        "Spark",
        "Spark",
        "pip install pyspark pandas pyarrow",
        lambda address, name, sha256: f"import pandas as pd; table = spark.createDataFrame(pd.read_parquet({_python(address)}))",
    ),
    Loader(
        "arrow",
        "R, with arrow",
        'install.packages("arrow")',
        lambda address, name, sha256: f"table <- arrow::read_parquet({_python(address)})",
        tried=False,
    ),
    Loader(
        "curl",
        "The file itself, and is it whole?",
        "curl and sha256sum, which come with Linux",
        lambda address, name, sha256: f"curl -fsSo {_shell(name)} {_shell(address)} && echo {_shell(f'{sha256}  {name}')} | sha256sum -c",
    ),
)
CSV = (Loader("R", "R, with nothing to install", "", lambda address, name, sha256: f"table <- read.csv({_python(address)})"),)

YOUR_TOKEN = "YOUR-TOKEN"  # noqa: S105 - a place for one
"""What stands for the reader's own token in lines for safeguarded data."""
_BEARER = f"Authorization: Bearer {YOUR_TOKEN}"
_HEADERS = f'{{"Authorization": "Bearer {YOUR_TOKEN}"}}'
_STORAGE = f"storage_options={_HEADERS}"

PARQUET_BY_TOKEN = (
    Loader(
        "pandas",
        "Python, with pandas",
        "pip install pandas pyarrow",
        lambda address, name, sha256: f"import pandas as pd; table = pd.read_parquet({_python(address)}, {_STORAGE})",
    ),
    Loader(
        "polars",
        "Python, with polars, which shows no token itself: Python fetches the file",
        "pip install polars",
        lambda address, name, sha256: (
            "import polars as pl, urllib.request as web; "
            f"table = pl.read_parquet(web.urlopen(web.Request({_python(address)}, headers={_HEADERS})).read())"
        ),
    ),
    Loader(
        "DuckDB",
        "SQL, with DuckDB: only the columns you name are fetched",
        "DuckDB with its extension httpfs, which it fetches by itself",
        lambda address, name, sha256: (
            f"CREATE SECRET (TYPE http, BEARER_TOKEN '{YOUR_TOKEN}'); " + " ".join(("SELECT * FROM", _sql(address), "LIMIT 10;"))
        ),
    ),
    Loader(
        "Spark",
        "Spark",
        "pip install pyspark pandas pyarrow",
        lambda address, name, sha256: (
            f"import pandas as pd; table = spark.createDataFrame(pd.read_parquet({_python(address)}, {_STORAGE}))"
        ),
    ),
    Loader(
        "curl",
        "The file itself, and is it whole?",
        "curl and sha256sum, which come with Linux",
        lambda address, name, sha256: (
            f"curl -fsSH {_shell(_BEARER)} -o {_shell(name)} {_shell(address)} && echo {_shell(f'{sha256}  {name}')} | sha256sum -c"
        ),
    ),
)
CSV_BY_TOKEN = (
    Loader(
        "R",
        "R, with nothing to install",
        "",
        lambda address, name, sha256: f'table <- read.csv(url({_python(address)}, headers = c(Authorization = "Bearer {YOUR_TOKEN}")))',
    ),
)


def snippets(
    number: int, parquet: StoredFile | None, csv: StoredFile | None, absolute: Callable[[str], str], *, by_token: bool = False
) -> tuple[Snippet, ...]:
    """Lines for one table. number: of the table, from 1, part of their ids; absolute: the whole address of one on this site.

    by_token: for safeguarded data, which programs fetch with a token of their reader's.
    """
    columnar, plain = (PARQUET_BY_TOKEN, CSV_BY_TOKEN) if by_token else (PARQUET, CSV)
    found = []
    for stored, loaders in ((parquet, columnar[:-3]), (csv, plain), (parquet, columnar[-3:])):
        if stored is not None:
            address, name = absolute(stored.get_absolute_url()), stored.path.rsplit("/", 1)[-1]
            for each in loaders:
                line = each.line(address, name, stored.sha256)
                found.append(Snippet(f"{each.code}-{number}", f"the {each.code} line", each.name, each.needs, line, each.tried))
    return tuple(found)


def croissant(address: str, parquet: StoredFile, absolute: Callable[[str], str], *, by_token: bool = False) -> Snippet:
    """The records of one table through its Croissant description at `address`.

    by_token: mlcroissant can show none, so curl fetches the file and the description is read beside it.
    """
    records = _python(record_set(parquet.table))
    if not by_token:
        line = f"import mlcroissant as mlc; records = mlc.Dataset({_python(address)}).records({records})"
        return Snippet("croissant", "the Croissant line", "Python, with mlcroissant", "pip install mlcroissant", line, True)
    name = parquet.path.rsplit("/", 1)[-1]
    mapping = json.dumps({parquet.path: name})
    program = (
        f"import mlcroissant as mlc; records = mlc.Dataset({_python(address)}, mapping={mapping}).records({records}); "
        "print(sum(1 for record in records), 'records')"
    )
    curl = f"curl -fsSH {_shell(_BEARER)} -o {_shell(name)} {_shell(absolute(parquet.get_absolute_url()))}"
    needs = "curl; pip install mlcroissant"
    return Snippet(
        "croissant", "the Croissant line", "curl, then Python with mlcroissant", needs, f"{curl} && python3 -c {_shell(program)}", True
    )


def everything(sums: str, files: str, *, by_token: bool = False) -> str:
    """All files by curl, each checked. sums: address of SHA256SUMS; files: address under which the files lie, ending in "/"."""
    curl = f"curl -fsSH {_shell(_BEARER)}" if by_token else "curl -fsS"
    return (
        f"{curl} -O {_shell(sums)} && "
        f"cut -c67- SHA256SUMS | xargs -I {{}} {curl} --create-dirs -o {{}} {_shell(files)}{{}} && "
        "sha256sum -c SHA256SUMS"
    )
