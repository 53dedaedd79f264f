"""The kinds of long work, one function each: read, compute, write into the attempt's own folder, hand over to a service."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from evaluation.dataset import evaluate as evaluate_dataset
from evaluation.gates import Verdict, judge
from evaluation.results import Evaluation
from generators import drift
from generators.atomic import writing
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import InputError
from generators.generating.sandbox import generate_confined
from generators.progress import Progress
from generators.reading.tables import read_dataset
from generators.registry import GENERATORS, mechanism_for
from generators.schema import DatasetSchema, TableSchema
from generators.summarising.assertions import assertions
from generators.summarising.cross_tabulation import CrossTab
from generators.summarising.exposing import expose
from generators.summarising.exposure import conflicts
from generators.summarising.summarise import summarise as summarise_train
from generators.working_copy.deidentify import deidentify_dataset
from generators.working_copy.relations import check_keys
from generators.working_copy.split import split
from releases import evidence, files, naming, policy, proposing, selection, shadow, stored
from releases.learning import Learning
from releases.models import Run, Snapshot, SyntheticVersion, TrainedModel
from releases.planting import plant
from releases.services import drills, outcomes, reaudits, sources, trained

log = logging.getLogger(__name__)
Stage = Callable[[Run, str, Progress], Any]


def profile(run: Run, token: str, progress: Progress) -> None:
    """Read the data, propose a schema, compare it with the last confirmed one. What was read is thrown away again."""
    snapshot = _snapshot(run)
    earlier = _last_confirmed(snapshot)
    path = sources.raw_data(snapshot)
    names = naming.proposed(snapshot, earlier)
    with _scratch(run) as work:
        dataset = read_dataset(path, work, progress=_share(progress, 0.0, 0.8), names=names)
        rules = proposing.rules(dataset, progress=_share(progress, 0.8, 0.2))
    schema, changes = dataset.schema, []
    if earlier is not None:
        schema = _carried_over(earlier, dataset.schema)
        changes = [str(change) for change in drift.compare(earlier, schema)]
    outcomes.profiled(
        run,
        token,
        schema=schema,
        findings=dataset.findings,
        rows=sum(t.rows for t in dataset.tables),
        drift=changes,
        table_names=names if snapshot.files else {},
        rules=rules,
    )


def prepare(run: Run, token: str, progress: Progress) -> None:
    """Make the de-identified working copy and the split, then destroy the raw upload."""
    snapshot = _snapshot(run)
    if not hasattr(snapshot, "working_copy"):
        schema = DatasetSchema.from_dict(snapshot.confirmed_schema)
        with files.attempt_folder("working", run.pk, run.attempt) as (part, final):
            with _scratch(run) as work:
                dataset = read_dataset(
                    sources.raw_data(snapshot), work, schema=schema, progress=_share(progress, 0.0, 0.55), names=snapshot.table_names
                )
                check_keys(dataset, schema, progress=_share(progress, 0.55, 0.05))
                copy = deidentify_dataset(dataset, files.key("tokens"), part, progress=_share(progress, 0.6, 0.2))
            sides = split(copy.tables, copy.schema, key=files.key("split"), out=part / "split", progress=_share(progress, 0.8, 0.15))
            tables = [{"name": t.name, "rows": t.rows, **_recorded(t.path, part, final, "working")} for t in copy.tables]
            record = {
                "digest": sides.digest,
                "by_person": all(t.public or t.person_key or schema.person_route(t.name) for t in schema.tables),
                "train": {name: _recorded(path, part, final, "working") for name, path in sides.train.items()},
                "holdout": {name: _recorded(path, part, final, "working") for name, path in sides.holdout.items()},
                "train_persons": sides.train_persons,
                "holdout_persons": sides.holdout_persons,
                "train_rows": sum(sides.train_rows.values()),
                "holdout_rows": sum(sides.holdout_rows.values()),
            }
        outcomes.prepared(run, token, schema=schema.deidentified(), tables=tables, split=record)
    # From here on nothing gives way to a cancellation: there is a working copy, so the raw upload must go.
    outcomes.raw_destroyed(run, token)


def summarise(run: Run, token: str, progress: Progress) -> None:
    """Summarise train under the policy that was asked for, and release it only if no earlier summary of the source conflicts with it."""
    snapshot = _snapshot(run)
    disclosure = DisclosurePolicy.from_dict(run.parameters["policy"])
    without = [(t, c) for t, c in run.parameters.get("without", [])]
    schema = selection.lessened(stored.working_schema(snapshot), without)
    train = stored.side(snapshot, "train")
    earlier = list(run.source.summaries.order_by("made_at"))
    exposures = [stored.exposure(record) for record in earlier]
    crossed = [CrossTab.parse(text, schema) for text in run.parameters.get("cross_tabulations", [])]
    summary = summarise_train(train, schema, disclosure, cross_tabulations=crossed, progress=_share(progress, 0.0, 0.6))
    summary = selection.lessened_summary(summary, without)
    exposed = expose(summary, train, schema, key=files.key("exposures"), earlier=exposures, progress=_share(progress, 0.6, 0.4))
    if found := conflicts(exposed, exposures):
        outcomes.summary_refused(run, token, summary=summary, conflicts=found)
        return
    failed = [asdict(a) for a in assertions(summary, schema) if not a.passed]
    with files.attempt_folder("exposures", run.pk, run.attempt) as (part, final):
        exposed.write(part / "exposure.parquet")
        exposure = _recorded(part / "exposure.parquet", part, final, "exposures")
    with files.attempt_folder("summaries", run.pk, run.attempt) as (part, final):
        written = _written(part / "summary.json", summary.to_json(), part, final, "summaries")
    compared = [record.pk for record in earlier]
    outcomes.summarised(run, token, summary=summary, exposure=exposure, compared=compared, failed=failed, **written)


def fit(run: Run, token: str, progress: Progress) -> None:
    """Learn from train in a process of its own. What it keeps on its way outlives a worker that dies; the end of the run destroys it."""
    from generators.fitting.own_process import FitFault, fit_in_own_process  # not before it is needed

    snapshot, wanted = _snapshot(run), run.parameters
    learning, name = Learning.from_dict(wanted["learning"]), str(wanted["generation"]["generator"])
    info = GENERATORS[name]
    schema = selection.selected(stored.working_schema(snapshot), wanted["generation"]["columns"])
    train = {table: path for table, path in stored.side(snapshot, "train").items() if table in {t.name for t in schema.tables}}
    kept = files.folder("checkpoints") / str(run.pk)
    with files.attempt_folder("models", run.pk, run.attempt) as (part, final):
        try:
            made = fit_in_own_process(
                name,
                train,
                schema,
                part,
                policy=POLICIES["internal"],
                seed=learning.seed,
                progress=progress,
                budget=learning.budget,
                options=learning.options,
                controls=learning.controls,
                checkpoint=kept,
            )
        except FitFault as fault:
            log.error("run %s: %s", run.pk, str(fault))  # a place in our code, no value
            raise
        produced = [{**_recorded(path, part, final, "models"), "size": path.stat().st_size} for path in made.files]
    trained.fitted(
        run,
        token,
        version=info.version,
        tier=info.tier,
        schema=schema.as_dict(),
        digest=made.digest,
        report=made.report,
        produced=produced,
    )


def generate(run: Run, token: str, progress: Progress) -> None:
    """Generate a version in a process that cannot open the source."""
    snapshot, wanted = _snapshot(run), run.parameters
    info = GENERATORS[wanted["generator"]]
    if run.trained is not None:
        _generate_learned(run, run.trained, token, progress)
        return
    whole = stored.summarised_schema(run.summary) if run.summary else stored.working_schema(snapshot)
    schema = selection.selected(whole, wanted["columns"])
    summary = selection.selected_summary(stored.summary(run.summary), whole, schema) if run.summary else None
    mechanism = mechanism_for(info.name, schema, summary, allowed_uses=tuple(wanted["uses"]))
    with files.attempt_folder("runs", run.pk, run.attempt) as (part, final):
        confined = generate_confined(
            mechanism,
            schema,
            summary,
            wanted.get("rows"),
            wanted["seed"],
            part,
            progress=progress,
            scale=wanted.get("scale"),
            public=stored.vocabularies(snapshot, schema),
        )
        produced = [{"table": f.table, "rows": f.rows, "size": f.bytes, **_recorded(f.path, part, final, "runs")} for f in confined.files]
    outcomes.generated(
        run, token, mechanism=mechanism, tier=info.tier, schema=schema, produced=produced, confinement="; ".join(confined.confinement)
    )


def _generate_learned(run: Run, learned: TrainedModel, token: str, progress: Progress) -> None:
    """The same from a model, whose bytes the confined process is handed."""
    snapshot, wanted = _snapshot(run), run.parameters
    fitted = stored.model(learned)
    asked = wanted.get("conditions", {})
    mechanism = fitted.mechanism(tuple(wanted["uses"]), asked.get("given"), asked.get("balance"), asked.get("oversample"))
    with files.attempt_folder("runs", run.pk, run.attempt) as (part, final):
        confined = generate_confined(
            mechanism,
            fitted.schema,
            None,
            wanted.get("rows"),
            wanted["seed"],
            part,
            progress=progress,
            scale=wanted.get("scale"),
            public=stored.vocabularies(snapshot, fitted.schema),
            model=fitted,
        )
        produced = [{"table": f.table, "rows": f.rows, "size": f.bytes, **_recorded(f.path, part, final, "runs")} for f in confined.files]
    outcomes.generated(
        run,
        token,
        mechanism=mechanism,
        tier=learned.tier,
        schema=fitted.schema,
        produced=produced,
        confinement="; ".join(confined.confinement),
    )


def evaluate(run: Run, token: str, progress: Progress) -> None:
    """Measure a version against train and holdout, and judge it by its tier's gates."""
    version = _version(run)
    evaluation, verdict = _evaluated(run, version, progress)
    with files.attempt_folder("runs", run.pk, run.attempt) as (part, final):
        written = _written(part / "evaluation.json", evaluation.to_json(), part, final, "runs")
    outcomes.evaluated(run, token, evaluation=evaluation, verdict=verdict, **written)


