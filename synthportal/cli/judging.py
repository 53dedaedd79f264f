"""Evaluating on the command line: bring real and synthetic rows under one schema, evaluate every table, judge, write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation import report
from evaluation.dataset import evaluate
from evaluation.gates import Verdict
from evaluation.gates import judge as held_against
from evaluation.results import Evaluation
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.progress import Progress
from generators.reading import tables
from generators.reading.dataset import Dataset
from generators.schema import DatasetSchema
from synthportal.cli import records

METRICS = "metrics.json"
REPORT = "report.html"


@dataclass(frozen=True)
class RealSides:
    """Train and holdout, de-identified alike, by table. dataset: what they were read from, for its findings."""

    dataset: Dataset
    schema: DatasetSchema
    train: dict[str, Path]
    holdout: dict[str, Path]


@dataclass(frozen=True)
class Judged:
    """The evaluation of a dataset and its verdict."""

    evaluation: Evaluation
    verdict: Verdict

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in words."""
        return self.verdict.sentences


def real_sides(train: Path, holdout: Path, schema: DatasetSchema | None, work: Path, progress: Progress) -> RealSides:
    """Train and holdout under the given schema, or the one proposed for train."""
    key = records.run_key()
    first = records.read(train, work / "train", progress, schema=schema)
    second = tables.read_dataset(holdout, work / "holdout", schema=loose(first.schema), progress=progress)
    one = records.deidentified(first, work / "train_copy", key)
    two = records.deidentified(second, work / "holdout_copy", key)
    return RealSides(first, one.schema, one.paths, two.paths)


def synthetic_side(synthetic: Path, schema: DatasetSchema, work: Path, progress: Progress) -> dict[str, Path]:
    """Synthetic tables from any tool, by table, under the de-identified schema of the real ones."""
    return tables.read_dataset(synthetic, work / "synthetic", schema=loose(schema), progress=progress).paths


def loose(schema: DatasetSchema) -> DatasetSchema:
    """`schema` as names and kinds alone: a missing value or a new code on another side is for the evaluation to find, not an error."""
    return replace(
        schema,
        tables=tuple(
            replace(table, columns=tuple(replace(c, nullable=True, unique=False, codes=None) for c in table.columns))
            for table in schema.tables
        ),
    )


def judge(
    real: RealSides,
    synthetic: Mapping[str, Path],
    *,
    policy: DisclosurePolicy,
    tier: str,
    seed: int,
    target: str | None,
    progress: Progress,
) -> Judged:
    """Evaluate every table and the keys between them, and hold the whole against the tier's gates.

    InputError when no table has the column `target`.
    """
    if target is not None and not any(target in table.names for table in real.schema.tables):
        raise InputError(f'--target: no table has a column "{target}"')
    found = evaluate(
        real.train,
        real.holdout,
        synthetic,
        real.schema,
        policy=policy,
        seed=seed,
        targets=() if target is None else (target,),
        progress=progress,
    )
    return Judged(found, held_against(found, tier))


def write(judged: Judged, folder: Path, title: str) -> None:
    """`metrics.json` and `report.html` in `folder`."""
    metrics = {**judged.evaluation.as_dict(), "verdict": judged.verdict.as_dict()}
    (folder / METRICS).write_text(json.dumps(metrics, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    (folder / REPORT).write_text(report.html(judged.evaluation, judged.verdict, "reviewers", title), encoding="utf-8")
