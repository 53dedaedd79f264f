"""Fitting a version's generator again, to other people: what the evaluation of a version is given for its shadow models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evaluation.privacy.shadows import ROWS
from evaluation.work import Fit
from generators.disclosure import POLICIES, DisclosurePolicy
from generators.errors import InputError
from generators.fitting.conditions import Conditions
from generators.progress import Progress, silent
from generators.registry import generate, mechanism_for
from generators.schema import DatasetSchema
from generators.summarising.cross_tabulation import CrossTab
from generators.summarising.summarise import summarise
from releases import conditions, selection, stored
from releases.learning import Learning
from releases.models import SyntheticVersion, TrainedModel

SECONDS = 900.0
"""That fitting shadow models of a generator that learns may take in all, on one thread."""
FEWEST = 4
"""Shadow models, where there are any; an even number."""


def fit_for(version: SyntheticVersion, folder: Path, models: int, progress: Progress = silent) -> Fit | None:
    """How to learn from other people and generate from that as the version was made; None where shadow models do not apply.

    They do not where nothing of anybody was used (the structural generator), for several tables, and under differential privacy or a policy
    that adds noise: its (ε, δ) bounds what any such attack can find, and noise cannot be repeated from a seed, as figures must be. Nor
    where even a few fits of a generator that learns would take too long: the gates' other attacks judge it then.
    models: how many, 0 for none. folder: where the tables of shadow models lie, within the secure zone. progress: raises Cancelled.
    """
    if not models or len(version.schema["tables"]) != 1:
        return None
    if version.trained is None:
        return _summarised(version, folder, models)
    return _learned(version.trained, conditions.of_version(version), folder, models, progress)


def learned_from(version: SyntheticVersion) -> dict[str, str] | None:
    """SHA-256 of the files the version's summary or model was made of, by table: train of its own snapshot. None: nothing was used."""
    made_of = version.summary or version.trained
    if made_of is None:
        return None
    tables = {table["name"] for table in version.schema["tables"]}
    return {table: str(file["sha256"]) for table, file in made_of.snapshot.split.train.items() if version.summary or table in tables}


def _summarised(version: SyntheticVersion, folder: Path, models: int) -> Fit | None:
    record = version.summary
    schema = DatasetSchema.from_dict(version.schema)
    policy = DisclosurePolicy.from_dict(record.policy) if record else None
    if record is None or policy is None or policy.epsilon is not None:
        return None
    whole = stored.summarised_schema(record)
    # Half of the people may be fewer than a release needs. Nothing of a shadow model is released; its cells obey the same thresholds.
    fewer = replace(policy, minimum_table=2 * policy.minimum)
    crossed = [CrossTab.parse(text, whole) for text in record.cross_tabulations]
    without = [(table, column) for table, column in record.without]

    def of(train: Mapping[str, Path], out: Path, seed: int) -> Mapping[str, Path]:
        summary = selection.lessened_summary(summarise(train, whole, fewer, cross_tabulations=crossed), without)
        summary = selection.selected_summary(summary, whole, schema)
        mechanism = mechanism_for(version.generator, schema, summary)
        return {file.table: file.path for file in generate(mechanism, schema, summary, None, seed, out, scale=1.0)}

    return Fit(of, folder, models)


def _learned(trained: TrainedModel, asked: Conditions, folder: Path, models: int, progress: Progress) -> Fit | None:
    """By the options the model was learned with in the end, so that each shadow model is fitted once and not chosen anew."""
    if trained.private:
        return None
    from generators.fitting import files as saved  # not before it is needed
    from generators.fitting.expected import expected_cost
    from generators.fitting.own_process import fit_in_own_process

    schema, learning = DatasetSchema.from_dict(trained.schema), Learning.from_dict(trained.choices)
    (told,) = trained.report["tables"].values()
    rows = {schema.tables[0].name: min(ROWS, trained.snapshot.split.train_rows // 2)}
    seconds = expected_cost(trained.generator, schema, rows, told["options"]).seconds
    affordable = min(models, 2 * int(SECONDS / seconds / 2))
    if affordable < FEWEST:
        return None
    policy = replace(POLICIES["internal"], minimum_table=2 * POLICIES["internal"].minimum)
    budget = replace(learning.budget, max_membership=None)

    def of(train: Mapping[str, Path], out: Path, seed: int) -> Mapping[str, Path]:
        place = out / "model"
        fit_in_own_process(
            trained.generator,
            train,
            schema,
            place,
            policy=policy,
            seed=seed,
            progress=progress,
            budget=budget,
            options=told["options"],
            controls=learning.controls,
        )
        fitted = saved.load(place)
        alike = fitted.mechanism(given=asked.given, balance=asked.balance, oversample=asked.oversample)
        try:
            made = generate(alike, schema, None, None, seed, out, scale=1.0, model=fitted)
        except InputError:
            if not asked:
                raise
            # Half of the people may lack a value that all of them have: then the shadow model shows rows of every kind.
            made = generate(fitted.mechanism(), schema, None, None, seed, out, scale=1.0, model=fitted)
        return {file.table: file.path for file in made}

    return Fit(of, folder, affordable)
