"""Train and holdout on the command line."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from generators.progress import Progress
from generators.reading.dataset import Dataset
from generators.working_copy import split as splitting


def split(dataset: Dataset, seed: int, out: Path, progress: Progress) -> splitting.Split:
    """Train and holdout by person, the same for the same seed.

    The key only spreads people evenly. Unlike the portal's it is no secret: who has it and knows a person's key could tell on which side
    that person's rows are, which is in nothing that is released.
    """
    key = hashlib.sha256(f"synthportal split, seed {seed}".encode()).digest()
    return splitting.split(dataset.tables, dataset.schema, key=key, out=out, progress=progress)


def lay_out(paths: Mapping[str, Path], folder: Path, name: str, copied: Mapping[str, Path] | None = None) -> None:
    """The tables as `folder/name.parquet`, or, of several, `folder/name/<table>.parquet`; those `copied` stay where they are, too."""
    if len(paths) == 1 and not copied:
        next(iter(paths.values())).replace(folder / f"{name}.parquet")
        return
    (folder / name).mkdir()
    for table, path in paths.items():
        path.replace(folder / name / f"{table}.parquet")
    for table, path in (copied or {}).items():
        shutil.copyfile(path, folder / name / f"{table}.parquet")


def counted(split: splitting.Split) -> str:
    """How many persons and rows are on each side, in words."""
    train, holdout = sum(split.train_rows.values()), sum(split.holdout_rows.values())
    return f"train {split.train_persons:,} persons, {train:,} rows; holdout {split.holdout_persons:,} persons, {holdout:,} rows"
