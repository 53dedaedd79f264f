"""The whole path of `synthportal run`: read → de-identify → split → summarise → generate → evaluate."""

from __future__ import annotations

import json
import platform
from dataclasses import replace
from pathlib import Path

from generators.errors import InputError
from generators.fitting.fitted import FittedModel
from generators.generating.plan import released_rows
from generators.progress import Progress
from generators.reading.dataset import Dataset, TableFile
from generators.summarising.summarise import summarise
from synthportal import __version__
from synthportal.cli import judging, making, parts, records
from synthportal.cli.options import policy_named, schema_in
from synthportal.cli.pipeline import Pipeline
from synthportal.cli.watching import part

SHARES = {"read": (0.0, 0.15), "split": (0.15, 0.25), "summarise": (0.25, 0.35), "generate": (0.35, 0.5), "evaluate": (0.5, 1.0)}
"""Which part of the bar each stage fills."""


def run(data: Path, settings: Pipeline, work: Path, progress: Progress) -> tuple[judging.Judged, Dataset]:
    """Everything `run` promises, in the new folder `work/results`; the verdict, and what was read."""
    info = making.generator_named(settings.generator)
    policy = policy_named(settings.policy)
    given = schema_in(Path(settings.schema)) if settings.schema else None
    dataset = records.read(data, work, part(progress, *SHARES["read"]), schema=given, person=settings.person, whole=True)
    real, public = _sides(dataset, settings.seed, work, part(progress, *SHARES["split"]))
    model: FittedModel | None = None
    if info.needs == "data":
        train = records.Deidentified(real.schema, real.train, {})
        model = making.fit(info.name, train, policy, settings.learning, settings.seed, part(progress, *SHARES["summarise"]))
        summary, real = model.summary, replace(real, schema=model.schema)
    elif settings.learning.asked:
        raise InputError(f'the generator "{info.name}" learns nothing from records; --epsilon, --option and the like are for those that do')
    else:
        summary = summarise(real.train, real.schema, policy, progress=part(progress, *SHARES["summarise"]))
    # Not the true number of train rows: the output's length is a figure that leaves, too.
    wanted = settings.rows or released_rows(real.schema, summary)
    mechanism, made = making.generate(
        info,
        real.schema,
        summary,
        making.HowMany(wanted),
        settings.seed,
        work / "made",
        part(progress, *SHARES["generate"]),
        public=public,
        model=model,
    )
    judged = judging.judge(
        replace(real, train={**real.train, **public}),  # whoever judges must know what vocabularies list: that is public
        made,
        policy=policy,
        tier=info.tier,
        seed=settings.seed,
        targets=(settings.target,) if settings.target else (),
        progress=part(progress, *SHARES["evaluate"]),
    )
    results = work / "results"
    results.mkdir()
    (results / "schema.json").write_text(real.schema.to_json(), encoding="utf-8")
    (results / "summary.json").write_text(making.summary_text(summary, real.schema), encoding="utf-8")
    judging.write(judged, results, title=f"Synthetic data: {info.title}")
    parts.lay_out(made, results, "synthetic")
    record = {
        "synthportal": __version__,
        "python": platform.python_version(),
        "settings": {"generator": info.name, "rows": wanted, "seed": settings.seed, "target": settings.target},
        "policy": policy.as_dict(),
        "schema_digest": real.schema.digest,
        "summary_digest": summary.digest,
        "mechanism": mechanism.as_dict(),
        "mechanism_digest": mechanism.digest,
        "passed": judged.passed,
    }
    if model is not None:
        record["fit"] = model.record.as_dict()
    (results / "run.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return judged, dataset


def _sides(dataset: Dataset, seed: int, work: Path, progress: Progress) -> tuple[judging.RealSides, dict[str, Path]]:
    """Both sides de-identified, and the public tables, which are on neither.

    The split comes first: nothing may look at the data before it.
    """
    split = parts.split(dataset, seed, work / "split", progress)
    key = records.run_key()
    sides = {}
    for side, paths, rows in (("train", split.train, split.train_rows), ("holdout", split.holdout, split.holdout_rows)):
        files = tuple(TableFile(name, path, rows[name]) for name, path in paths.items())
        sides[side] = records.deidentified(replace(dataset, tables=files), work / f"{side}_copy", key)
    train = sides["train"]
    return judging.RealSides(dataset, train.schema, train.paths, sides["holdout"].paths), dict(split.public)
