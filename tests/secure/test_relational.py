"""Datasets of several tables on the secure site: sent, understood, prepared, asked for, generated, evaluated, reviewed, published."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from generators.errors import InputError
from generators.schema import DatasetSchema, ForeignKey, Kind, Role
from releases import files, jobs, selection, stored
from releases.capsule.verify import verify
from releases.models import AuditEvent, DestructionRecord, Run, Snapshot, SourceDataset, SyntheticVersion, WorkingCopy
from releases.services import publishing, runs, sources
from tests.secure import relational
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.drawn_forms import drawn
from tests.secure.test_pages_site import signed_in, words


def sent_by_form(client: Client, source: SourceDataset, content: dict[str, bytes]) -> Any:
    uploads = [SimpleUploadedFile(name, each) for name, each in content.items()]
    return client.post(reverse("source-data", args=[source.pk]), {"file": uploads, "end": "of form"})


def registered(world: World, title: str) -> SourceDataset:
    return sources.register_source(world.people.steward, title=title, description="x", controller="y", subject="z")


def uploads() -> list[Path]:
    return [path for path in files.folder("uploads").rglob("*") if path.is_file()]


@contextmanager
def nothing_kept() -> Iterator[None]:
    before = (uploads(), Snapshot.objects.count(), Run.objects.count())
    yield
    assert (uploads(), Snapshot.objects.count(), Run.objects.count()) == before


def latest(source: SourceDataset) -> Snapshot:
    snapshot = source.latest_snapshot
    assert snapshot is not None
    return snapshot


# From the files to the catalogue's files


@pytest.mark.promise("register.30")
@pytest.mark.promise("register.33")
@pytest.mark.promise("request.30")
@pytest.mark.promise("request.31")
@pytest.mark.promise("publish.40")
def test_a_dataset_of_several_tables_goes_the_whole_way_through_the_pages(world: World, tmp_path: Path) -> None:
    steward = signed_in(world.people.steward)
    source = registered(world, "Hospital stays")
    content = relational.tables()
    assert sent_by_form(steward, source, content).status_code == 302
    snapshot = latest(source)
    assert {f["name"]: f["sha256"] for f in snapshot.files} == {n: hashlib.sha256(c).hexdigest() for n, c in content.items()}
    build.work()

    # Understood: names looked at, one changed; the vocabulary said to be one; names of people said to be such.
    address = reverse("schema", args=[snapshot.pk])
    page = steward.get(address)
    form = drawn(page.content)
    names = {f"t{i}-name": table for i, table in enumerate(relational.TABLES)}
    assert names.items() <= form.items()
    unsure = steward.post(address, form)
    assert unsure.status_code == 422
    assert "Look at the tables' names" in words(unsure)
    assert "say that it was published by somebody else" in words(unsure)
    person = DatasetSchema.from_dict(Snapshot.objects.get(pk=snapshot.pk).proposed_schema).table("person")
    form |= {"names-sure": "yes", "t0-public-sure": "yes", "t3-name": "stay"}
    form[f"t2-c{person.names.index('full_name')}-role"] = Role.DIRECT_IDENTIFIER
    asked = steward.post(address, form)
    assert asked.status_code == 200, words(asked)[:2000]
    assert "the 4 files you sent are destroyed" in words(asked)
    assert "concept, diagnosis, person, stay" in words(asked)
    assert steward.post(address, drawn(asked.content)).status_code == 302
    build.work()

    # Prepared: the vocabulary on neither side, nobody's name anywhere, every raw file destroyed with its record.
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.READY, snapshot.runs.first()
    assert set(snapshot.split.train) == set(snapshot.split.holdout) == {"diagnosis", "person", "stay"}
    assert snapshot.split.by_person
    assert {t["name"] for t in snapshot.working_copy.tables} == {"concept", "diagnosis", "person", "stay"}
    assert not (files.folder("uploads") / str(snapshot.pk)).exists()
    records = DestructionRecord.objects.filter(snapshot=snapshot)
    assert {r.sha256 for r in records} == {f["sha256"] for f in snapshot.files}
    assert {r.what for r in records} == {f"raw upload, file {n} of 4" for n in (1, 2, 3, 4)}
    for path in (files.folder("working") / str(snapshot.working_copy.run_id)).rglob("*.parquet"):
        assert b"Person Number" not in b"".join(str(v).encode() for v in pq.read_table(path).to_pylist())

    # Summarised, asked for table by table, generated at the size of the source, evaluated.
    build.summary(world.people.steward, source)
    asked_for = build.draft(world.people.steward, source, "Stays for teaching")
    build.describe(world.people.steward, asked_for, "publicly-sourced", variables={})
    form = drawn(steward.get(reverse("variables", args=[asked_for.pk])).content)
    assert sum(name.endswith("-why") for name in form) == 7, "keys and vocabularies are not asked for"
    form |= {"t1-every": "yes", "t2-every": "yes", "why-all": "The exercises use them."}
    assert steward.post(reverse("variables", args=[asked_for.pk]), form).status_code == 302
    asked_for.refresh_from_db()
    assert set(asked_for.variables) == {"person.sex", "person.birth_year", "stay.ward", "stay.started", "stay.ended"}
    form = drawn(steward.get(reverse("generate", args=[asked_for.pk]), {"method": "marginal"}).content)
    assert (form["rows"], form["size"]) == ("", "100")
    neither = steward.post(reverse("generate", args=[asked_for.pk]), form | {"size": ""})
    assert "one of the two" in words(neither)
    assert steward.post(reverse("generate", args=[asked_for.pk]), form).status_code == 302
    build.work()
    version = SyntheticVersion.objects.get(request=asked_for)
    rows = {f["table"]: f["rows"] for f in version.files}
    assert set(rows) == {"person", "stay"}
    assert 1_400 <= rows["person"] <= 1_800
    assert 1.5 <= rows["stay"] / rows["person"] <= 2.1
    assert version.rows == sum(rows.values())
    evidence = words(steward.get(reverse("version", args=[version.pk])))
    assert "Every hard gate" in evidence or "passed" in evidence
    for name in ("person: sex", "stay: ward"):
        assert name in evidence.replace("person.sex", "person: sex").replace("stay.ward", "stay: ward")

    # Reviewed and published: every table as Parquet and CSV, keys that fit.
    relational.submitted(world.people.steward, asked_for, version)
    reviewed = words(signed_in(world.people.ig).get(reverse("review", args=[asked_for.pk])))
    assert "stay.ward" in reviewed
    build.decide(world.people.ig, asked_for)
    signer = build.signer()
    publication = publishing.publish_next(signer, tmp_path / "lake")
    assert publication is not None, asked_for.publication.problem
    place = tmp_path / "lake" / "open" / publication.slug / "1"
    verify(place, signer.trusted())
    assert {p.name for p in (place / "data").iterdir()} == {f"{t}.{kind}" for t in ("person", "stay") for kind in ("parquet", "csv")}
    keys = set(pq.read_table(place / "data" / "person.parquet")["person_id"].to_pylist())
    assert len(keys) == rows["person"]
    assert set(pq.read_table(place / "data" / "stay.parquet")["person_id"].to_pylist()) <= keys
    assert set(json.loads((place / "manifest.json").read_text())["variables"]) == set(asked_for.variables)


@pytest.mark.promise("request.32")
def test_a_release_holds_what_was_asked_for_and_the_keys_that_hold_it_together_and_no_more(world: World) -> None:
    source = relational.prepared(world.people.steward, "Selected")
    whole = stored.working_schema(latest(source))
    part = selection.selected(whole, ["diagnosis.severity", "person.sex"])
    held = {t.name: set(t.names) for t in part.tables}
    assert held == {
        "diagnosis": {"diagnosis_id", "visit_id", "severity"},
        "person": {"person_id", "sex"},
        "visit": {"visit_id", "person_id"},
    }
    assert part.table("visit").foreign_keys == (ForeignKey(("person_id",), "person", ("person_id",)),)
    coded = selection.selected(whole, ["diagnosis.concept_id"])
    assert set(t.name for t in coded.tables) == {"diagnosis", "visit", "concept"}
    assert coded.table("concept") == whole.table("concept")
    DatasetSchema.from_dict(part.as_dict())
    summary = stored.summary(build.summary(world.people.steward, source))
    told = selection.selected_summary(summary, whole, part)
    assert {(t.name, c.name) for t in told.tables for c in t.columns} == {(t, c) for t, names in held.items() for c in names}
    assert {(r.child, r.parent) for r in told.relationships} == {("diagnosis", "visit"), ("visit", "person")}
    alone = selection.selected_summary(summary, whole, selection.selected(whole, ["person.sex"]))
    assert alone.relationships == ()


# How data come in


@pytest.mark.promise("register.30")
def test_a_zip_archive_is_unpacked_into_the_same_dataset_whatever_folder_it_is_in(world: World) -> None:
    content = relational.tables(60)
    digests = set()
    for folder in ("", "export/of today"):
        source = registered(world, f"Zip in {folder!r}")
        archive = relational.archive(content | {"README.md": b"hello", "__MACOSX/._visit.csv": b"x", ".hidden.csv": b"a\n1\n"}, folder)
        response = sent_by_form(signed_in(world.people.steward), source, {"export.zip": archive})
        assert response.status_code == 302, words(response)
        digests.add(latest(source).sha256)
        assert {f["path"] for f in latest(source).files} == set(content)
        build.work()
        assert latest(source).state == Snapshot.State.PROFILED
    assert len(digests) == 1, "one digest over all files"


@pytest.mark.promise("register.31")
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"all.zip": b"PK\x03\x04 not really"}, "damaged"),
        ({"all.zip": relational.archive({"a/b/c/visit.csv": b"a\n1\n", "person.csv": b"a\n1\n"})}, "folders within folders"),
        ({"all.zip": relational.archive({"notes.docx": b"x"})}, "holds no CSV or Parquet"),
        ({"all.zip": relational.archive({"visit.csv": b"a\n1\n", "person.csv": b""})}, "“person.csv”: the file is empty"),
        ({"all.zip": relational.archive({"visit.csv": b"a\n1\n", "VISIT.csv": b"a\n1\n"})}, "would become one file"),
        ({"all.zip": relational.archive({"visit.csv": b"a\n1\n"}), "person.csv": b"a\n1\n"}, "send a zip archive by itself"),
        ({"visit.csv": b"a\n1\n", "letter.docx": b"x"}, "“letter.docx” is neither CSV nor Parquet"),
        ({"visit.csv": b"a\n1\n", "person.csv": b""}, "“person.csv”: the file is empty"),
    ],
)
def test_files_that_cannot_be_taken_are_named_and_nothing_is_kept(world: World, content: dict[str, bytes], sentence: str) -> None:
    source = registered(world, "Refused")
    with nothing_kept():
        response = sent_by_form(signed_in(world.people.steward), source, content)
    assert response.status_code == 400
    assert sentence in words(response)


@pytest.mark.promise("register.31")
def test_an_archive_that_unpacks_to_more_than_the_site_accepts_is_refused_before_it_is_unpacked(world: World, settings) -> None:  # type: ignore[no-untyped-def]
    settings.SYNTHPORTAL_MAX_UPLOAD_BYTES = 100_000
    bomb = relational.archive({"visit.csv": b"a\n" + b"1\n" * 1_000_000, "person.csv": b"a\n1\n"})
    assert len(bomb) < 100_000
    with nothing_kept():
        assert "together larger" in words(sent_by_form(signed_in(world.people.steward), registered(world, "Bomb"), {"all.zip": bomb}))
    # One that lies about the size of a member is cut there, and found out.
    honest = relational.archive({"visit.csv": b"a\n" + b"1\n" * 1_000_000})
    size = struct.pack("<I", 2 + 2_000_000)
    with nothing_kept():
        lying = honest.replace(size, struct.pack("<I", 500))
        assert sent_by_form(signed_in(world.people.steward), registered(world, "Lie"), {"all.zip": lying}).status_code == 400


@pytest.mark.promise("register.31")
def test_a_member_whose_name_leads_elsewhere_stays_in_its_own_folder(world: World) -> None:
    archive = relational.archive(
        {"../../../etc/visit.csv": b"a,b\n1,2\n2,3\n", "/person.csv": b"a,b\n1,2\n2,3\n", "..\\up.csv": b"a,b\n1,2\n"}
    )
    source = registered(world, "Slip")
    assert sent_by_form(signed_in(world.people.steward), source, {"all.zip": archive}).status_code == 302
    snapshot = latest(source)
    root = files.folder("uploads") / str(snapshot.pk) / "tables"
    assert sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) == ["etc/visit.csv", "person.csv", "up.csv"]


@pytest.mark.promise("register.32")
def test_a_folder_may_be_pointed_at_is_read_where_it_lies_and_not_when_it_changes(world: World, tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    settings.SYNTHPORTAL_SECURE_FOLDERS = [tmp_path / "allowed"]
    folder = tmp_path / "allowed" / "extract"
    (folder / "visit").mkdir(parents=True)
    content = relational.tables(200)
    header, *rows = content.pop("visit.csv").splitlines(keepends=True)
    (folder / "visit" / "2022.csv").write_bytes(header + b"".join(rows[:100]))
    (folder / "visit" / "2023.csv").write_bytes(header + b"".join(rows[100:]))
    for name, each in content.items():
        (folder / name).write_bytes(each)
    (folder / "readme.txt.bak").write_bytes(b"not data")
    source = registered(world, "Pointed folder")
    snapshot = sources.point_at_file(world.people.steward, source, path=str(folder))
    build.work()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.PROFILED, snapshot.runs.get().reason
    assert set(snapshot.table_names.values()) == set(relational.TABLES), "a folder in it is one table"
    (folder / "late.csv").write_bytes(b"a\n1\n")
    with pytest.raises(InputError, match=r"“late.csv” of snapshot 1 was changed"):
        sources.raw_data(snapshot)
    (folder / "late.csv").unlink()
    sources.confirm_schema(world.people.steward, snapshot, schema=relational.careful(snapshot), published_names=relational.TABLES)
    build.work()
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.READY, snapshot.runs.first()
    assert (folder / "visit" / "2022.csv").exists(), "not ours to destroy"
    assert not snapshot.destructions.exists()
    (tmp_path / "secret.csv").write_bytes(b"a\n1\n")
    (folder / "leak.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(InputError, match="leads out of the allowed folders"):
        sources.point_at_file(world.people.steward, source, path=str(folder))


# The schema of several tables


@pytest.mark.promise("register.33")
def test_the_names_of_several_tables_are_published_only_after_a_steward_said_so(world: World) -> None:
    source = relational.registered(world.people.steward, "Named", relational.tables(200))
    snapshot = latest(source)
    schema = relational.careful(snapshot)
    for names in ((), relational.TABLES[:-1]):
        with pytest.raises(InputError, match="names of the tables are published"):
            sources.confirm_schema(world.people.steward, snapshot, schema=schema, published_names=names)
    for wrong in ("../visit", "Visit of Mrs. Jones", "person"):
        renamed = replace(schema, tables=tuple(replace(t, name=wrong) if t.name == "visit" else t for t in schema.tables))
        with pytest.raises(InputError):
            sources.confirm_schema(
                world.people.steward, snapshot, schema=renamed, renamed={"visit": wrong}, published_names=[t.name for t in renamed.tables]
            )
    assert latest(source).state == Snapshot.State.PROFILED


@pytest.mark.promise("register.34")
def test_references_keys_and_vocabularies_are_corrected_on_the_page(world: World) -> None:
    source = relational.registered(world.people.steward, "Corrected", relational.tables(200))
    snapshot = latest(source)
    client, address = signed_in(world.people.steward), reverse("schema", args=[snapshot.pk])
    form = drawn(client.get(address).content) | {"names-sure": "yes", "t0-public-sure": "yes"}
    # Remove the reference of diagnoses to visits; the page asks who the patient is, then the reference is added again.
    assert json.loads(form["t1-ref0-is"]) == [["visit_id"], 3, ["visit_id"]] or json.loads(form["t1-ref1-is"])[1] == 3
    number = 0 if json.loads(form["t1-ref0-is"])[1] == 3 else 1
    without = {k: v for k, v in form.items() if k != f"t1-ref{number}"}
    added = without | {"step": "add", "t1-add-c0": "=visit_id", "t1-add-to": json.dumps([3, ["visit_id"]])}
    again = client.post(address, added)
    assert again.status_code == 200
    assert drawn(again.content)[f"t1-ref{number}"] == "yes"
    wrong = client.post(address, form | {"t1-add-c0": "=visit_id", "t1-add-c1": "=severity", "t1-add-to": json.dumps([3, ["visit_id"]])})
    assert wrong.status_code == 422
    assert "needs 1 of this table's columns" in words(wrong)
    circle = client.post(address, form | {"t2-add-c0": "=birth_year", "t2-add-to": json.dumps([1, ["diagnosis_id"]])})
    assert circle.status_code == 422
    assert "round in a circle" in words(circle)
    forged = client.post(address, form | {"t1-ref0-is": json.dumps([["visit_id"], 99, ["x"]])})
    assert forged.status_code == 422
    patients = client.post(address, form | {"t2-public": "yes", "t2-public-sure": "yes"})
    assert "a public vocabulary has no patients" in words(patients)
    sure = client.post(address, without)
    assert client.post(address, drawn(sure.content)).status_code == 302
    confirmed = DatasetSchema.from_dict(Snapshot.objects.get(pk=snapshot.pk).confirmed_schema)
    assert [k.parent for k in confirmed.table("diagnosis").foreign_keys] == ["concept"]
    assert confirmed.table("diagnosis").column("concept_id").kind is Kind.CATEGORICAL


@pytest.mark.promise("register.35")
def test_rules_that_were_found_are_obeyed_only_when_the_steward_ticks_them(world: World) -> None:
    source = relational.registered(world.people.steward, "Ruled")
    snapshot = latest(source)
    texts = [rule["text"] for rule in snapshot.proposed_rules if rule["table"] == "visit"]
    assert any("started" in text and "ended" in text for text in texts), snapshot.proposed_rules
    client, address = signed_in(world.people.steward), reverse("schema", args=[snapshot.pk])
    form = drawn(client.get(address).content) | {"names-sure": "yes", "t0-public-sure": "yes"}
    assert not any("-rule" in name and not name.endswith("-rules") for name in form), "none is taken by itself"
    asked = client.post(address, form | {"t3-rule0": "yes"})
    assert client.post(address, drawn(asked.content)).status_code == 302
    confirmed = DatasetSchema.from_dict(Snapshot.objects.get(pk=snapshot.pk).confirmed_schema)
    assert [rule.text for rule in confirmed.table("visit").rules] == texts[:1]


@pytest.mark.promise("register.36")
def test_a_new_snapshot_of_several_tables_keeps_names_keys_and_decisions_and_says_what_changed(world: World) -> None:
    steward = world.people.steward
    source = relational.registered(steward, "Again", relational.tables(200))
    first = latest(source)
    schema = relational.careful(first)
    schema = replace(
        schema,
        tables=tuple(
            replace(
                t,
                name="stay" if t.name == "visit" else t.name,
                foreign_keys=tuple(replace(k, parent="stay") if k.parent == "visit" else k for k in t.foreign_keys),
            )
            for t in schema.tables
        ),
    )
    sources.confirm_schema(steward, first, schema=schema, renamed={"visit": "stay"}, published_names=[t.name for t in schema.tables])
    build.work()
    assert latest(source).state == Snapshot.State.READY, latest(source).runs.first()
    content = relational.tables(220, seed=2)
    content["concept.csv"] = content["concept.csv"].replace(b"concept_id,concept_name", b"concept_id,concept_label")
    sources.receive_files(steward, source, sent=relational.incoming(content))
    build.work()
    second = latest(source)
    assert second.number == 2
    proposed = DatasetSchema.from_dict(second.proposed_schema)
    assert {t.name for t in proposed.tables} == {"concept", "diagnosis", "person", "stay"}
    assert proposed.table("person") == schema.table("person")
    assert proposed.table("diagnosis").foreign_keys == schema.table("diagnosis").foreign_keys
    assert second.drift == [
        'column "concept_name" of table "concept" is no longer there',
        'column "concept_label" of table "concept" is new: categorical, other',
    ]


# Failures


@pytest.mark.promise("register.37")
def test_one_bad_file_of_several_fails_by_name_and_nothing_is_half_saved(world: World) -> None:
    source = relational.registered(
        world.people.steward, "One bad", relational.tables(60) | {"visit.csv": b'visit_id,person_id\n1,"2\n3,4\n'}
    )
    snapshot = latest(source)
    run = snapshot.runs.get()
    assert (snapshot.state, run.state) == (Snapshot.State.RECEIVED, Run.State.FAILED)
    assert '"visit.csv"' in run.reason
    assert snapshot.proposed_schema is None
    assert not (files.folder("working") / str(run.pk)).exists()


@pytest.mark.promise("register.37")
@pytest.mark.parametrize(
    ("name", "change", "parts"),
    [
        ("diagnosis.csv", lambda c: c + b"999999,123,101,1\n", ("diagnosis", "visit_id")),
        ("person.csv", lambda c: c + c.splitlines(keepends=True)[1], ("person", "person_id")),
    ],
    ids=["a dangling key", "a primary key twice"],
)
def test_keys_that_do_not_hold_fail_the_preparation_by_table_and_column(
    world: World, name: str, change: Any, parts: tuple[str, ...]
) -> None:
    content = relational.tables(300)
    source = relational.registered(world.people.steward, "Keys", content | {name: change(content[name])})
    snapshot = latest(source)
    schema = relational.careful(snapshot)
    key = ForeignKey(("visit_id",), "visit", ("visit_id",))
    by_hand = {
        "diagnosis": lambda t: replace(t, foreign_keys=(key, *(k for k in t.foreign_keys if k.parent != "visit"))),
        "person": lambda t: replace(t, primary_key=("person_id",)),
    }
    schema = replace(schema, tables=tuple(by_hand.get(t.name, lambda t: t)(t) for t in schema.tables))
    run = sources.confirm_schema(world.people.steward, snapshot, schema=schema, published_names=relational.TABLES)
    build.work()
    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert all(f'"{part}"' in run.reason for part in parts), run.reason
    assert not WorkingCopy.objects.filter(snapshot=snapshot).exists()
    assert not (files.folder("working") / str(run.pk)).exists()
    assert sources.raw_data(snapshot).is_dir(), "the upload is kept until a working copy is made"
    # The steward leaves the reference out, or mends the file; the same snapshot can be confirmed again.
    assert signed_in(world.people.steward).get(reverse("schema", args=[snapshot.pk])).status_code == 200


@pytest.mark.promise("register.37")
def test_a_preparation_of_several_tables_that_is_cancelled_half_way_leaves_nothing(world: World) -> None:
    source = relational.registered(world.people.steward, "Cancelled", relational.tables(300))
    snapshot = latest(source)
    run = sources.confirm_schema(world.people.steward, snapshot, schema=relational.careful(snapshot), published_names=relational.TABLES)
    from releases.stages import STAGES

    claimed = runs.claim(str(run.pk), run.token)
    assert claimed is not None
    from generators.errors import Cancelled

    def reporter(stage: str, fraction: float, rows: int | None = None, total: int | None = None) -> None:
        if fraction > 0.65:  # within the second table's working copy
            runs.cancel_run(world.people.steward, Run.objects.get(pk=run.pk)) if not Run.objects.get(
                pk=run.pk
            ).cancel_requested_at else None
        runs.report(str(run.pk), run.token, stage, fraction, rows, total)

    with pytest.raises(Cancelled):
        STAGES["prepare"](claimed, run.token, reporter)
    runs.stopped(str(run.pk), run.token)
    assert not WorkingCopy.objects.filter(snapshot=snapshot).exists()
    assert not (files.folder("working") / str(run.pk)).exists()
    runs.retry_run(world.people.steward, Run.objects.get(pk=run.pk))
    jobs.perform_queued()
    assert latest(source).state == Snapshot.State.READY


@pytest.mark.promise("register.33")
def test_a_files_name_is_in_no_audit_event(world: World) -> None:
    content = relational.tables(60)
    content["smith_jane.csv"] = content.pop("person.csv")
    relational.registered(world.people.steward, "Audited", content)
    assert "smith" not in json.dumps(list(AuditEvent.objects.values_list("payload", flat=True)))
