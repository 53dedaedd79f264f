"""Accounts and roles: who can sign in, and as what. Reviewer roles take two administrators."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from generators.errors import InputError
from releases import permissions, visibility
from releases.forms import AccountForm, RoleForm
from releases.models import REVIEWER_ROLES, Account, RoleGrant, RoleName
from releases.permissions import Refused
from releases.services import accounts as service
from releases.views.pages import INVALID, SignedInRequest, ordering, page, paged, refused_on, sent, status_of, visible

SORTS: dict[str, tuple[str, ...]] = {"name": ("full_name",), "e-mail address": ("email",), "newest": ("-date_joined",)}
CRUMB = "Accounts"


@page(role=("administrator", "auditor"))
def account_list(request: SignedInRequest) -> HttpResponse:
    """Every account with its roles."""
    sort, fields = ordering(request, SORTS)
    rows = visibility.visible_accounts(request.user).prefetch_related("grants").order_by(*fields)
    shown = paged(request, rows, 50)
    context = {
        "found": shown,
        "rows": [{"account": account, "roles": _held(account)} for account in shown],
        "sort": sort,
        "sorts": list(SORTS),
        "query": f"sort={sort}&",
        "create_refusal": permissions.explain(request.user, "create_account"),
    }
    return render(request, "secure/accounts.html", context)


@sensitive_post_parameters("password")
@page("GET", "HEAD", "POST", role="administrator")
def new(request: SignedInRequest) -> HttpResponse:
    """A new account, without any role."""
    form = AccountForm(sent(request))
    context = {
        "form": form,
        "heading": "New account",
        "lead": "The account can do nothing until you give it a role on the next page.",
        "action": "Create the account",
        "refusal": permissions.explain(request.user, "create_account"),
        "crumbs": [(CRUMB, reverse("accounts"))],
        "back": reverse("accounts"),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        made = service.create_account(request.user, **form.cleaned_data)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, f"The account of {made} is made.")
    return redirect("account", made.pk)


@page(role=("administrator", "auditor"))
def account(request: SignedInRequest, key: str) -> HttpResponse:
    """One account and its roles: held, proposed, removed."""
    return _page(request, _found(request, key))


@page("POST", role="administrator")
def roles(request: SignedInRequest, key: str) -> HttpResponse:
    """Propose, confirm or remove a role."""
    found = _found(request, key)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, found, InputError("Choose a role from the list."))
    role, act = form.cleaned_data["role"], request.POST.get("act", "")
    words = dict(RoleName.choices)[role]
    try:
        if act == "propose":
            service.propose_role(request.user, found, role=role)
            said = f"Proposed: {words}. Another administrator must confirm it." if role in REVIEWER_ROLES else f"{found} is now {words}."
        elif act == "confirm":
            service.confirm_role(request.user, _open_grant(found, role))
            said = f"Confirmed: {found} holds the role {words}."
        elif act == "remove":
            service.remove_role(request.user, found, role=role)
            said = f"Removed: {words}."
        else:
            raise InputError("Say whether to propose, confirm or remove the role.")
    except (Refused, InputError) as error:
        return _page(request, found, error)
    messages.success(request, said)
    return redirect("account", found.pk)


def _found(request: SignedInRequest, key: str) -> Account:
    found: Account = visible(visibility.visible_accounts(request.user), key)
    return found


def _open_grant(found: Account, role: str) -> RoleGrant:
    grant = found.grants.filter(role=role, removed_at__isnull=True).first()
    if grant is None:
        raise Http404
    return grant


def _held(found: Account) -> list[str]:
    return [
        grant.get_role_display() + ("" if grant.confirmed_at else " (proposed)") for grant in found.grants.all() if grant.removed_at is None
    ]


def _page(request: SignedInRequest, found: Account, error: Exception | None = None) -> HttpResponse:
    me = request.user
    grants = list(found.grants.select_related("proposed_by", "confirmed_by", "removed_by").order_by("-proposed_at"))
    current: list[dict[str, Any]] = [
        {
            "grant": grant,
            "confirm_refusal": permissions.explain(me, "confirm_role", grant) if grant.confirmed_at is None else None,
            "remove_refusal": permissions.explain(me, "remove_role", found, role=grant.role),
        }
        for grant in grants
        if grant.removed_at is None
    ]
    offered = [
        {"role": role, "words": words, "two": role in REVIEWER_ROLES, "refusal": permissions.explain(me, "propose_role", found, role=role)}
        for role, words in RoleName.choices
        if role not in {row["grant"].role for row in current}
    ]
    context = {
        "found": found,
        "current": current,
        "past": [grant for grant in grants if grant.removed_at is not None],
        "offered": offered,
        "administers": permissions.administers(me) is None,
        "sentence": str(error) if error else "",
        "crumbs": [(CRUMB, reverse("accounts"))],
    }
    return render(request, "secure/account.html", context, status=status_of(error) if error else 200)
