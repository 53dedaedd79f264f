"""Datasets of the secure zone: registered, given a file, their schema confirmed."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from generators.reading.dataset import safe_name
from generators.rules import meaning as rules
from generators.schema import DatasetSchema
from releases import audit, data_models, files, incoming
from releases.incoming import Incoming, Received
from releases.models import Account, Run, Snapshot, SourceDataset
from releases.permissions import Refused
from releases.services import runs
from releases.services.recorded import locked, permit, recorded

_TABLES = "tables"
"""The folder, in that of an upload, which holds a dataset of several files."""


@recorded("register_source")
def register_source(actor: Account, *, title: str, description: str, controller: str, subject: str) -> SourceDataset:
    """A new dataset, of which the actor is the first steward. InputError names a field that is blank or too long."""
    given = {"title": title, "description": description, "controller": controller, "subject": subject}
    given = {name: value.strip() for name, value in given.items()}
    for name, value in given.items():
        longest = getattr(SourceDataset._meta.get_field(name), "max_length", None)
        if not value:
            raise InputError(f"the dataset needs a {name}")
        if longest and len(value) > longest:
            raise InputError(f"the {name} is longer than {longest} characters")
    with transaction.atomic():
        steward = permit(actor, "register_source")
        if SourceDataset.objects.filter(registered_by=steward, title=given["title"], controller=given["controller"]).exists():
            raise Refused("You have registered a dataset of that title for that controller already.")
        source = SourceDataset.objects.create(registered_by=steward, registered_at=timezone.now(), **given)
        source.stewards.add(steward)
        audit.record(steward, "register_source", source)
    return source


@recorded("add_steward")
def add_steward(actor: Account, source: SourceDataset, *, person: Account) -> SourceDataset:
    """Let another data steward look after the dataset too."""
    with transaction.atomic():
        source = locked(source)
        person = Account.objects.get(pk=person.pk)
        steward = permit(actor, "add_steward", source, person=person)
        if source.stewards.filter(pk=person.pk).exists():
            raise Refused("That person is a steward of this dataset already.")
        source.stewards.add(person)
        audit.record(steward, "add_steward", source, person=person.pk)
    return source


@recorded("receive_upload")
def receive_upload(actor: Account, source: SourceDataset, *, name: str, chunks: Iterable[bytes], size: int) -> Snapshot:
    """Stream an uploaded file into the zone as the next snapshot, and have it profiled.

    size: bytes announced. InputError, with nothing kept, when another number arrives, none, or more than the site accepts.
    """
    with transaction.atomic():
        permit(actor, "receive_upload", source)  # before a byte is read
    identity = uuid.uuid4()
    location = f"{identity}/{safe_name(name)}"
    target = files.folder("uploads") / location
    digest = files.receive(chunks, target, size=size, limit=settings.SYNTHPORTAL_MAX_UPLOAD_BYTES)
    try:
        received = [Received("", files.display_name(name), size, digest)]
        return _new_snapshot(actor, source, "receive_upload", identity, Snapshot.Origin.UPLOAD, name, location, received)
    except BaseException:
        files.discard(target.parent)
        raise


@recorded("receive_upload")
def receive_files(actor: Account, source: SourceDataset, *, sent: Sequence[Incoming]) -> Snapshot:
    """Stream the files of several tables, or a zip archive of them, into the zone as the next snapshot, and have it profiled.

    InputError naming the file, with nothing kept, when any of them cannot be received (`incoming.receive_files`).
    """
    with transaction.atomic():
        permit(actor, "receive_upload", source)  # before a byte is read
    identity = uuid.uuid4()
    folder = files.folder("uploads") / str(identity)
    try:
        received = incoming.receive_files(sent, folder / _TABLES, limit=settings.SYNTHPORTAL_MAX_UPLOAD_BYTES)
        name = sent[0].name if len(sent) == 1 else f"{len(received)} files"
        return _new_snapshot(actor, source, "receive_upload", identity, Snapshot.Origin.UPLOAD, name, f"{identity}/{_TABLES}", received)
    except BaseException:
        files.discard(folder)
        raise


@recorded("point_at_file")
def point_at_file(actor: Account, source: SourceDataset, *, path: str) -> Snapshot:
    """Take a file, or a folder of tables, under an allowed secure folder as the next snapshot, and have it profiled.

    It stays where it is, and is not ours to destroy.
    """
    with transaction.atomic():
        permit(actor, "point_at_file", source)
    place = files.allowed_place(path)
    if place.is_dir():
        received = incoming.listed(place, files.allowed_roots())
    else:
        received = [Received("", place.name, place.stat().st_size, files.sha256(place))]
    if not sum(each.size for each in received):
        raise InputError("the file is empty")
    return _new_snapshot(actor, source, "point_at_file", uuid.uuid4(), Snapshot.Origin.POINTED, place.name, str(place), received)


@recorded("confirm_schema")
def confirm_schema(
    actor: Account,
    snapshot: Snapshot,
    *,
    schema: DatasetSchema,
    renamed: Mapping[str, str] | None = None,
    published_names: Collection[str] = (),
    data_model: str | None = None,
) -> Run:
    """Confirm what the tables and columns are; the working copy and the split are then made, and the raw upload destroyed.

    renamed: new name by proposed name, of tables that get another one. published_names: of a dataset of several tables, the names of
    all of them, which the steward has looked at: they are published, and a file's name, which they were proposed from, may hold a
    patient's. data_model: the common data model the tables follow, "" for the hospital's own; None: as was said of the snapshot before,
    if anything was. InputError when the schema does not have the file's tables and columns, or a rule of it cannot be read.
    """
    renamed = renamed or {}
    with transaction.atomic():
        snapshot = locked(snapshot)
        steward = permit(actor, "confirm_schema", snapshot)
        _check_schema(_renamed(DatasetSchema.from_dict(snapshot.proposed_schema), renamed), schema)
        if len(schema.tables) > 1 and set(published_names) != {t.name for t in schema.tables}:
            raise InputError("the names of the tables are published; look at each of them and say that they may be")
        snapshot.table_names = {entry: renamed.get(name, name) for entry, name in snapshot.table_names.items()}
        snapshot.state = Snapshot.State.CONFIRMED
        snapshot.confirmed_schema, snapshot.schema_digest = schema.as_dict(), schema.digest
        snapshot.data_model = data_models.said_before(snapshot) if data_model is None else data_models.understood(data_model)
        snapshot.confirmed_by, snapshot.confirmed_at = steward, timezone.now()
        snapshot.save()
        run = runs.begin(steward, Run.Kind.PREPARE, snapshot.source, snapshot=snapshot)
        said = {} if snapshot.data_model is None else {"data_model": snapshot.data_model}
        audit.record(steward, "confirm_schema", snapshot, schema_digest=schema.digest, run=run.pk, **said)
    return run


def raw_data(snapshot: Snapshot) -> Path:
    """Where the snapshot's raw file lies, or the folder of its tables. InputError when it is gone or is not what was given."""
    path = files.folder("uploads") / snapshot.location if snapshot.origin == Snapshot.Origin.UPLOAD else Path(snapshot.location)
    if not path.exists():
        raise InputError(f"the data of snapshot {snapshot.number} are not there any more; give them again")
    if snapshot.files:
        changed = incoming.unchanged(path, [Received(**each) for each in snapshot.files])
        if changed is not None:
            raise InputError(f"“{changed}” of snapshot {snapshot.number} was changed since it was given; give the data again")
    elif not path.is_file() or path.stat().st_size != snapshot.size or files.sha256(path) != snapshot.sha256:
        raise InputError(f"the file of snapshot {snapshot.number} was changed since it was given; give it again")
    return path


