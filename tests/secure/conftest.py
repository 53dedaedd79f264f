"""The secure site's tests: one built world for all that only read it or roll back, and a way to commit for those that must."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from pytest_django import DjangoDbBlocker

from releases.models import Account, ReleaseRequest, SourceDataset, SummaryRecord
from releases.triggers import Guards
from tests.secure import world as build
from tests.secure.world import People


@dataclass(frozen=True)
class World:
    """What `world` built. Rows are read anew at every mention, so a test sees its own changes and rolls them back."""

    source_key: object
    ready_key: object
    ready_marginal_key: object

    @property
    def people(self) -> People:
        return People.named()

    @property
    def source(self) -> SourceDataset:
        return SourceDataset.objects.get(pk=self.source_key)

    @property
    def summary(self) -> SummaryRecord:
        return SummaryRecord.objects.get(source=self.source_key, policy_name="public")

    @property
    def ready(self) -> ReleaseRequest:
        """A structural request of which all that is left is to submit."""
        return ReleaseRequest.objects.get(pk=self.ready_key)

    @property
    def ready_marginal(self) -> ReleaseRequest:
        """The same, publicly-sourced."""
        return ReleaseRequest.objects.get(pk=self.ready_marginal_key)


@pytest.fixture(scope="session", autouse=True)
def _zone_key() -> None:
    """The zone's key is the same in every run of the tests: tokens and the split hang on it, and with them who meets which gate."""
    path = Path(settings.SYNTHPORTAL_TOKENISATION_KEY)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text("5" * 64)


@pytest.fixture(scope="session")
def _built(django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    """The world, and a copy of its database."""
    with django_db_blocker.unblock():
        people = build.people()
        source = build.prepared_source(people.steward)
        summary = build.summary(people.steward, source)
        ready = build.ready_request(people.steward, source)
        marginal = build.ready_request(people.steward, source, "publicly-sourced", of=summary)
        copy = tmp_path_factory.mktemp("world") / "world.sqlite3"
        _copy(copy)
    return World(source.pk, ready.pk, marginal.pk), copy


@pytest.fixture
def people(db: None) -> People:
    """Everybody, without a dataset: quicker than `world`."""
    return People.named() if Account.objects.filter(email="steward@hospital.test").exists() else build.people()


@pytest.fixture
def world(_built: tuple[World, Path], db: None) -> World:
    """The built world, inside a transaction that is rolled back."""
    if not ReleaseRequest.objects.filter(pk=_built[0].ready_key).exists():
        _restore(_built[1])
    return _built[0]


@pytest.fixture
def committed_world(_built: tuple[World, Path], transactional_db: None) -> World:
    """The built world for tests that commit: several threads, processes, or what happens after a commit."""
    _restore(_built[1])
    return _built[0]


@pytest.fixture(autouse=True)
def _erasable(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that commit are followed by emptying every table, which the append-only triggers rightly refuse: without them, for that."""
    if "transactional_db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")
    names = ("0002_guards_of_the_record", "0004_disclosure_ledger", "0007_reaudits_and_drills")
    oldest = [import_module(f"releases.migrations.{name}") for name in names]
    guards = [(each.guard, each.unguard) for each in oldest]
    for _, migration in sorted(MigrationLoader(connection).disk_migrations.items()):
        guards += [(each.code, each.reverse_code) for each in migration.operations if isinstance(each, Guards)]
    with connection.schema_editor() as editor:
        for _, take_back in reversed(guards):
            take_back(apps, editor)
        for give, _ in guards:
            give(apps, editor)
    oldest[0].roles(apps, None)
    yield
    with connection.schema_editor() as editor:
        for _, take_back in reversed(guards):
            take_back(apps, editor)


def _copy(copy: Path) -> None:
    """Keep the present content of the database: SQLite's in a file, PostgreSQL's in a database of its own."""
    if connection.vendor == "postgresql":
        # another run of the tests on the same server may have left one
        _as_owner("DROP DATABASE IF EXISTS world WITH (FORCE)", f'CREATE DATABASE world TEMPLATE "{connection.settings_dict["NAME"]}"')
        return
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(copy)])


def _restore(copy: Path) -> None:
    """Put the kept content in place of the present one."""
    if connection.vendor == "postgresql":
        name = connection.settings_dict["NAME"]
        _as_owner(f'DROP DATABASE "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" TEMPLATE world')
        return
    connections.close_all()
    target = sqlite3.connect(str(connection.settings_dict["NAME"]))
    source = sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()


def _as_owner(*statements: str) -> None:
    """Statements about whole databases, from outside them."""
    connections.close_all()
    with connection._nodb_cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
