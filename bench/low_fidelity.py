"""How near low-fidelity data come to the real ones, column by column, and whether a rare value or a broken structure is in them.

    python bench/low_fidelity.py DATA [--names er_like flights] [--policy internal] [--seed 0]

DATA is a folder of NAME.parquet with NAME.json beside each: {"columns": {column: "numerical", "categorical", "datetime", "time", "id" or
"text"}}. For each table: read, schema proposed, split 80 : 20 by row, summary under the policy, marginal generator, as many rows as
train. Then, all on train: `tvd1_mean`, the mean over columns of the total variation distance (numbers and dates in 20 bins at train's
quantiles, the 30 most frequent categories, the rest, missing), beside that of a shuffle of train, which suppresses nothing and has
distance 0, and of the real holdout, which is what chance alone makes; rare values: categories of fewer than 5 rows of train that occur
in the output; structure: columns, types, decimals, formats, missing values only where the schema has them, and time formats.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from generators.disclosure import POLICIES  # noqa: E402
from generators.reading.tables import read_dataset  # noqa: E402
from generators.registry import generate, mechanism_for  # noqa: E402
from generators.schema import Kind, Role, TableSchema  # noqa: E402
from generators.summarising.summarise import summarise  # noqa: E402

BINS = 20
CATEGORIES = 30
RARE = 5


def numbers(values: pd.Series, kind: str) -> np.ndarray:
    """A numerical, date or time column as floats, NaN where missing."""
    if kind == "datetime":
        moments = pd.to_datetime(values, errors="coerce").to_numpy().astype("datetime64[s]")
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(float))
    if kind == "time":
        parts = values.astype("string").str.extract(r"^(\d{1,2}):(\d{2})")
        return (pd.to_numeric(parts[0]) * 60 + pd.to_numeric(parts[1])).to_numpy(dtype=float, na_value=np.nan)
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def categories(values: pd.Series) -> pd.Series:
    """A category as text: 1, 1.0 and "1" alike, None where missing."""

    def text(value: Any) -> str | None:
        if value is None or value is pd.NA or value != value:
            return None
        if isinstance(value, bool | np.bool_):
            return str(int(value))
        try:
            return str(int(float(value))) if float(value).is_integer() else repr(float(value))
        except (ValueError, OverflowError, TypeError):
            return str(value)

    return values.astype(object).map(text)


def distance(train: pd.Series, other: pd.Series, kind: str) -> float:
    """Total variation distance of one column, binned by train."""
    if kind in ("numerical", "datetime", "time"):
        a, b = numbers(train, kind), numbers(other, kind)
        edges = np.unique(np.nanquantile(a, np.linspace(0, 1, BINS + 1)[1:-1])) if not np.isnan(a).all() else np.zeros(1)
        size = len(edges) + 2
        codes = [np.where(np.isnan(x), size - 1, np.searchsorted(edges, x, side="right")) for x in (a, b)]
    else:
        a, b = categories(train), categories(other)
        top = {v: i for i, v in enumerate(a.value_counts().index[:CATEGORIES])}
        size = len(top) + 2
        codes = [np.where(x.isna(), size - 1, x.map(top).fillna(size - 2)).astype(int) for x in (a, b)]
    p, q = (np.bincount(c, minlength=size) / len(c) for c in codes)
    return float(np.abs(p - q).sum() / 2)


def broken(table: TableSchema, made: pa.Table) -> list[str]:
    """Columns of the output that do not have the structure of the schema."""
    wrong = [] if made.column_names == list(table.names) else ["names"]
    for column in table.columns:
        values = made.column(column.name)
        if not column.nullable and values.null_count:
            wrong.append(f"{column.name}: missing")
        if column.kind is Kind.REAL and column.decimals is not None:
            plain = values.drop_null().to_numpy()
            if not np.array_equal(np.round(plain, column.decimals), plain):
                wrong.append(f"{column.name}: decimals")
        if column.kind is Kind.TIME:
            shape = "^[0-9]{2}:[0-9]{2}" + (":[0-9]{2}" if column.format and "%S" in column.format else "")
            if not pc.all(pc.match_substring_regex(values.drop_null(), shape)).as_py():
                wrong.append(f"{column.name}: format")
        if column.unique and pc.count_distinct(values).as_py() != len(values):
            wrong.append(f"{column.name}: not unique")
    return wrong


def measured(source: Path, policy: str, seed: int, work: Path) -> dict[str, Any]:
    """The figures of one table."""
    dataset = read_dataset(source, work / "in")
    table = dataset.schema.tables[0]
    schema = dataset.schema.deidentified()
    rows = pq.read_table(dataset.tables[0].path).select(list(schema.tables[0].names))
    # Keys as text, as the working copy has them: identifiers are never summarised.
    keys = {c.name for c in schema.tables[0].columns if c.kind is Kind.IDENTIFIER and c.storage == "string"}
    rows = pa.table({n: pc.cast(rows.column(n), pa.string()) if n in keys else rows.column(n) for n in rows.column_names})
    order = np.random.default_rng(seed).permutation(rows.num_rows)
    held = round(rows.num_rows * 0.2)
    train, holdout = rows.take(np.sort(order[held:])), rows.take(np.sort(order[:held]))
    pq.write_table(train, work / "train.parquet")
    started = time.perf_counter()
    summary = summarise({table.name: work / "train.parquet"}, schema, POLICIES[policy])
    out = work / "out"
    out.mkdir()
    (made,) = generate(mechanism_for("marginal", schema, summary), schema, summary, train.num_rows, seed, out)
    seconds = time.perf_counter() - started
    synthetic = pq.read_table(made.path)
    kinds = json.loads(source.with_suffix(".json").read_text())["columns"]
    compared = {n: k for n, k in kinds.items() if n in train.column_names and k not in ("id", "text") and n not in keys}
    real, fake, ceiling = train.to_pandas(), synthetic.to_pandas(), holdout.to_pandas()
    far = {n: distance(real[n], fake[n], k) for n, k in compared.items()}
    leaked = rare = 0
    for name in (n for n, k in kinds.items() if k in ("categorical", "text") and n in train.column_names and n not in keys):
        counts = categories(real[name]).value_counts()
        few = set(counts[counts < RARE].index)
        rare, leaked = rare + len(few), leaked + len(few & set(categories(fake[name]).dropna().unique()))
    dropped = [c.name for c in table.columns if c.role is Role.DIRECT_IDENTIFIER and c.name not in train.column_names]
    return {
        "tvd1_mean": round(float(np.mean(list(far.values()))), 4),
        "shuffle": round(float(np.mean([distance(real[n], real[n].sample(frac=1, random_state=seed), k) for n, k in compared.items()])), 4),
        "holdout": round(float(np.mean([distance(real[n], ceiling[n], k) for n, k in compared.items()])), 4),
        "worst": {n: round(v, 3) for n, v in sorted(far.items(), key=lambda i: -i[1])[:5]},
        "rare_values": rare,
        "rare_values_leaked": leaked,
        "structure_broken": broken(schema.tables[0], synthetic),
        "dropped": dropped,
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--names", nargs="*", default=["er_like", "nass_crash", "nhefs", "flights"])
    parser.add_argument("--policy", default="internal", choices=sorted(POLICIES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.names:
        with tempfile.TemporaryDirectory() as work:
            print(name, json.dumps(measured(options.data / f"{name}.parquet", options.policy, options.seed, Path(work))), flush=True)


if __name__ == "__main__":
    main()