def reaudit(run: Run, token: str, progress: Progress) -> None:
    """Evaluate a published version again, from the very files that were published, under the gates now in force.

    What cannot be read or compared any more is an outcome of the re-audit, not a fault of the run.
    """
    version = _version(run)
    if run.request is None:
        raise InputError("this run has no release to re-audit")
    try:
        evidence.check_published(run.request)
        evaluation, verdict = _evaluated(run, version, progress)
    except InputError as error:
        reaudits.not_reaudited(run, token, reason=str(error))
        return
    with files.attempt_folder("runs", run.pk, run.attempt) as (part, final):
        written = _written(part / "evaluation.json", evaluation.to_json(), part, final, "runs")
    reaudits.reaudited(run, token, verdict=verdict, **written)


def drill(run: Run, token: str, progress: Progress) -> None:
    """Plant the leak of a drill; once that is evaluated, in a second run, build its capsule and hand it to the reviewers."""
    request = run.request
    if request is None:
        raise InputError("this run has no request")
    if run.version is not None:
        place = f"{request.pk}/{request.round}-{secrets.token_hex(4)}"
        progress("submitting", 0.0)
        manifest = evidence.build_capsule(request, files.folder("capsules") / place, slug=request.slug, version=1)
        drills.submitted(run, token, capsule=place, manifest=manifest)
        return
    asked, origin = request.drill, request.drill.origin
    schema = DatasetSchema.from_dict(origin.schema)
    train, synthetic = stored.side(origin.snapshot, "train"), stored.data(origin)
    with files.attempt_folder("runs", run.pk, run.attempt) as (part, final):
        told, made = plant(asked.kind, asked.amount, train, synthetic, schema, part, seed=asked.seed, progress=progress)
        produced = [
            {**f, **_recorded(made[f["table"]], part, final, "runs"), "size": made[f["table"]].stat().st_size} for f in origin.files
        ]
    drills.planted(run, token, told=told.as_dict(), produced=produced)


