"""The interface for machines: a program with a token does what its person may, through the same services."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from releases.models import Account, AuditEvent, PersonalToken, ReleaseRequest
from releases.services import accounts, sign_ins, sources, tokens
from releases.views.interface import reference
from tests.secure import world as build
from tests.secure.conftest import World

ALL = tuple(PersonalToken.Scope.values)
NOTHING = "00000000-0000-4000-8000-000000000000"


class Program:
    """A program that sends one token, and nothing else that could make it known."""

    def __init__(self, account: Account, *scopes: str, text: str | None = None) -> None:
        self.text = text or tokens.make_token(account, name=f"job {timezone.now()}", scopes=scopes or ALL, days=1)[1]
        self.client = Client(headers={"authorization": f"Bearer {self.text}"})

    def asks(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None) -> tuple[int, Any]:
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(method, f"/api/v1{path}", content, content_type="application/json")
        assert response["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response
        return response.status_code, response.json()


@pytest.mark.promise("api.1")
def test_a_nightly_job_goes_from_a_new_file_to_a_submitted_request_by_the_interface_alone(world: World) -> None:
    program, source = Program(world.people.steward), world.source_key
    status, given = program.asks("POST", f"/datasets/{source}/files?name=emergency_visits.csv", raw=build.emergency_csv(seed=2))
    assert (status, given["number"], given["state"]) == (201, 2, "received")
    build.work()
    _, seen = program.asks("GET", f"/snapshots/{given['id']}")
    assert seen["state"] == "profiled"
    assert (seen["differences"], seen["may_not_confirm"]) == ([], None)

    status, run = program.asks("POST", f"/snapshots/{given['id']}/confirmation", {"schema_sha256": seen["proposed_schema_sha256"]})
    assert (status, run["kind"]) == (202, "prepare")
    build.work()
    assert program.asks("GET", f"/datasets/{source}")[1]["ready_snapshot"] == given["id"]

    status, asked = program.asks("POST", f"/datasets/{source}/requests", {"title": "Visits of the night"})
    assert status == 201
    address = f"/requests/{asked['id']}"
    described = {
        "purpose": "code development",
        "use_case": "To write code before access is granted.",
        "description": "Made-up visits.",
        "tier": "structural",
        "access_level": "open",
        "licence": "OGL-UK-3.0",
        "variables": {"age": "the code works on it", "sex": "the code works on it"},
    }
    assert program.asks("PATCH", address, described)[0] == 200
    status, run = program.asks("POST", f"{address}/generations", {"generator": "structural", "rows": 50, "seed": 7})
    assert (status, run["state"]) == (202, "queued")
    build.work()
    _, done = program.asks("GET", f"/runs/{run['id']}")
    assert done["state"] == "succeeded"
    assert program.asks("GET", f"/runs/{done['followed_by']}")[1]["kind"] == "evaluate"
    _, version = program.asks("GET", f"/versions/{done['version']}")
    assert (version["evaluated"], version["hard_gates_met"]) == (True, True)
    assert program.asks("PUT", f"{address}/version", {"version": version["id"]})[0] == 200

    status, submitted = program.asks("POST", f"{address}/submission")
    assert (status, submitted["state"], submitted["wanted"]) == (200, "submitted", ["ig"])
    assert submitted["refusals"]["submit"]
    assert program.asks("POST", f"{address}/submission")[0] == 403


@pytest.mark.promise("api.1")
def test_a_schema_that_differs_waits_for_a_person(world: World) -> None:
    program = Program(world.people.steward)
    narrower = b"\n".join(line.rpartition(b",")[0] for line in build.emergency_csv().splitlines()) + b"\n"
    _, given = program.asks("POST", f"/datasets/{world.source_key}/files?name=emergency_visits.csv", raw=narrower)
    build.work()
    _, seen = program.asks("GET", f"/snapshots/{given['id']}")
    assert seen["differences"]
    status, told = program.asks("POST", f"/snapshots/{given['id']}/confirmation", {"schema_sha256": seen["proposed_schema_sha256"]})
    assert (status, told["detail"]) == (403, "The schema differs from the one confirmed before; a steward looks at it on its page.")


def operations() -> set[tuple[str, str]]:
    return {
        (method.upper(), path.removeprefix(reference.PREFIX))
        for path, found in reference.description()["paths"].items()
        for method in found
    }


def calls(world: World) -> dict[tuple[str, str], tuple[str, Any]]:
    """Every address with something that could be sent to it, about the world's own rows."""
    ready = world.ready
    snapshot, version = world.source.latest_snapshot, ready.versions.get()
    assert snapshot is not None
    places = {
        "{dataset}": str(world.source_key),
        "{snapshot}": str(snapshot.pk),
        "/requests/{key}": f"/requests/{ready.pk}",
        "/runs/{key}": f"/runs/{version.run_id}",
        "/versions/{key}": f"/versions/{version.pk}",
    }
    bodies = {
        ("POST", "/datasets/{dataset}/places"): {"path": "/nowhere"},
        ("POST", "/snapshots/{snapshot}/confirmation"): {"schema_sha256": "0" * 64},
        ("POST", "/datasets/{dataset}/summaries"): {"policy": "internal"},
        ("POST", "/datasets/{dataset}/requests"): {"title": "By a program"},
        ("PATCH", "/requests/{key}"): {"title": "Another title"},
        ("POST", "/requests/{key}/generations"): {"generator": "structural", "rows": 5, "seed": 3},
        ("PUT", "/requests/{key}/version"): {"version": str(version.pk)},
    }
    found = {}
    for method, path in operations():
        place = path
        for name, key in places.items():
            place = place.replace(name, key)
        found[method, path] = (place + ("?name=a.csv" if path.endswith("/files") else ""), bodies.get((method, path)))
    return found


