"""From a steward's file to a working copy: received whole or not at all, confirmed, de-identified, the raw file destroyed."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.db import DatabaseError, transaction

from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, Role, Rule
from releases import data_models, evidence, files
from releases.models import AuditEvent, DestructionRecord, ReleaseRequest, Run, Snapshot, SourceDataset
from releases.permissions import Refused
from releases.services import runs, sources
from tests.secure import world as build
from tests.secure.conftest import World

SMALL = b"patient_id,nhs_number,age,sex\n" + b"".join(
    b"P%04d,%d,%d,%s\n" % (i % 60, 4010232137, 20 + i % 50, b"F" if i % 2 else b"M") for i in range(120)
)


def everything(folder: str) -> list[Path]:
    return [path for path in files.folder(folder).rglob("*")]


def register(world: World, title: str = "Another dataset") -> SourceDataset:
    return sources.register_source(world.people.steward, title=title, description="x", controller="y", subject="z")


@pytest.mark.promise("register.11")
def test_a_dataset_is_registered_once_however_often_the_form_is_sent(world: World) -> None:
    source = register(world)
    assert list(source.stewards.all()) == [world.people.steward]
    with pytest.raises(Refused, match="already"):
        register(world)
    with pytest.raises(InputError, match="needs a title"):
        register(world, "  ")
    with pytest.raises(InputError, match="longer than 200"):
        register(world, "x" * 201)
    with pytest.raises(Refused, match="Only a data steward"):
        sources.register_source(world.people.ig, title="a", description="x", controller="y", subject="z")


@pytest.mark.promise("register.12")
def test_an_upload_is_streamed_hashed_and_kept_privately(world: World) -> None:
    snapshot = build.upload(world.people.steward, register(world), SMALL, name="../../etc/evil name.csv")
    path = sources.raw_data(snapshot)
    assert path.is_relative_to(files.folder("uploads"))
    assert path.read_bytes() == SMALL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (snapshot.sha256, snapshot.size) == (hashlib.sha256(SMALL).hexdigest(), len(SMALL))
    assert snapshot.original_name == "evil name.csv"
    assert snapshot.runs.get().kind == Run.Kind.PROFILE


@pytest.mark.promise("register.13")
@pytest.mark.parametrize(
    "fault", ["cut off", "too long", "announced too long", "longer than announced", "empty", "connection lost", "disk full"]
)
def test_an_upload_that_does_not_arrive_whole_leaves_nothing(world: World, fault: str, settings) -> None:  # type: ignore[no-untyped-def]
    source, before = register(world), everything("uploads")

    def chunks() -> Iterator[bytes]:
        yield SMALL[:1000]
        if fault == "connection lost":
            raise ConnectionResetError
        if fault == "disk full":
            raise OSError(28, "No space left on device")
        yield SMALL[1000:]

    size = {"cut off": len(SMALL) + 1, "longer than announced": len(SMALL) - 5, "empty": 0}.get(fault, len(SMALL))
    settings.SYNTHPORTAL_MAX_UPLOAD_BYTES = 1_500 if "too long" in fault else 10**9
    if fault == "too long":
        size = 1_400
    pieces = iter(()) if fault == "empty" else chunks()
    with pytest.raises((InputError, ConnectionResetError)):
        sources.receive_upload(world.people.steward, source, name="a.csv", chunks=pieces, size=size)
    assert everything("uploads") == before
    assert not source.snapshots.exists()
    assert not source.runs.exists()


def test_a_file_given_twice_waits_once(world: World) -> None:
    source = register(world)
    build.upload(world.people.steward, source, SMALL)
    before = everything("uploads")
    with pytest.raises(Refused, match="snapshot 1, which waits"):
        build.upload(world.people.steward, source, SMALL)
    assert everything("uploads") == before


@pytest.mark.promise("register.14")
def test_a_file_is_pointed_at_only_under_an_allowed_folder_whatever_links_say(world: World, tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    allowed, elsewhere = tmp_path / "allowed", tmp_path / "elsewhere"
    allowed.mkdir()
    elsewhere.mkdir()
    (allowed / "good.csv").write_bytes(SMALL)
    (allowed / "empty.csv").write_bytes(b"")
    (elsewhere / "bad.csv").write_bytes(SMALL)
    (allowed / "link.csv").symlink_to(elsewhere / "bad.csv")
    (allowed / "inside.csv").symlink_to(allowed / "good.csv")
    source = register(world)
    with pytest.raises(InputError, match="no secure folder is set up"):
        sources.point_at_file(world.people.steward, source, path=str(allowed / "good.csv"))
    settings.SYNTHPORTAL_SECURE_FOLDERS = [allowed]
    sentences = set()
    for path in (
        allowed / "link.csv",
        elsewhere / "bad.csv",
        allowed / "absent.csv",
        elsewhere,
        allowed / ".." / "elsewhere" / "bad.csv",
        Path("good.csv"),
        str(allowed / "x\0y"),
        "/etc/passwd",
    ):
        with pytest.raises(InputError) as error:
            sources.point_at_file(world.people.steward, source, path=str(path))
        sentences.add(str(error.value))
    assert len(sentences) == 1, "what exists elsewhere cannot be told from what does not"
    with pytest.raises(InputError, match="empty"):
        sources.point_at_file(world.people.steward, source, path=str(allowed / "empty.csv"))
    with pytest.raises(InputError, match=r"“empty\.csv” is empty"):
        sources.point_at_file(world.people.steward, source, path=str(allowed))
    snapshot = sources.point_at_file(world.people.steward, source, path=str(allowed / "inside.csv"))
    assert sources.raw_data(snapshot) == (allowed / "good.csv").resolve()
    with pytest.raises(Refused):
        sources.point_at_file(world.people.outsider, source, path=str(allowed / "good.csv"))


@pytest.mark.promise("deidentify.5")
def test_a_file_pointed_at_is_used_and_left_where_it_is(world: World, tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "visits.csv").write_bytes(SMALL)
    settings.SYNTHPORTAL_SECURE_FOLDERS = [tmp_path]
    source = register(world)
    snapshot = sources.point_at_file(world.people.steward, source, path=str(tmp_path / "visits.csv"))
    build.work()
    snapshot.refresh_from_db()
    sources.confirm_schema(world.people.steward, snapshot, schema=build.confirmed_schema(snapshot))
    build.work()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.READY
    assert (tmp_path / "visits.csv").read_bytes() == SMALL
    assert not snapshot.destructions.exists()


@pytest.mark.promise("register.15")
def test_a_file_changed_after_it_was_given_is_not_read(world: World, tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "visits.csv").write_bytes(SMALL)
    settings.SYNTHPORTAL_SECURE_FOLDERS = [tmp_path]
    snapshot = sources.point_at_file(world.people.steward, register(world), path=str(tmp_path / "visits.csv"))
    (tmp_path / "visits.csv").write_bytes(SMALL.replace(b"P0001", b"P9999"))
    build.work()
    assert "was changed since it was given" in snapshot.runs.get().reason
    (tmp_path / "visits.csv").unlink()
    runs.retry_run(world.people.steward, snapshot.runs.get())
    build.work()
    assert "are not there any more" in snapshot.runs.get().reason


@pytest.mark.promise("register.16")
def test_a_file_that_is_no_table_fails_with_the_reason_and_another_can_be_given(world: World) -> None:
    source = register(world)
    snapshot = build.upload(world.people.steward, source, b"\x89PNG\r\n\x1a\n" + bytes(500), name="visits.csv")
    build.work()
    run = snapshot.runs.get()
    assert run.state == Run.State.FAILED
    assert "PNG" in run.reason
    assert not [p for p in everything("working") if str(run.pk) in str(p)]
    second = build.upload(world.people.steward, source, SMALL)
    build.work()
    second.refresh_from_db()
    assert (second.number, second.state) == (2, Snapshot.State.PROFILED)


def profiled(world: World, content: bytes = SMALL) -> Snapshot:
    source = register(world)
    build.upload(world.people.steward, source, content)
    build.work()
    snapshot = source.latest_snapshot
    assert snapshot is not None
    assert snapshot.state == Snapshot.State.PROFILED, source.runs.first().reason
    return snapshot


@pytest.mark.promise("register.17")
def test_the_confirmed_schema_must_be_of_the_file_and_its_rules_must_be_readable(world: World) -> None:
    snapshot = profiled(world)
    schema = DatasetSchema.from_dict(snapshot.proposed_schema)
    table = schema.tables[0]
    wrong = {
        "tables of the file": replace(schema, tables=(replace(table, name="other"),)),
        "every column of table": replace(schema, tables=(replace(table, columns=table.columns[:-1]),)),
        "nothing would be left": replace(
            schema, tables=(replace(table, person_key=None, columns=tuple(replace(c, role=Role.DIRECT_IDENTIFIER) for c in table.columns)),)
        ),
        "rule": replace(schema, tables=(replace(table, rules=(Rule("odd", "age <<< 3"),)),)),
        "which table .* lacks": replace(schema, tables=(replace(table, rules=(Rule("on an identifier", "nhs_number is not null"),)),)),
    }
    for sentence, other in wrong.items():
        with pytest.raises(InputError, match=sentence):
            sources.confirm_schema(world.people.steward, snapshot, schema=other)
    sources.confirm_schema(world.people.steward, snapshot, schema=schema)
    with pytest.raises(Refused, match="confirmed already"):
        sources.confirm_schema(world.people.steward, snapshot, schema=schema)
    with pytest.raises(Refused, match="still being prepared"):
        build.upload(world.people.steward, snapshot.source, SMALL + b"P0001,4010232137,33,F\n")


@pytest.mark.promise("deidentify.4")
def test_after_confirmation_the_working_copy_holds_no_identifier_and_the_raw_upload_is_destroyed_on_record(world: World) -> None:
    snapshot = profiled(world)
    raw = sources.raw_data(snapshot)
    schema = DatasetSchema.from_dict(snapshot.proposed_schema)
    assert schema.tables[0].person_key == "patient_id"
    assert schema.tables[0].column("nhs_number").role is Role.DIRECT_IDENTIFIER
    sources.confirm_schema(world.people.steward, snapshot, schema=schema)
    assert raw.exists(), "kept until the working copy is there"
    build.work()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.READY
    assert not raw.parent.exists()
    record = DestructionRecord.objects.get(snapshot=snapshot)
    assert (record.sha256, record.size) == (snapshot.sha256, len(SMALL))
    assert AuditEvent.objects.filter(action="destroy_raw", target_id=str(snapshot.pk)).count() == 1
    kept = [p for p in everything("working") if p.suffix == ".parquet" and str(record.run_id) in str(p)]
    assert len(kept) == 3  # the copy, train, holdout
    for path in kept:
        table = pq.read_table(path)
        assert table.column_names == ["patient_id", "age", "sex"]
        assert not any(str(value).startswith("P0") for value in table["patient_id"].to_pylist())
    with pytest.raises(InputError, match="not there any more"):
        sources.raw_data(snapshot)
    split = snapshot.split
    assert split.by_person
    assert split.train_persons + split.holdout_persons == 60
    assert split.train_rows + split.holdout_rows == 120


@pytest.mark.promise("register.18")
def test_a_second_file_is_the_next_snapshot_compared_with_the_last_and_keeps_what_was_decided(world: World) -> None:
    first = profiled(world)
    schema = DatasetSchema.from_dict(first.proposed_schema)
    table = schema.tables[0]
    decided = replace(
        table, columns=tuple(replace(c, kind=Kind.CATEGORICAL, description="in years") if c.name == "age" else c for c in table.columns)
    )
    sources.confirm_schema(world.people.steward, first, schema=replace(schema, tables=(decided,)))
    build.work()
    lines = SMALL.decode().splitlines()
    wider = "\n".join([lines[0] + ",ward", *(line + ",A" for line in lines[1:])]).encode() + b"\n"
    build.upload(world.people.steward, first.source, wider, name="a new name for the same table.csv")
    build.work()
    second = first.source.latest_snapshot
    assert second is not None
    assert (second.number, second.state) == (2, Snapshot.State.PROFILED)
    assert second.source.current_snapshot == first, "the old one is used until the new one is ready"
    assert len(second.drift) == 1
    assert 'column "ward"' in second.drift[0]
    carried = DatasetSchema.from_dict(second.proposed_schema).tables[0]
    assert carried.name == decided.name
    assert carried.column("age") == decided.column("age")
    assert carried.person_key == "patient_id"


@pytest.mark.promise("register.39")
def test_the_data_model_is_recognised_chosen_by_the_steward_and_carried_to_the_next_snapshot_and_the_release(
    world: World, tmp_path: Path
) -> None:
    first = profiled(world)
    steward = world.people.steward
    schema = DatasetSchema.from_dict(first.proposed_schema)
    omop = replace(schema.tables[0], name="person", columns=(ColumnSchema("gender_concept_id", Kind.CATEGORICAL, "int64"),))
    assert (data_models.proposed(first, schema), data_models.proposed(first, DatasetSchema((omop,)))) == ("", "OMOP CDM")
    for wrong in ("x" * 101, "OMOP\u202e"):
        with pytest.raises(InputError, match="data model"):
            sources.confirm_schema(steward, first, schema=build.confirmed_schema(first), data_model=wrong)
    first.refresh_from_db()
    assert first.data_model is None
    sources.confirm_schema(steward, first, schema=build.confirmed_schema(first), data_model="  omop cdm  5.4 ")
    build.work()
    first.refresh_from_db()
    assert first.data_model == "OMOP CDM 5.4"
    assert AuditEvent.objects.filter(action="confirm_schema").latest("sequence").payload["data_model"] == "OMOP CDM 5.4"
    build.upload(steward, first.source, SMALL + b"P0001,4010232137,33,F\n")
    build.work()
    second = first.source.latest_snapshot
    assert second is not None
    assert data_models.proposed(second, schema) == "OMOP CDM 5.4"
    sources.confirm_schema(steward, second, schema=build.confirmed_schema(second), data_model="")
    second.refresh_from_db()
    assert data_models.followed(second, DatasetSchema((omop,))) == "", "a steward's word goes before a name"
    version = world.ready.version
    assert version is not None
    for number, (said, published) in enumerate(((None, None), ("Our own warehouse", "Our own warehouse"))):
        Snapshot.objects.filter(pk=version.snapshot.pk).update(data_model=said)
        folder = tmp_path / str(number)
        evidence.build_capsule(ReleaseRequest.objects.get(pk=world.ready.pk), folder, slug="any", version=1)
        assert json.loads((folder / "manifest.json").read_bytes()).get("data_model") == published


def test_an_older_file_nobody_confirmed_cannot_be_confirmed_any_more_and_goes_with_the_newer_one(world: World) -> None:
    first = profiled(world)
    raw = sources.raw_data(first)
    build.upload(world.people.steward, first.source, SMALL + b"P0001,4010232137,33,F\n")
    build.work()
    with pytest.raises(Refused, match="A newer file"):
        sources.confirm_schema(world.people.steward, first, schema=build.confirmed_schema(first))
    second = first.source.latest_snapshot
    assert second is not None
    sources.confirm_schema(world.people.steward, second, schema=build.confirmed_schema(second))
    build.work()
    assert not raw.exists()
    assert first.destructions.exists()


def test_a_schema_the_data_do_not_fit_can_be_corrected(world: World) -> None:
    snapshot = profiled(world, SMALL + b"P0001,4010232137,,F\n")
    schema = DatasetSchema.from_dict(snapshot.proposed_schema)
    table = schema.tables[0]
    wrong = tuple(replace(c, kind=Kind.DATE, storage="date32", format="%Y-%m-%d") if c.name == "sex" else c for c in table.columns)
    run = sources.confirm_schema(world.people.steward, snapshot, schema=replace(schema, tables=(replace(table, columns=wrong),)))
    build.work()
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert '"sex"' in run.reason
    snapshot.refresh_from_db()
    sources.confirm_schema(world.people.steward, snapshot, schema=schema)
    build.work()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.READY
    with pytest.raises(Refused, match="A newer run took"):
        runs.retry_run(world.people.steward, run)


@pytest.mark.promise("register.19")
def test_the_database_forbids_half_a_confirmation(world: World) -> None:
    snapshot = profiled(world)
    with pytest.raises(DatabaseError), transaction.atomic():
        Snapshot.objects.filter(pk=snapshot.pk).update(schema_digest="x")
    with pytest.raises(DatabaseError), transaction.atomic():
        Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.READY)


def test_nothing_is_written_outside_the_zones_own_folder(world: World) -> None:
    assert Path(settings.SYNTHPORTAL_SECURE_FILES).is_relative_to(Path(settings.SYNTHPORTAL_VAR))
    with pytest.raises(ValueError, match="no such folder"):
        files.folder("elsewhere")


def test_the_tokenisation_key_is_made_private_and_refused_when_others_can_read_it(tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    settings.SYNTHPORTAL_TOKENISATION_KEY = tmp_path / "keys" / "tokenisation.key"
    tokens, split = files.key("tokens"), files.key("split")
    assert tokens != split
    assert tokens == files.key("tokens")
    assert stat.S_IMODE(settings.SYNTHPORTAL_TOKENISATION_KEY.stat().st_mode) == 0o600
    settings.SYNTHPORTAL_TOKENISATION_KEY.chmod(0o644)
    with pytest.raises(InputError, match="can be read by others"):
        files.key("tokens")