STAGES: dict[str, Stage] = {
    Run.Kind.PROFILE: profile,
    Run.Kind.PREPARE: prepare,
    Run.Kind.SUMMARISE: summarise,
    Run.Kind.FIT: fit,
    Run.Kind.GENERATE: generate,
    Run.Kind.EVALUATE: evaluate,
    Run.Kind.REAUDIT: reaudit,
    Run.Kind.DRILL: drill,
}


def _version(run: Run) -> SyntheticVersion:
    if run.version is None:
        raise InputError("this run has no version to evaluate")
    return run.version


def _evaluated(run: Run, version: SyntheticVersion, progress: Progress) -> tuple[Evaluation, Verdict]:
    """A version measured against the train and holdout of its snapshot, and held against the gates in force for its tier.

    Parameters of the run: "targets", names of variables that somebody would predict (those the version lacks are left out), and
    "shadow_models", how many to fit. InputError when the version learned from anything but this train.
    """
    targets: Sequence[str] = run.parameters.get("targets", ())
    schema = DatasetSchema.from_dict(version.schema)
    disclosure = DisclosurePolicy.from_dict(version.summary.policy) if version.summary else POLICIES["internal"]
    known, held = selection.predictable(stored.working_schema(version.snapshot)), {name for table in schema.tables for name in table.names}
    wanted = list(dict.fromkeys(known[name] for name in targets if name in known and known[name] in held))
    # with the vocabularies: what they list is public
    train = {**stored.side(version.snapshot, "train"), **(stored.vocabularies(version.snapshot, schema) or {})}
    holdout, synthetic = stored.side(version.snapshot, "holdout"), stored.data(version)
    told = _Told(progress)
    with _scratch(run) as work:
        evaluation = evaluate_dataset(
            train,
            holdout,
            synthetic,
            schema,
            policy=disclosure,
            seed=0,
            targets=wanted,
            fit=shadow.fit_for(version, work, run.parameters.get("shadow_models", settings.SHADOW_MODELS), told.again),
            learned_from=shadow.learned_from(version),
            progress=told,
        )
    return evaluation, judge(evaluation, version.tier, version=int(policy.release_policy().tiers[version.tier].gates))