STEWARDS = {  # what its steward gets, for whom the very thing is possible or not; everybody else gets 404 (auditors read)
    ("POST", "/datasets/{dataset}/files"): 400,  # an empty file
    ("POST", "/datasets/{dataset}/places"): 400,  # under no folder that is allowed
    ("POST", "/snapshots/{snapshot}/confirmation"): 403,  # confirmed already
    ("POST", "/datasets/{dataset}/summaries"): 202,
    ("POST", "/datasets/{dataset}/requests"): 201,
    ("POST", "/requests/{key}/generations"): 202,
    ("POST", "/requests/{key}/submission"): 403,  # while that generation goes on
}


@pytest.mark.promise("api.2")
def test_every_address_answers_everybody_as_the_pages_would(world: World) -> None:
    readers = {"steward": 200, "auditor": 200}
    wrong = []
    for persona in ("steward", "outsider", "auditor"):
        program = Program(getattr(world.people, persona))
        for (method, path), (place, body) in sorted(calls(world).items()):
            lists = path == "/datasets"
            expected = readers.get(persona, 200 if lists else 404)
            if method != "GET":
                expected = {"steward": STEWARDS.get((method, path), 200), "auditor": 403}.get(persona, 404)
            status, told = program.asks(method, place, body)
            if status != expected:
                wrong.append(f"{persona} {method} {path}: {status}, not {expected}: {str(told)[:120]}")
    assert wrong == []


@pytest.mark.promise("api.2")
def test_what_is_unknown_is_answered_like_what_is_not_shown(world: World) -> None:
    program = Program(world.people.outsider)
    hidden = [program.asks("GET", path) for path in (f"/datasets/{world.source_key}", f"/requests/{world.ready_key}")]
    unknown = [program.asks("GET", path) for path in (f"/datasets/{NOTHING}", f"/requests/{NOTHING}")]
    assert hidden == unknown
    assert program.asks("GET", "/datasets")[1] == []


