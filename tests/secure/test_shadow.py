"""Evaluations in the portal fit shadow models as the version was made, and refuse a version that learned from another split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.conf import settings

from evaluation.dataset import evaluate
from generators.disclosure import POLICIES
from generators.errors import InputError
from generators.schema import DatasetSchema
from releases import files, shadow, stored
from releases.models import SyntheticVersion
from tests.secure import world as build
from tests.secure.conftest import World


@pytest.fixture
def marginal(world: World) -> SyntheticVersion:
    version = world.ready_marginal.version
    assert version is not None
    return version


@pytest.mark.promise("attacks.8")
def test_a_version_is_made_again_from_other_people_as_it_was_made(marginal: SyntheticVersion, tmp_path: Path) -> None:
    fit = shadow.fit_for(marginal, tmp_path, 4)
    assert fit is not None
    made = fit.of(stored.side(marginal.snapshot, "train"), tmp_path, 7)
    ((name, path),) = made.items()
    (released,) = stored.data(marginal).values()
    assert {name} == set(stored.data(marginal))
    assert pq.read_schema(path).equals(pq.read_schema(released))


@pytest.mark.promise("attacks.8")
def test_there_are_none_where_nothing_was_learned_or_noise_bounds_what_can_be(
    world: World, marginal: SyntheticVersion, tmp_path: Path
) -> None:
    assert shadow.fit_for(world.ready.version, tmp_path, 4) is None
    assert shadow.fit_for(marginal, tmp_path, 0) is None
    marginal.summary.policy = replace(POLICIES["public"], epsilon=1.0, delta=1e-6, contributions=1).as_dict()
    assert shadow.fit_for(marginal, tmp_path, 4) is None


@pytest.mark.slow
@pytest.mark.promise("attacks.8")
def test_an_evaluation_fits_them_and_leaves_nothing_behind(committed_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SHADOW_MODELS", 4)
    people = committed_world.people
    request = build.draft(people.steward, committed_world.source)
    version = build.version(people.steward, request, "marginal", of=committed_world.summary)
    found = stored.evaluation(version.evaluation).find("membership_shadow_auc")
    assert found is not None
    assert found.failed is None, found.failed
    assert 0.3 < found.value < 0.7
    assert not list(files.folder("working").rglob("*shadow*"))


@pytest.mark.promise("attacks.10")
def test_a_version_that_learned_from_another_split_is_not_evaluated(committed_world: World) -> None:
    people = committed_world.people
    other = build.summary(people.steward, build.prepared_source(people.steward, content=build.emergency_csv(seed=9)))
    version = committed_world.ready_marginal.version
    sides = stored.side(version.snapshot, "train"), stored.side(version.snapshot, "holdout"), stored.data(version)
    schema = DatasetSchema.from_dict(version.schema)

    def evaluated() -> object:
        return evaluate(*sides, schema, policy=POLICIES["public"], only={"structure"}, learned_from=shadow.learned_from(version))

    assert evaluated()
    version.summary = other
    with pytest.raises(InputError, match="generated from other rows than this train"):
        evaluated()
