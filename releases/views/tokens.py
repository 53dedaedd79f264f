"""Personal tokens of one's own: for a program that works in one's name."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from generators.errors import InputError
from releases import permissions, second_factors, visibility
from releases.forms import ConfirmForm
from releases.models import PersonalToken
from releases.permissions import Refused
from releases.services import attempts
from releases.services import tokens as service
from releases.views.pages import INVALID, SignedInRequest, page, refused_on, sent, visible
from releases.views.session import told_to_wait
from releases.views.session_limits import place_of, sign_in_of

CRUMBS = ("Your account", "your-account")
LASTS = ((7, "a week"), (30, "a month"), (90, "three months"), (365, "a year"))


class TokenForm(forms.Form):
    """What the token is for, what it may do, how long; and the password once more, where there is one."""

    name = forms.CharField(max_length=60, help_text="After the program that will use it, for example: nightly warehouse job.")
    scopes = forms.MultipleChoiceField(
        label="What may it do?", choices=PersonalToken.Scope.choices, widget=forms.CheckboxSelectMultiple, initial=("read",)
    )
    days = forms.TypedChoiceField(label="How long does it last?", choices=LASTS, coerce=int, initial=90)
    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), label="Your password")

    def __init__(self, *args: Any, with_password: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_password:
            del self.fields["password"]


@page(role=("steward", "auditor"))
def token_list(request: SignedInRequest) -> HttpResponse:
    """One's tokens: what each may do, until when, when it was last used."""
    rows = [
        {"token": each, "scopes": [dict(PersonalToken.Scope.choices)[scope] for scope in each.scopes], "ended": service.unusable(each)}
        for each in visibility.visible_tokens(request.user)
    ]
    context = {
        "rows": rows,
        "address": request.build_absolute_uri("/api/v1/"),
        "refusal": permissions.explain(request.user, "make_token"),
        "crumbs": [(CRUMBS[0], reverse(CRUMBS[1]))],
    }
    return render(request, "secure/tokens.html", context)


@sensitive_post_parameters("password")
@page("GET", "HEAD", "POST", role=("steward", "auditor"))
def new(request: SignedInRequest) -> HttpResponse:
    """Make a token; it is shown once."""
    me = request.user
    if not me.has_usable_password() and not second_factors.shown_lately(sign_in_of(request)):
        return redirect(f"{reverse('show-again')}?next={quote(request.path)}")  # who has a password types it in this form
    form = TokenForm(sent(request), with_password=me.has_usable_password())
    context = {
        "form": form,
        "heading": "Make a token",
        "lead": "A program that sends it works in your name, within what you allow here. Keep it like a password.",
        "action": "Make the token",
        "refusal": permissions.explain(me, "make_token"),
        "crumbs": [(CRUMBS[0], reverse(CRUMBS[1])), ("Tokens", reverse("tokens"))],
        "back": reverse("tokens"),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    place = place_of(request)
    if wait := attempts.waiting(me.email, place):
        return told_to_wait(request, wait)
    if "password" in form.fields and not me.check_password(form.cleaned_data["password"]):
        attempts.failed(me.email, place, step="password")
        form.add_error("password", "That is not your password.")
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        made, text = service.make_token(
            me, name=form.cleaned_data["name"], scopes=form.cleaned_data["scopes"], days=form.cleaned_data["days"]
        )
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    return render(request, "secure/token_once.html", {"token": made, "text": text, "crumbs": context["crumbs"]})


@page("GET", "HEAD", "POST", role=("steward", "auditor"))
def revoke(request: SignedInRequest, key: str) -> HttpResponse:
    """End a token, after a page that says what follows."""
    found = visible(visibility.visible_tokens(request.user), key)
    form = ConfirmForm(sent(request))
    context = {
        "form": form,
        "heading": f"Revoke “{found.name}”?",
        "lead": "The program that uses it is refused from that moment. It cannot be taken back; you can make another token.",
        "action": "Revoke it",
        "kind": "warning",
        "refusal": permissions.explain(request.user, "revoke_token", found),
        "crumbs": [(CRUMBS[0], reverse(CRUMBS[1])), ("Tokens", reverse("tokens"))],
        "back": reverse("tokens"),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    try:
        service.revoke_token(request.user, found)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, f"Revoked: {found.name}.")
    return redirect("tokens")