@pytest.mark.promise("api.7")
def test_a_list_asks_the_database_as_often_for_fifty_rows_as_for_five(world: World) -> None:
    steward, source = world.people.steward, world.source
    program, lists = Program(steward), ("/datasets", f"/datasets/{source.pk}/requests", f"/datasets/{source.pk}/summaries")

    def asked() -> dict[str, tuple[int, int]]:
        counted = {}
        for path in lists:
            with CaptureQueriesContext(connection) as queries:
                _, rows = program.asks("GET", path)
            counted[path] = (len(rows), len(queries))
        return counted

    def filled(up_to: int) -> None:
        for number in range(source.requests.count(), up_to):
            build.draft(steward, source)
            sources.register_source(steward, title=f"Dataset {number}", description="-", controller="Hospital", subject="care")

    program.asks("GET", lists[0])  # that the token was used is written down once
    filled(5)
    few = asked()
    filled(50)
    many = asked()
    assert {path: queries for path, (_, queries) in few.items()} == {path: queries for path, (_, queries) in many.items()}
    assert [rows for rows, _ in many.values()][:2] == [1 + 48, 50]
    _, datasets = program.asks("GET", lists[0])
    (line,) = [each for each in datasets if each["id"] == str(source.pk)]
    _, whole = program.asks("GET", f"/datasets/{source.pk}")
    assert line == {name: whole[name] for name in line}
    _, told = program.asks("GET", lists[1])
    assert told[0].items() <= program.asks("GET", f"/requests/{told[0]['id']}")[1].items()


@pytest.mark.promise("api.3")
def test_a_token_does_no_more_than_its_scopes(world: World) -> None:
    reading, before = Program(world.people.steward, "read"), AuditEvent.objects.count()
    for (method, _), (place, body) in calls(world).items():
        status, told = reading.asks(method, place, body)
        assert (status == 200) == (method == "GET"), place
        assert method == "GET" or "it lacks the scope" in told["detail"]
    assert AuditEvent.objects.filter(outcome="refused", actor=world.people.steward).count() > 0
    assert AuditEvent.objects.count() > before
    assert not ReleaseRequest.objects.filter(title="By a program").exists()


def ended(change: Callable[[PersonalToken], object], account: Account) -> tuple[int, Any]:
    made, text = tokens.make_token(account, name=f"ended {timezone.now()}", scopes=ALL, days=1)
    change(made)
    return Program(account, text=text).asks("GET", "/datasets")


@pytest.mark.promise("api.3")
def test_a_token_that_is_unknown_revoked_too_old_or_of_a_closed_account_opens_nothing(world: World) -> None:
    steward = world.people.steward
    rows = PersonalToken.objects
    told = [
        Program(steward, text="synthportal_never-made").asks("GET", "/datasets"),
        ended(lambda made: tokens.revoke_token(steward, made), steward),
        ended(lambda made: rows.filter(pk=made.pk).update(made_at=timezone.now() - timedelta(days=2), expires_at=timezone.now()), steward),
        ended(lambda made: Account.objects.filter(pk=steward.pk).update(is_active=False), steward),
    ]
    assert [status for status, _ in told] == [401] * 4
    assert [problem["detail"].split(";")[0].split(":")[0] for _, problem in told] == [
        "Send a personal token",
        "This token was revoked",
        "This token is too old",
        "The account of this token was closed.",
    ]
    assert AuditEvent.objects.filter(action="use_token", outcome="refused").count() == 3


@pytest.mark.promise("api.3")
def test_a_lost_second_step_ends_the_tokens_of_its_account_too(world: World) -> None:
    program = Program(world.people.steward)
    sign_ins.end_all(world.people.steward, "second sign-in steps were set aside by administrators")
    assert program.asks("GET", "/datasets")[0] == 401


