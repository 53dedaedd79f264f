"""One's own account: password, second factors, recovery codes, where one is signed in."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from generators.errors import InputError
from releases import permissions, second_factors
from releases.account_forms import AppForm, KeyForm
from releases.forms import ConfirmForm
from releases.models import RoleName
from releases.permissions import Refused
from releases.services import accounts as service
from releases.services import factors, sign_ins
from releases.views.confirmation import shown_lately
from releases.views.pages import INVALID, SignedInRequest, page, refused_on, sent, visible
from releases.views.session import CHALLENGE
from releases.views.session_limits import sign_in_of

CRUMB = "Your account"
NEW_SECRET = "new_secret"  # noqa: S105 - the session's name for one that waits for its first code


@page()
def your_account(request: SignedInRequest) -> HttpResponse:
    """Who I am here, how I sign in, and where I am signed in."""
    me, here = request.user, sign_in_of(request)
    words = dict(RoleName.choices)
    held = list(second_factors.held(me))
    context = {
        "facts": [
            ("Name", me.full_name),
            ("E-mail address", me.email),
            ("Roles", "\n".join(sorted(words.get(role, role) for role in me.roles)) or "none yet; an administrator gives them"),
        ],
        "factors": [{"factor": each, "refusal": permissions.explain(me, "remove_factor", each)} for each in held],
        "has_app": any(each.kind == each.Kind.APP for each in held),
        "required": second_factors.required(me),
        "codes_left": second_factors.open_codes(me).count(),
        "sign_ins": me.sign_ins.filter(ended_at__isnull=True)[:20],
        "here": here,
        "with_tokens": bool(me.roles & {"steward", "auditor"}),
        "with_password": me.has_usable_password(),
    }
    return render(request, "secure/your_account.html", context)


@sensitive_post_parameters()
@page("GET", "HEAD", "POST")
def password(request: SignedInRequest) -> HttpResponse:
    """A new password. Everywhere else one is signed out."""
    form = PasswordChangeForm(request.user, sent(request))
    status = 200
    if request.method == "POST":
        if form.is_valid():
            changed = service.change_password(request.user, password=form.cleaned_data["new_password1"], sign_in=sign_in_of(request))
            update_session_auth_hash(request, changed)
            messages.success(request, "Your password is changed. Everywhere else you are signed out.")
            return redirect("your-account")
        status = INVALID
    form.fields["new_password1"].help_text = "At least 12 characters, not a common password and not like your name."
    form.fields["old_password"].widget.attrs.pop("autofocus", None)
    return render(request, "secure/form.html", _shown("Change your password", form, "Change password"), status=status)


@sensitive_post_parameters("code")
@page("GET", "HEAD", "POST")
@shown_lately
def add_app(request: SignedInRequest) -> HttpResponse:
    """An authenticator app: its QR code, and the first code it shows."""
    kept = request.session.get(NEW_SECRET)
    secret = second_factors.unsealed(kept) if kept else second_factors.new_secret()
    if not kept:
        request.session[NEW_SECRET] = second_factors.sealed(secret)
    form = AppForm(sent(request))
    grouped = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    context = _shown("Add an authenticator app", form, "Add this app") | {
        "picture": second_factors.picture(secret, request.user),
        "secret": grouped,
    }
    if request.method != "POST":
        return render(request, "secure/add_app.html", context)
    if not form.is_valid():
        return render(request, "secure/add_app.html", context, status=INVALID)
    try:
        factors.add_app(request.user, **form.cleaned_data, secret=secret, sign_in=sign_in_of(request))
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/add_app.html", context)
    request.session.pop(NEW_SECRET, None)
    return _added(request)


@page("GET", "HEAD", "POST")
@shown_lately
def add_key(request: SignedInRequest) -> HttpResponse:
    """A security key, by the browser."""
    asked = bytes.fromhex(request.session.pop(CHALLENGE, ""))
    challenge = secrets.token_bytes(32)
    request.session[CHALLENGE] = challenge.hex()
    form = KeyForm(sent(request))
    options = second_factors.registration(request.user, challenge)
    context = _shown("Add a security key", form, "Use the key now") | {"options": options}
    if request.method != "POST":
        return render(request, "secure/add_key.html", context)
    if not form.is_valid():
        return render(request, "secure/add_key.html", context, status=INVALID)
    try:
        factors.add_key(request.user, **form.cleaned_data, challenge=asked, sign_in=sign_in_of(request))
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/add_key.html", context)
    request.session.pop(CHALLENGE, None)
    return _added(request)


@page("GET", "HEAD", "POST")
@shown_lately
def recovery_codes(request: SignedInRequest) -> HttpResponse:
    """New recovery codes, shown once."""
    codes: list[str] = factors.make_recovery_codes(request.user, sign_in=sign_in_of(request)) if request.method == "POST" else []
    context = {
        "codes": codes,
        "left": second_factors.open_codes(request.user).count(),
        "has_factor": second_factors.held(request.user).exists(),
        "crumbs": [(CRUMB, reverse("your-account"))],
    }
    return render(request, "secure/recovery_codes.html", context)


@page("GET", "HEAD", "POST")
@shown_lately
def remove_factor(request: SignedInRequest, key: str) -> HttpResponse:
    """Remove a second factor, after a page that says what follows."""
    found = visible(second_factors.held(request.user), key)
    form = ConfirmForm(sent(request))
    context = _shown(f"Remove “{found}”?", form, "Remove it") | {
        "lead": "It is no longer asked for or taken when you sign in. Everywhere else you are signed out.",
        "kind": "warning",
        "refusal": permissions.explain(request.user, "remove_factor", found),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    try:
        factors.remove_factor(request.user, found, sign_in=sign_in_of(request))
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, f"Removed: {found}.")
    return redirect("your-account")


@page("POST")
def end_sign_ins(request: SignedInRequest) -> HttpResponse:
    """Sign out everywhere else."""
    ended = sign_ins.end_others(request.user, but=sign_in_of(request))
    messages.success(request, "You were signed in nowhere else." if not ended else "Everywhere else you are signed out.")
    return redirect("your-account")


def _added(request: SignedInRequest) -> HttpResponse:
    messages.success(request, "Added. From now on it is asked for when you sign in.")
    return redirect("your-account" if second_factors.open_codes(request.user).exists() else "recovery-codes")


def _shown(heading: str, form: Any, action: str) -> dict[str, Any]:
    back = reverse("your-account")
    return {"heading": heading, "form": form, "action": action, "crumbs": [(CRUMB, back)], "back": back}
