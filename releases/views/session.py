"""Signing in and out, and one's own account. Five wrong passwords lock an address for a while (django-axes)."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from releases.forms import SignInForm
from releases.models import RoleName
from releases.services import accounts as service
from releases.views.pages import INVALID, SignedInRequest, page, sent


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page. A wrong password and an unknown address get the same sentence."""
    following = _safe(request, request.POST.get("next") or request.GET.get("next") or "")
    if request.user.is_authenticated:
        return redirect(following)
    form = SignInForm(sent(request))
    status = 200
    if request.method == "POST":
        status = INVALID
        if form.is_valid():
            account = authenticate(request, username=form.cleaned_data["username"].lower(), password=form.cleaned_data["password"])
            if account is not None:
                login(request, account)
                return redirect(following)
            # Where the address is locked, django-axes puts its own page (secure/locked.html) in place of this one.
            form.add_error(None, "The e-mail address or the password is wrong.")
    return render(request, "secure/sign_in.html", {"form": form, "next": following}, status=status)


@require_http_methods(["POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session."""
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect("sign-in")


@sensitive_post_parameters()
@page("GET", "HEAD", "POST")
def password(request: SignedInRequest) -> HttpResponse:
    """Who I am here, and a new password."""
    form = PasswordChangeForm(request.user, sent(request))
    status = 200
    if request.method == "POST":
        if form.is_valid():
            update_session_auth_hash(request, service.change_password(request.user, password=form.cleaned_data["new_password1"]))
            messages.success(request, "Your password is changed.")
            return redirect("password")
        status = INVALID
    form.fields["new_password1"].help_text = "At least 12 characters, not a common password and not like your name."
    form.fields["old_password"].widget.attrs.pop("autofocus", None)
    words = dict(RoleName.choices)
    facts = [
        ("Name", request.user.full_name),
        ("E-mail address", request.user.email),
        ("Roles", "\n".join(sorted(words.get(role, role) for role in request.user.roles)) or "none yet; an administrator gives them"),
    ]
    return render(request, "secure/password.html", {"form": form, "facts": facts}, status=status)


def _safe(request: HttpRequest, address: str) -> str:
    """`address` when it is on this site, else the home page."""
    if address and url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return address
    return resolve_url("home")