@pytest.mark.promise("api.3")
def test_a_signed_in_browser_alone_opens_nothing_there(world: World) -> None:
    client = Client()
    client.force_login(world.people.steward, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/api/v1/datasets").status_code == 401


@pytest.mark.promise("api.3")
def test_a_role_that_was_taken_away_counts_for_its_tokens_at_once(world: World) -> None:
    program = Program(world.people.steward)
    assert program.asks("GET", f"/datasets/{world.source_key}")[0] == 200
    accounts.remove_role(world.people.administrator, world.people.steward, role="steward")
    assert program.asks("GET", f"/datasets/{world.source_key}")[0] == 404
    assert program.asks("GET", "/datasets")[1] == []


@pytest.mark.promise("api.4")
def test_what_does_not_fit_is_said_by_place_and_never_repeated(world: World) -> None:
    program, secret = Program(world.people.steward), "Mrs-Canary-Fenwick"
    bad: list[tuple[str, str, bytes]] = [
        ("POST", f"/datasets/{world.source_key}/requests", json.dumps({"title": [secret]}).encode()),
        ("POST", f"/datasets/{world.source_key}/requests", json.dumps({"title": "x", secret: 1}).encode()[:-1]),
        ("POST", f"/requests/{world.ready_key}/generations", json.dumps({"generator": secret, "seed": secret}).encode()),
        ("GET", f"/datasets/{secret}", b""),
    ]
    for method, path, raw in bad:
        status, told = program.asks(method, path, raw=raw)
        assert status in (400, 422)
        assert told["status"] == status
        assert secret not in json.dumps(told)


@pytest.mark.promise("api.4")
def test_a_file_that_is_cut_or_named_to_lead_elsewhere_leaves_nothing_outside_its_place(world: World) -> None:
    program, uploads = Program(world.people.steward), Path(settings.SYNTHPORTAL_SECURE_FILES) / "uploads"
    before = sorted(uploads.rglob("*"))
    cut: dict[str, Any] = {"wsgi.input": io.BytesIO(b"a,b\n1,2\n"), "CONTENT_LENGTH": "4000", "CONTENT_TYPE": "text/csv"}
    response = program.client.post(f"/api/v1/datasets/{world.source_key}/files?name=a.csv", **cut)
    assert response.status_code == 400
    assert sorted(uploads.rglob("*")) == before
    status, _ = program.asks("POST", f"/datasets/{world.source_key}/files?name=../../../etc/a.csv", raw=b"a,b\n1,2\n")
    assert status == 201
    new = [path for path in uploads.rglob("*") if path.is_file() and path not in before]
    assert [path.name for path in new] == ["a"]


@pytest.mark.promise("api.5")
def test_a_token_is_made_with_the_password_shown_once_and_kept_as_a_digest(world: World) -> None:
    steward = world.people.steward
    client = Client()
    client.force_login(steward, backend="django.contrib.auth.backends.ModelBackend")
    sent = {"name": "nightly job", "scopes": ["read"], "days": "30", "password": "wrong-wrong-wrong"}
    assert client.post("/your-account/tokens/new/", sent).status_code == 422
    assert not PersonalToken.objects.exists()
    page = client.post("/your-account/tokens/new/", {**sent, "password": build.PASSWORD})
    text = next(part for part in page.content.decode().replace("<", " ").replace(">", " ").split() if part.startswith("synthportal_"))
    made = PersonalToken.objects.get()
    assert text not in json.dumps([str(value) for value in PersonalToken.objects.values().get().values()])
    assert Program(steward, text=text).asks("GET", "/datasets")[0] == 200
    assert "nightly job" in client.get("/your-account/tokens/").content.decode()
    assert text not in client.get("/your-account/tokens/").content.decode()
    assert client.get(f"/your-account/tokens/{made.pk}/revoke/").status_code == 200
    client.post(f"/your-account/tokens/{made.pk}/revoke/")
    assert Program(steward, text=text).asks("GET", "/datasets")[0] == 401
    actions = AuditEvent.objects.filter(target_id=str(made.pk), outcome="done").order_by("sequence").values_list("action", flat=True)
    assert list(actions) == ["make_token", "revoke_token"]


@pytest.mark.promise("api.5")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": " "}, "name the token"),
        ({"scopes": ["everything"]}, "at least one of"),
        ({"scopes": []}, "at least one of"),
        ({"days": 400}, "1 to 365"),
    ],
)
def test_a_token_that_cannot_be_made_says_why(world: World, change: dict[str, Any], sentence: str) -> None:
    from generators.errors import InputError

    with pytest.raises(InputError, match=sentence):
        tokens.make_token(world.people.steward, **{"name": "job", "scopes": ["read"], "days": 10, **change})


@pytest.mark.promise("api.6")
def test_the_reference_is_the_one_the_interface_gives_and_lists_every_address(tmp_path: Path, settings: Any) -> None:
    folder = Path(settings.BASE_DIR) / "docs" / "reference"
    assert (folder / "interface.md").read_text() == reference.page(), "run manage.py interface_reference"
    assert json.loads((folder / "openapi.json").read_text()) == reference.description()
    assert all(f"`{method} {reference.PREFIX}{path}`" in reference.page() for method, path in operations())
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    settings.BASE_DIR = tmp_path
    call_command("interface_reference", stdout=io.StringIO())
    assert (tmp_path / "docs" / "reference" / "interface.md").read_text() == reference.page()
