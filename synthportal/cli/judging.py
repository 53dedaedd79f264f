"""Evaluating on the command line: bring real and synthetic rows under one schema, evaluate every table, judge, write."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation import report
from evaluation.basket import check_metrics as check_metrics
from evaluation.dataset import evaluate
from evaluation.definitions import DEFINITIONS
from evaluation.gates import Verdict
from evaluation.gates import judge as held_against
from evaluation.results import Evaluation
from evaluation.utility.tasks import known
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
    """The evaluation of a dataset and its verdict; None when some metrics were measured alone, which no gate can judge."""

    evaluation: Evaluation
    verdict: Verdict | None

    @property
    def passed(self) -> bool:
        return self.verdict is None or self.verdict.passed

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict in words; without one, the figures."""
        return self.verdict.sentences if self.verdict else tuple(_figures(self.evaluation))


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
    targets: Sequence[str],
    progress: Progress,
    only: Collection[str] | None = None,
) -> Judged:
    """Evaluate every table and the keys between them, and hold the whole against the tier's gates.

    only: metrics to measure alone, without a verdict. InputError when no table has a column of `targets`, or a metric is unknown.
    """
    for target in targets:
        if not any(known(target, table) for table in real.schema.tables):
            raise InputError(f'--target: no table has a column "{target}"')
    found = evaluate(
        real.train,
        real.holdout,
        synthetic,
        real.schema,
        policy=policy,
        seed=seed,
        targets=tuple(targets),
        only=only,
        progress=progress,
    )
    return Judged(found, held_against(found, tier) if only is None else None)


def write(judged: Judged, folder: Path, title: str) -> Sequence[str]:
    """`metrics.json` and, where there is a verdict, `report.html` in `folder`; the names of what was written."""
    metrics = judged.evaluation.as_dict()
    if judged.verdict is not None:
        metrics["verdict"] = judged.verdict.as_dict()
    (folder / METRICS).write_text(json.dumps(metrics, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    if judged.verdict is None:
        return (METRICS,)
    (folder / REPORT).write_text(report.html(judged.evaluation, judged.verdict, "reviewers", title), encoding="utf-8")
    return METRICS, REPORT


def metric_list() -> str:
    """Every metric by name, with its title."""
    width = max(map(len, DEFINITIONS))
    return "\n".join(f"{name:<{width}}  {DEFINITIONS[name].title}" for name in sorted(DEFINITIONS))


def _figures(evaluation: Evaluation) -> Iterator[str]:
    """Every figure in one line: its value, its floor (shuffle) and ceiling (real holdout), or why there is none."""
    for r in evaluation.results:
        place = f"{r.metric} ({', '.join(r.scope.names)})"
        if r.value is None:
            yield f"{place}: {r.failed or r.remark}"
            continue
        interval = f" [{r.interval[0]:.4g}, {r.interval[1]:.4g}]" if r.interval else ""
        twins = [f"{name} {twin:.4g}" for name, twin in (("shuffle", r.floor), ("holdout", r.ceiling)) if twin is not None]
        yield f"{place}: {r.value:.4g}{interval}" + (f" ({', '.join(twins)})" if twins else "")
    yield from evaluation.notes
