"""Fitting a version's generator again, to other people: what the evaluation of a version is given for its shadow models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evaluation.work import Fit
from generators.disclosure import DisclosurePolicy
from generators.registry import generate, mechanism_for
from generators.schema import DatasetSchema
from generators.summarising.cross_tabulation import CrossTab
from generators.summarising.summarise import summarise
from releases import selection, stored
from releases.models import SyntheticVersion


def fit_for(version: SyntheticVersion, folder: Path, models: int) -> Fit | None:
    """How to summarise other people and generate from that as the version was made; None where shadow models do not apply.

    They do not where nothing of anybody was used (the structural generator), for several tables, and under a policy that adds noise: its
    (ε, δ) bounds what any such attack can find, and noise cannot be repeated from a seed, as figures must be.
    models: how many, 0 for none. folder: where the tables of shadow models lie, within the secure zone.
    """
    record = version.summary
    if record is None or not models:
        return None
    schema = DatasetSchema.from_dict(version.schema)
    policy = DisclosurePolicy.from_dict(record.policy)
    if len(schema.tables) != 1 or policy.epsilon is not None:
        return None
    whole = stored.summarised_schema(record)
    # Half of the people may be fewer than a release needs. Nothing of a shadow model is released; its cells obey the same thresholds.
    policy = replace(policy, minimum_table=2 * policy.minimum)
    crossed = [CrossTab.parse(text, whole) for text in record.cross_tabulations]
    without = [(table, column) for table, column in record.without]

    def of(train: Mapping[str, Path], out: Path, seed: int) -> Mapping[str, Path]:
        summary = selection.lessened_summary(summarise(train, whole, policy, cross_tabulations=crossed), without)
        summary = selection.selected_summary(summary, whole, schema)
        mechanism = mechanism_for(version.generator, schema, summary)
        return {file.table: file.path for file in generate(mechanism, schema, summary, None, seed, out, scale=1.0)}

    return Fit(of, folder, models)


def learned_from(version: SyntheticVersion) -> dict[str, str] | None:
    """SHA-256 of the files the version's summary was made of, by table: train of the summary's own snapshot. None: nothing was used."""
    if version.summary is None:
        return None
    return {table: str(file["sha256"]) for table, file in version.summary.snapshot.split.train.items()}