def _snapshot(run: Run) -> Snapshot:
    if run.snapshot is None:
        raise InputError("this run has no snapshot")
    return run.snapshot


class _scratch:
    """A folder for what is read and thrown away: beside the attempt's own folder, so never outside the zone."""

    def __init__(self, run: Run) -> None:
        self.path = files.folder("working") / str(run.pk) / f"{run.attempt}.scratch"

    def __enter__(self) -> Path:
        files.discard(self.path)
        self.path.mkdir(parents=True, mode=0o700)
        return self.path

    def __exit__(self, *exception: object) -> None:
        files.discard(self.path)


def _recorded(path: Path, part: Path, final: Path, area: str) -> dict[str, str]:
    """The file as rows record it: where it will be, relative to its area, and its SHA-256."""
    return {"path": str((final / path.relative_to(part)).relative_to(files.folder(area))), "sha256": files.sha256(path)}


def _written(path: Path, text: str, part: Path, final: Path, area: str) -> dict[str, str]:
    with writing(path) as stream:
        stream.write(text.encode("utf-8"))
    return _recorded(path, part, final, area)


def _share(progress: Progress, start: float, share: float) -> Progress:
    def inner(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        progress(stage, start + share * fraction, rows, total)

    return inner


class _Told:
    """Passes progress on, and tells again what was told last while inner work goes on: that may be cancelled, too."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.last = progress, ("evaluating", 0.0)

    def __call__(self, stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        self.last = stage, fraction
        self.progress(stage, fraction, rows, total)

    def again(self, stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        self.progress(*self.last)


def _last_confirmed(snapshot: Snapshot) -> DatasetSchema | None:
    earlier = snapshot.source.snapshots.filter(number__lt=snapshot.number, confirmed_schema__isnull=False).order_by("-number").first()
    return DatasetSchema.from_dict(earlier.confirmed_schema) if earlier else None


def _carried_over(earlier: DatasetSchema, proposed: DatasetSchema) -> DatasetSchema:
    """The proposal with what a steward decided before about tables and columns that are still stored in the same way."""
    known = {table.name: table for table in earlier.tables}
    return replace(proposed, tables=tuple(_carried_table(known[t.name], t) if t.name in known else t for t in proposed.tables))


def _carried_table(earlier: TableSchema, proposed: TableSchema) -> TableSchema:
    before = {c.name: c for c in earlier.columns}
    columns = tuple(before[c.name] if c.name in before and before[c.name].storage == c.storage else c for c in proposed.columns)
    names = {c.name for c in columns}
    return replace(
        proposed,
        columns=columns,
        person_key=earlier.person_key if earlier.person_key in names else proposed.person_key,
        primary_key=earlier.primary_key if set(earlier.primary_key) <= names else proposed.primary_key,
        rules=earlier.rules if set(earlier.names) <= names else (),
    )
