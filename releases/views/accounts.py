"""Accounts and roles: who can sign in, and as what. Reviewer roles take two administrators."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from releases import permissions, second_factors, visibility
from releases.forms import AccountForm, RoleForm
from releases.models import REVIEWER_ROLES, Account, AccountReset, RoleGrant, RoleName
from releases.permissions import Refused
from releases.services import accounts as service
from releases.services import links, resets
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


@page("GET", "HEAD", "POST", role="administrator")
def new(request: SignedInRequest) -> HttpResponse:
    """A new account, without any role."""
    form = AccountForm(sent(request))
    context = {
        "form": form,
        "heading": "New account",
        "lead": "The person gets a link by which they choose a password. The account can do nothing until you give it a role.",
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
        made, secret = service.create_account(request.user, **form.cleaned_data)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    return handed_over(request, made, secret, f"The account of {made} is made.")


@page(role=("administrator", "auditor"))
def account(request: SignedInRequest, key: str) -> HttpResponse:
    """One account and its roles: held, proposed, removed."""
    return _page(request, _found(request, key))


@page("POST", role="administrator")
def invite(request: SignedInRequest, key: str) -> HttpResponse:
    """Another invitation, for somebody who never set a password."""
    found = _found(request, key)
    try:
        _, secret = links.invite_again(request.user, found)
    except Refused as error:
        return _page(request, found, error)
    return handed_over(request, found, secret, f"{found} is invited again; an earlier link works no more.")


@page("GET", "HEAD", "POST", role="administrator")
def reset(request: SignedInRequest, key: str) -> HttpResponse:
    """Help somebody back in: ask for it, and confirm what another administrator asked for."""
    found = _found(request, key)
    if request.method != "POST":
        return _reset_page(request, found)
    act, what = request.POST.get("act", ""), request.POST.get("what", "")
    try:
        if act == "propose":
            resets.propose_reset(request.user, found, what=what)
            messages.success(request, "Asked for. Another administrator must confirm it.")
            return redirect("account-reset", found.pk)
        asked = found.resets.filter(what=what, confirmed_at__isnull=True, dropped_at__isnull=True).first()
        if asked is None or act not in ("confirm", "drop"):
            raise InputError("Say what to do with which reset.")
        if act == "drop":
            resets.drop_reset(request.user, asked)
            messages.success(request, "Dropped.")
            return redirect("account-reset", found.pk)
        _, secret = resets.confirm_reset(request.user, asked)
    except (Refused, InputError) as error:
        return _reset_page(request, found, error)
    return handed_over(request, found, secret, f"Done: {asked.get_what_display()}.")


@page("GET", "HEAD", "POST", role="administrator")
def remove_role(request: SignedInRequest, key: str) -> HttpResponse:
    """Take a role away, after a page that says what follows."""
    found = _found(request, key)
    form = RoleForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return _page(request, found, InputError("Choose a role from the list."))
    role = form.cleaned_data["role"]
    words = dict(RoleName.choices)[role]
    context = {
        "found": found,
        "role": role,
        "words": words,
        "refusal": permissions.explain(request.user, "remove_role", found, role=role),
        "sentence": "",
        "crumbs": [(CRUMB, reverse("accounts")), (found.full_name, reverse("account", args=[found.pk]))],
    }
    if request.method != "POST":
        return render(request, "secure/remove_role.html", context)
    try:
        service.remove_role(request.user, found, role=role)
    except (Refused, InputError) as error:
        return render(request, "secure/remove_role.html", context | {"sentence": str(error)}, status=status_of(error))
    messages.success(request, f"Removed: {words}.")
    return redirect("account", found.pk)


@page("POST", role="administrator")
def roles(request: SignedInRequest, key: str) -> HttpResponse:
    """Propose or confirm a role."""
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
        else:
            raise InputError("Say whether to propose or to confirm the role.")
    except (Refused, InputError) as error:
        return _page(request, found, error)
    messages.success(request, said)
    return redirect("account", found.pk)


def handed_over(request: SignedInRequest, found: Account, secret: str, said: str) -> HttpResponse:
    """After a link was made: shown, once, where no mail goes out; else only that it is on its way."""
    if not secret:
        messages.success(request, said)
        return redirect("account", found.pk)
    context = {"found": found, "said": said, "link": links.address_of(secret), "crumbs": [(CRUMB, reverse("accounts"))]}
    return render(request, "secure/link_once.html", context)


def _reset_page(request: SignedInRequest, found: Account, error: Exception | None = None) -> HttpResponse:
    me = request.user
    waiting = {each.what: each for each in found.resets.filter(confirmed_at__isnull=True, dropped_at__isnull=True)}
    context = {
        "found": found,
        "rows": [
            {
                "what": what,
                "words": words,
                "asked": waiting.get(what),
                "confirm_refusal": permissions.explain(me, "confirm_reset", waiting[what]) if what in waiting else None,
            }
            for what, words in AccountReset.What.choices
        ],
        "propose_refusal": permissions.explain(me, "propose_reset", found),
        "sentence": str(error) if error else "",
        "crumbs": [(CRUMB, reverse("accounts")), (found.full_name, reverse("account", args=[found.pk]))],
    }
    return render(request, "secure/account_reset.html", context, status=status_of(error) if error else 200)


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
        "invited": not found.has_usable_password() and not found.identities.exists(),
        "factors": [each.get_kind_display() for each in second_factors.held(found)],
        "resets": [each.get_what_display() for each in found.resets.filter(confirmed_at__isnull=True, dropped_at__isnull=True)],
        "sentence": str(error) if error else "",
        "crumbs": [(CRUMB, reverse("accounts"))],
    }
    return render(request, "secure/account.html", context, status=status_of(error) if error else 200)
