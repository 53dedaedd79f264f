"""The secure site's pages through the test client: what waits, what is refused, what is streamed, what a page never holds."""

from __future__ import annotations

import io
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.html import escape

from evaluation.definitions import DEFINITIONS
from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, TableSchema
from releases import overrides, permissions
from releases.models import Account, ReleaseRequest, Run, SignOff, Snapshot, SourceDataset
from releases.services import requests, sources
from releases.views import uploads
from releases.views.schema_columns import KIND_WORDS, ROLE_WORDS
from releases.views.schema_form import SchemaForm
from tests.secure import world as build
from tests.secure.conftest import World

BACKEND = "django.contrib.auth.backends.ModelBackend"


def signed_in(account: Account) -> Client:
    client = Client()
    client.force_login(account, backend=BACKEND)
    return client


def words(response: Any) -> str:
    """The page as a person reads it: entities resolved, tags and runs of blanks gone."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def empty_source(steward: Account, title: str) -> SourceDataset:
    return sources.register_source(steward, title=title, description="Simulated.", controller="Hospital", subject="emergency care")


# Signing in


@pytest.mark.promise("pages.36")
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer_and_five_lock_the_address(world: World) -> None:
    client, address = Client(), reverse("sign-in")
    wrong = client.post(address, {"username": "steward@hospital.test", "password": "wrong"}, REMOTE_ADDR="10.0.0.9")
    unknown = client.post(address, {"username": "somebody@hospital.test", "password": "wrong"}, REMOTE_ADDR="10.0.0.9")
    assert wrong.status_code == unknown.status_code == 422
    assert "The e-mail address or the password is wrong." in words(wrong)
    assert "The e-mail address or the password is wrong." in words(unknown)
    answers = [
        client.post(address, {"username": "steward@hospital.test", "password": "wrong"}, REMOTE_ADDR="10.0.0.9").status_code
        for _ in range(4)
    ]
    assert answers[-1] == 429
    locked = client.post(address, {"username": "steward@hospital.test", "password": build.PASSWORD}, REMOTE_ADDR="10.0.0.9")
    assert locked.status_code == 429
    assert "Wait 1 minute " in words(locked)


def test_signing_in_leads_to_the_page_that_was_asked_for_and_never_off_this_site(world: World) -> None:
    given = {"username": "Steward@Hospital.test", "password": build.PASSWORD}
    asked_for = Client().post(reverse("sign-in"), {**given, "next": "/sources/"})
    assert (asked_for.status_code, asked_for["Location"]) == (302, "/sources/")
    away = Client().post(reverse("sign-in"), {**given, "next": "https://elsewhere.test/"})
    assert (away.status_code, away["Location"]) == (302, "/")


# Home


@pytest.mark.promise("pages.37")
def test_home_shows_a_reviewer_what_waits_and_not_what_they_may_not_sign(world: World) -> None:
    submitted = requests.submit(world.people.steward, world.ready_marginal)
    assert submitted.title in words(signed_in(world.people.ig).get("/"))
    sdat = words(signed_in(world.people.sdat).get("/"))
    assert "Nothing is waiting for you." in sdat


@pytest.mark.promise("pages.37")
def test_home_shows_the_requester_why_a_request_came_back_and_a_newcomer_the_next_sensible_thing(world: World) -> None:
    build.decide(world.people.ig, requests.submit(world.people.steward, world.ready), "return")
    page = words(signed_in(world.people.steward).get("/"))
    assert "Returned to me" in page
    assert "Say which years the visits are from." in page
    assert "Begin by registering a dataset." in words(signed_in(world.people.outsider).get("/"))
    assert "ask an administrator" in words(signed_in(world.people.nobody).get("/"))


# Receiving a file


@pytest.mark.promise("pages.38")
def test_a_file_sent_by_a_browser_becomes_a_snapshot_and_no_copy_of_it_stays_anywhere_else(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = empty_source(world.people.outsider, "Uploaded")
    content = build.emergency_csv(60, 9_101)  # no other test sends these rows
    with override_settings(FILE_UPLOAD_MAX_MEMORY_SIZE=1):
        response = signed_in(world.people.outsider).post(
            reverse("source-data", args=[source.pk]), {"file": SimpleUploadedFile("../../visits.csv", content), "end": "of form"}
        )
    snapshot = Snapshot.objects.get(source=source)
    assert response["Location"] == reverse("run", args=[snapshot.runs.get().pk])
    assert (snapshot.size, snapshot.original_name) == (len(content), "visits.csv")
    assert list(tmp_path.rglob("*")) == []
    held = [p for p in Path(settings.SYNTHPORTAL_SECURE_FILES).rglob("*") if p.is_file() and p.read_bytes() == content]
    assert len(held) == 1


@pytest.mark.promise("pages.38")
def test_an_upload_cut_half_way_leaves_nothing(world: World) -> None:
    source = empty_source(world.people.outsider, "Cut")
    response = signed_in(world.people.outsider).post(
        reverse("source-data", args=[source.pk]), {"file": SimpleUploadedFile("visits.csv", b"a,b\n1,2\n")}
    )
    assert response.status_code == 400
    assert "the connection was cut" in words(response)
    assert not Snapshot.objects.filter(source=source).exists()


@pytest.mark.promise("pages.38")
def test_a_file_over_the_limit_is_refused_before_it_is_kept(world: World) -> None:
    source = empty_source(world.people.outsider, "Large")
    with override_settings(SYNTHPORTAL_MAX_UPLOAD_BYTES=100):
        response = signed_in(world.people.outsider).post(
            reverse("source-data", args=[source.pk]), {"file": SimpleUploadedFile("visits.csv", b"a,b\n" + b"1,2\n" * 50), "end": "of form"}
        )
    assert response.status_code == 400
    assert "larger than" in words(response)
    assert not Snapshot.objects.filter(source=source).exists()


def test_the_upload_handler_refuses_by_announced_length_and_says_so_when_the_disk_is_full(tmp_path: Path) -> None:
    request = HttpRequest()
    handler = uploads.SecureUploadHandler(request, tmp_path / "uploads", 1000)
    with pytest.raises(uploads.StopUpload):
        handler.handle_raw_input(io.BytesIO(), {}, 1000 + uploads.FORM_ALLOWANCE + 1, b"")
    handler.new_file("file", "visits.csv", "text/csv", None)
    assert list((tmp_path / "uploads").iterdir()) == []  # the file has no name
    assert handler.spool is not None
    handler.spool.close()
    full = open("/dev/full", "wb", buffering=0)
    handler.spool = full
    with pytest.raises(uploads.StopUpload):
        handler.receive_data_chunk(b"1,2\n", 0)
    handler.upload_interrupted()
    assert full.closed
    request.upload_handlers = [handler]
    with pytest.raises(InputError, match="no room left"):
        uploads.complete(request)


def test_a_file_that_lies_elsewhere_cannot_be_pointed_at(world: World, tmp_path: Path) -> None:
    source = empty_source(world.people.outsider, "Pointed")
    (tmp_path / "visits.csv").write_bytes(build.emergency_csv(60, 3))
    with override_settings(SYNTHPORTAL_SECURE_FOLDERS=[tmp_path]):
        client, address = signed_in(world.people.outsider), reverse("source-data", args=[source.pk])
        assert client.post(address, {"path": "/etc/passwd", "end": "of form"}).status_code == 400
        assert client.post(address, {"path": str(tmp_path / "visits.csv"), "end": "of form"}).status_code == 302


# The schema page


@pytest.mark.slow
@pytest.mark.promise("pages.39")
def test_the_schema_page_works_for_two_thousand_columns(world: World) -> None:
    columns = tuple(ColumnSchema(f"column_{i}", Kind.CATEGORICAL, "string") for i in range(2000))
    form = SchemaForm(DatasetSchema((TableSchema("wide", columns),)))
    snapshot = world.source.latest_snapshot
    context = {
        "form": form, "snapshot": snapshot, "refusal": None, "editable": True, "kinds": list(KIND_WORDS.items()),
        "roles": list(ROLE_WORDS.items()), "meanings": (), "refused": "",
    }  # fmt: skip
    page = render_to_string("secure/schema.html", context)
    assert page.count('name="t0-c1999-') == 9
    fields = len(re.findall(r"<(?:select|input|textarea)[^>]* name=", page))
    assert fields < settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    assert "2,000 columns" in page


@pytest.mark.promise("pages.40")
def test_a_column_named_like_a_script_is_shown_as_text_on_every_page_of_the_dataset(world: World) -> None:
    content = b"patient_id,<script>alert(1)</script>\n" + b"".join(b"P%04d,%d\n" % (i, i % 3) for i in range(80))
    steward = world.people.outsider
    source = build.registered_source(steward, title="<img src=x onerror=alert(2)>", content=content)
    snapshot = source.latest_snapshot
    assert snapshot is not None
    assert snapshot.state == Snapshot.State.PROFILED, source.runs.first()
    client = signed_in(steward)
    for address in ("/", reverse("sources"), reverse("source", args=[source.pk]), reverse("schema", args=[snapshot.pk])):
        body = client.get(address).content.decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_the_schema_form_as_drawn_confirms_the_schema_when_sent_back(world: World) -> None:
    source = build.registered_source(world.people.outsider)
    snapshot = source.latest_snapshot
    assert snapshot is not None
    client = signed_in(world.people.outsider)
    address = reverse("schema", args=[snapshot.pk])
    form = SchemaForm(DatasetSchema.from_dict(snapshot.proposed_schema))
    sent = {"t0-person": "=patient_id"}
    for row in form.parts[0].rows:
        sent |= {
            f"{row.prefix}-kind": row.column.kind,
            f"{row.prefix}-role": row.column.role,
            f"{row.prefix}-format": row.column.format or "",
        }
        sent |= {f"{row.prefix}-nullable": "yes"} if row.column.nullable else {}
    unanswered = client.post(address, {**sent, "t0-person": ""})
    assert unanswered.status_code == 422
    asked = client.post(address, sent)
    assert asked.status_code == 200
    assert "the file you sent is destroyed" in words(asked)
    assert not Run.objects.filter(snapshot=snapshot, kind=Run.Kind.PREPARE).exists()
    carried = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', asked.content.decode()))
    assert carried.items() >= {**sent, "sure": "yes"}.items()
    assert client.post(address, carried).status_code == 302
    again = client.post(address, carried)
    assert again.status_code == 403
    assert "confirmed already" in words(again)
    assert Run.objects.filter(snapshot=snapshot, kind=Run.Kind.PREPARE).count() == 1


# Requests and runs


@pytest.mark.promise("pages.41")
def test_a_button_is_disabled_with_the_very_sentence_the_server_refuses_with(world: World) -> None:
    request = build.draft(world.people.steward, world.source)
    client, address = signed_in(world.people.steward), reverse("submit", args=[request.pk])
    sentence = permissions.explain(world.people.steward, "submit", request)
    assert sentence is not None
    shown, sent = client.get(address), client.post(address)
    assert sentence in words(shown)
    assert "disabled" in shown.content.decode()
    assert sent.status_code == 403
    assert sentence in words(sent)
    assert 'role="alert"' in sent.content.decode()


@pytest.mark.promise("pages.42")
def test_a_request_goes_from_title_to_submission_by_its_forms_alone(world: World) -> None:
    client = signed_in(world.people.steward)
    begun = client.post(reverse("new-request", args=[world.source_key]), {"title": "By hand"})
    request = ReleaseRequest.objects.get(title="By hand")
    assert begun["Location"] == reverse("request", args=[request.pk])
    purpose = {
        "title": "By hand", "purpose": "training", "use_case": "Teaching.", "description": "Artificial visits.", "tier": "publicly-sourced",
        "access_level": "open", "licence": "OGL-UK-3.0",
    }  # fmt: skip
    assert client.post(reverse("purpose", args=[request.pk]), purpose).status_code == 302
    assert client.post(reverse("variables", args=[request.pk]), {"t0-c6-asked": "yes", "why-all": "Ages are taught."}).status_code == 302
    no_summary = client.post(reverse("generate", args=[request.pk]), {"generator": "marginal", "rows": "50", "seed": "1", "summary": ""})
    assert no_summary.status_code == 422
    chosen = {"generator": "marginal", "rows": "50", "seed": "1", "summary": str(world.summary.pk)}
    started = client.post(reverse("generate", args=[request.pk]), chosen)
    run = request.runs.get()
    assert started["Location"] == reverse("run", args=[run.pk])
    twice = client.post(reverse("generate", args=[request.pk]), chosen)
    assert twice.status_code == 403
    assert request.runs.count() == 1
    build.work()
    version = request.versions.get()
    assert client.get(reverse("version", args=[version.pk])).status_code == 200
    assert client.post(reverse("choose-version", args=[version.pk])).status_code == 302
    open_ = [outcome["gate"] for outcome in overrides.unmet(ReleaseRequest.objects.get(pk=request.pk))]
    given = {f"{gate}-{part}": words for gate in open_ for part, words in (("code", "expected-of-method"), ("reason", "It is a lesson."))}
    assert client.post(reverse("gates", args=[request.pk]), {**given, "end": "of form"}).status_code == 302
    assert client.post(reverse("submit", args=[request.pk])).status_code == 302
    request.refresh_from_db()
    assert request.state == ReleaseRequest.State.SUBMITTED
    assert "IG must sign" in words(client.get(reverse("request", args=[request.pk])))


@pytest.mark.promise("pages.43")
def test_a_run_can_be_watched_without_scripts_and_tells_the_script_when_it_is_over(world: World) -> None:
    run = requests.request_generation(world.people.steward, world.ready, generator="structural", rows=10, seed=77)
    client = signed_in(world.people.steward)
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "Waiting for its turn." in page
    going = client.get(reverse("run-progress", args=[run.pk]))
    assert "HX-Refresh" not in going
    assert "<progress" in going.content.decode()
    build.work()
    assert client.get(reverse("run-progress", args=[run.pk]))["HX-Refresh"] == "true"
    Run.objects.filter(pk=run.pk).update(state="failed", reason="The disk of the secure zone is full.")
    failed = words(client.get(reverse("run", args=[run.pk])))
    assert "The disk of the secure zone is full." in failed
    assert "Try again" in failed


# Review


def decision(request: ReleaseRequest, **changes: str) -> dict[str, str]:
    given = {f"check-{item}": "yes" for item in build.checklist()}
    return (
        given
        | {"decision": "approve", "capacity": "ig", "comment": "", "reason_code": "", "evidence_digest": request.evidence_digest or ""}
        | changes
    )


@pytest.mark.promise("pages.44")
def test_a_decision_is_repeated_on_a_page_of_its_own_and_signed_once(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    client = signed_in(world.people.ig)
    review, confirm = reverse("review", args=[request.pk]), reverse("confirm-review", args=[request.pk])
    assert client.get(confirm)["Location"] == review
    assert client.post(review, decision(request))["Location"] == confirm
    assert not SignOff.objects.filter(request=request).exists()
    page = words(client.get(confirm))
    for part in (request.title, str(request.author), request.release_policy, (request.evidence_digest or "")[:12], "anybody"):
        assert part in page
    assert client.post(confirm).status_code == 302
    assert client.post(confirm).status_code == 403
    assert SignOff.objects.filter(request=request).count() == 1


@pytest.mark.promise("pages.44")
def test_a_decision_on_evidence_that_changed_since_is_refused(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    client = signed_in(world.people.ig)
    client.post(reverse("review", args=[request.pk]), decision(request, evidence_digest="0" * 64))
    stale = client.post(reverse("confirm-review", args=[request.pk]))
    assert stale.status_code == 403
    assert "The evidence changed since you opened the page" in words(stale)
    assert not SignOff.objects.filter(request=request).exists()


def test_to_return_a_request_takes_a_reason_and_words(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    response = signed_in(world.people.ig).post(reverse("review", args=[request.pk]), decision(request, decision="return"))
    assert response.status_code == 422
    assert "Choose the main reason" in words(response)
    assert "Say what must change" in words(response)


@pytest.mark.promise("pages.45")
def test_the_review_page_answers_first_and_says_what_was_not_measured(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    page = words(signed_in(world.people.ig).get(reverse("review", args=[request.pk])))
    order = [
        "May this be released?",
        "would be published to anybody",
        "If someone attacked it",
        "Gates",
        "Is it any good for this purpose?",
    ]
    order += ["What changed since the last release", "first release of this dataset", "Checklist", "What do you decide?"]
    assert sorted(order, key=page.index) == order
    assert "This was not measured." in page or "No:" in page
    assert "version 1 of 1 made" in page


@pytest.mark.promise("marks.11")
def test_each_attack_leads_to_its_own_figures_with_their_gates(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    client = signed_in(world.people.ig)
    review = client.get(reverse("review", args=[request.pk])).content.decode()
    evidence = client.get(reverse("version", args=[request.version_id])).content.decode()
    links = re.findall(rf'href="{reverse("version", args=[request.version_id])}#(attack-[a-z]+)"', review)
    assert links == ["attack-recognise", "attack-link", "attack-learn", "attack-copy"]
    sections = {name: evidence.split(f'<h3 id="{name}">')[1].split("</section>")[0] for name in links}
    copies = sections["attack-copy"]
    assert request.version is not None
    verdict = request.version.evaluation.verdict
    behind = [o for o in verdict["outcomes"] if o["metric"] in ("collisions", "rare_row_collisions", "unexplained_copies")]
    assert behind
    assert all(escape(o["sentence"]) in copies for o in behind)
    assert DEFINITIONS["unexplained_copies"].title in copies
    assert DEFINITIONS["unexplained_copies"].title not in sections["attack-link"]


# The trail, the accounts, the shell


def test_a_reviewer_role_is_proposed_by_one_administrator_and_confirmed_by_another(world: World) -> None:
    first, second = signed_in(world.people.administrator), signed_in(world.people.second_administrator)
    address = reverse("account-roles", args=[world.people.nobody.pk])
    assert first.post(address, {"role": "ig", "act": "propose"}).status_code == 302
    assert first.post(address, {"role": "ig", "act": "confirm"}).status_code == 403
    assert "Roles to confirm" in words(second.get("/"))
    assert second.post(address, {"role": "ig", "act": "confirm"}).status_code == 302
    assert "ig" in Account.objects.get(pk=world.people.nobody.pk).roles
    assert second.post(address, {"role": "ig", "act": "juggle"}).status_code == 400
    removing = reverse("remove-role", args=[world.people.nobody.pk])
    assert "What Nobody signed before stays on record" in words(second.get(removing, {"role": "ig"}))
    assert second.post(removing, {"role": "ig"}).status_code == 302
    assert "ig" not in Account.objects.get(pk=world.people.nobody.pk).roles


@pytest.mark.promise("pages.47")
def test_no_page_holds_a_script_or_a_style_of_its_own(world: World) -> None:
    request = requests.submit(world.people.steward, world.ready_marginal)
    version, snapshot = request.version, world.source.latest_snapshot
    assert version is not None
    assert snapshot is not None
    steward, ig, auditor = (signed_in(p) for p in (world.people.steward, world.people.ig, world.people.auditor))
    visits = [
        (steward, reverse(name, args=[world.source_key]))
        for name in ("source", "source-data", "source-stewards", "new-summary", "new-request")
    ]
    visits += [
        (steward, reverse(name, args=[request.pk])) for name in ("request", "purpose", "variables", "generate", "submit", "cancel-request")
    ]
    visits += [(steward, reverse("schema", args=[snapshot.pk])), (steward, reverse("summary", args=[world.summary.pk]))]
    visits += [(ig, reverse("review", args=[request.pk])), (ig, reverse("version", args=[version.pk])), (auditor, reverse("audit"))]
    for client, address in visits:
        response = client.get(address)
        body = response.content.decode()
        assert response.status_code == 200, address
        assert "unsafe-inline" not in response["Content-Security-Policy"]
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"", body), address
        assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", body)), address
        assert body.count("<h1") == 1, address
        assert "no-store" in response["Cache-Control"], address


@pytest.mark.promise("pages.48")
def test_error_pages_say_what_to_do_and_show_nothing_of_the_code(world: World) -> None:
    client = signed_in(world.people.steward)
    missing = client.get("/nowhere/")
    assert missing.status_code == 404
    assert "There is nothing here for you" in words(missing)
    forged = Client(enforce_csrf_checks=True).post(reverse("sign-in"), {"username": "a@b.test", "password": "x"})
    assert forged.status_code == 403
    for response in (missing, forged):
        assert "Traceback" not in words(response)
        assert "urlpatterns" not in words(response)


@pytest.mark.promise("pages.49")
def test_every_page_of_a_demonstration_says_that_it_is_one(world: World) -> None:
    with override_settings(DEMONSTRATION=True):
        assert "Demonstration." in words(signed_in(world.people.steward).get("/"))
        assert "Demonstration." in words(Client().get(reverse("sign-in")))
    assert "Demonstration." not in words(signed_in(world.people.steward).get("/"))
