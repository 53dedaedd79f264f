"""Accounts and roles: reviewer roles take two administrators, administrators approve nothing."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, transaction
from django.test import RequestFactory
from django.utils import timezone

from generators.errors import InputError
from releases.models import Account, RoleGrant
from releases.permissions import Refused
from releases.services import accounts
from tests.secure import world as build
from tests.secure.conftest import World
from tests.secure.world import PASSWORD, People


@pytest.fixture
def people(world: World) -> People:
    return world.people


@pytest.mark.promise("permissions.9")
def test_an_account_is_made_by_an_administrator_with_one_e_mail_whatever_its_capitals(people: People) -> None:
    made, _ = accounts.create_account(people.administrator, email=" New.Person@Hospital.TEST ", full_name="New Person")
    assert made.email == "new.person@hospital.test"
    assert made.roles == frozenset()
    assert str(made) == made.get_full_name() == made.get_short_name() == "New Person"
    for wrong, sentence in (
        ({"email": "NEW.person@hospital.test"}, "already"),
        ({"email": "no address"}, "valid email"),
        ({"full_name": " "}, "full name"),
    ):
        with pytest.raises(InputError, match=sentence):
            accounts.create_account(people.administrator, **({"email": "a@b.test", "full_name": "A B"} | wrong))
    with pytest.raises(Refused, match="Only an administrator"):
        accounts.create_account(people.steward, email="a@b.test", full_name="A B")
    with pytest.raises(InputError, match="too common"):
        accounts.set_up_account(email="a@b.test", full_name="A B", password="password1234")
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.create(email="NEW.PERSON@hospital.test", full_name="x")


def test_people_sign_in_with_their_e_mail_whatever_its_capitals(people: People) -> None:
    assert authenticate(RequestFactory().post("/"), username="Steward@Hospital.Test", password=PASSWORD) == people.steward
    changed = accounts.change_password(people.steward, password="another-long-passphrase")
    assert changed.check_password("another-long-passphrase")
    with pytest.raises(InputError):
        accounts.change_password(people.steward, password="short")


@pytest.mark.promise("permissions.10")
@pytest.mark.parametrize("role", ["sdat", "ig"])
def test_a_reviewer_role_takes_two_administrators(people: People, role: str) -> None:
    grant = accounts.propose_role(people.administrator, people.nobody, role=role)
    assert not grant.effective
    assert role not in People.named().nobody.roles
    with pytest.raises(Refused, match="somebody else must confirm"):
        accounts.confirm_role(people.administrator, grant)
    with pytest.raises(Refused, match="proposed already"):
        accounts.propose_role(people.second_administrator, people.nobody, role=role)
    assert accounts.confirm_role(people.second_administrator, grant).effective
    assert role in People.named().nobody.roles
    with pytest.raises(Refused, match="decided on already"):
        accounts.confirm_role(people.second_administrator, grant)


@pytest.mark.promise("permissions.10")
def test_the_database_too_wants_two_administrators_and_nobody_serving_themselves(people: People) -> None:
    now, first, second = timezone.now(), people.administrator, people.second_administrator
    for wrong in (
        {"role": "ig", "proposed_by": first, "confirmed_by": first, "confirmed_at": now},
        {"role": "ig", "proposed_by": first, "confirmed_at": now},
        {"role": "ig", "proposed_by": people.nobody},
        {"role": "ig", "proposed_by": first, "confirmed_by": people.nobody, "confirmed_at": now},
        {"role": "ig", "proposed_by": first, "confirmed_by": second},
        {"role": "ig", "proposed_by": first, "removed_at": now},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            RoleGrant.objects.create(account=people.nobody, proposed_at=now, **wrong)


@pytest.mark.promise("permissions.11")
def test_an_administrator_holds_no_steward_or_reviewer_role_and_the_other_way_round(people: People) -> None:
    for role in ("steward", "sdat", "ig", "ppi"):
        with pytest.raises(Refused, match="do not go together"):
            accounts.propose_role(people.administrator, people.second_administrator, role=role)
    with pytest.raises(Refused, match="do not go together"):
        accounts.propose_role(people.administrator, people.steward, role="administrator")
    with pytest.raises(Refused, match="to themselves"):
        accounts.propose_role(people.administrator, people.administrator, role="auditor")
    grant = accounts.propose_role(people.administrator, people.nobody, role="ig")
    accounts.propose_role(people.administrator, people.nobody, role="administrator")
    with pytest.raises(Refused, match="do not go together"):
        accounts.confirm_role(people.second_administrator, grant)
    with pytest.raises(Refused, match="for themselves"):
        accounts.confirm_role(People.named().nobody, grant)


@pytest.mark.promise("permissions.12")
def test_a_role_is_removed_by_another_administrator_and_counts_at_once(people: People) -> None:
    with pytest.raises(InputError, match="no such role"):
        accounts.propose_role(people.administrator, people.nobody, role="king")
    with pytest.raises(Refused, match="their own role"):
        accounts.remove_role(people.administrator, people.administrator, role="administrator")
    with pytest.raises(Refused, match="does not hold"):
        accounts.remove_role(people.administrator, people.nobody, role="ig")
    grant = accounts.remove_role(people.administrator, people.ig, role="ig")
    assert not grant.effective
    assert "ig" not in People.named().ig.roles
    assert accounts.propose_role(people.administrator, people.ig, role="ig").get_role_display() == "Information Governance"


@pytest.mark.django_db
def test_the_command_makes_an_administrator_from_a_piped_password(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    call_command("create_administrator", email="root@hospital.test", name="Root", stdout=out)
    assert Account.objects.get(email="root@hospital.test").roles == {"administrator"}
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(CommandError, match="too short"):
        call_command("create_administrator", email="other@hospital.test", name="Other", stdout=out)
    assert build.PASSWORD