def _new_snapshot(
    actor: Account,
    source: SourceDataset,
    action: str,
    identity: uuid.UUID,
    origin: str,
    name: str,
    location: str,
    received: Sequence[Received],
) -> Snapshot:
    digest, size = incoming.digest(received), sum(each.size for each in received)
    with transaction.atomic():
        source = locked(source)
        steward = permit(actor, action, source)
        latest = source.latest_snapshot
        if latest is not None and latest.sha256 == digest and latest.state in (Snapshot.State.RECEIVED, Snapshot.State.PROFILED):
            raise Refused(f"This is the file of snapshot {latest.number}, which waits to be confirmed already.")
        snapshot = Snapshot.objects.create(
            id=identity,
            source=source,
            number=latest.number + 1 if latest else 1,
            origin=origin,
            original_name=files.display_name(name),
            location=location,
            size=size,
            sha256=digest,
            files=incoming.as_rows(each for each in received if each.path),
            received_by=steward,
            received_at=timezone.now(),
        )
        run = runs.begin(steward, Run.Kind.PROFILE, source, snapshot=snapshot)
        audit.record(steward, action, snapshot, sha256=digest, size=size, run=run.pk)
    return snapshot


def _renamed(schema: DatasetSchema, names: Mapping[str, str]) -> DatasetSchema:
    return replace(schema, tables=tuple(replace(t, name=names.get(t.name, t.name)) for t in schema.tables))


def _check_schema(proposed: DatasetSchema, confirmed: DatasetSchema) -> None:
    names = [t.name for t in confirmed.tables]
    if len({name.casefold() for name in names}) != len(names):
        raise InputError("two tables have the same name; every table needs a name of its own")
    if {t.name for t in proposed.tables} != set(names):
        raise InputError(f"the schema must describe the tables of the file: {', '.join(t.name for t in proposed.tables)}")
    DatasetSchema.from_dict(confirmed.as_dict())  # keys that lead nowhere or in a circle
    for table in confirmed.tables:
        if table.name != safe_name(table.name):
            raise InputError(f'table "{table.name}": a table\'s name has letters, digits, _ and - only, at most 64')
        if set(table.names) != set(proposed.table(table.name).names):
            raise InputError(f'the schema must describe every column of table "{table.name}", and no other')
        if table.public and table.person_key:
            raise InputError(f'table "{table.name}" cannot be a public vocabulary and say who a patient is')
        if not table.deidentified().columns:
            raise InputError(f'every column of table "{table.name}" is a direct identifier: nothing would be left')
        for rule in table.rules:
            rules.check(rule, table.deidentified())
