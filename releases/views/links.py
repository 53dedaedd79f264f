"""Setting a password by a link: invited, or forgotten. Nothing here tells whether there is an account."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from generators.errors import InputError
from releases.account_forms import ForgottenForm
from releases.permissions import Refused
from releases.services import attempts, links
from releases.views.pages import INVALID, refused, refused_on, sent
from releases.views.session import told_to_wait
from releases.views.session_limits import place_of

LINK = "link"
"""The session's name for the link that was opened, so that its secret stands in no address bar and no log."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link. The answer is the same whether or not there is an account."""
    form = ForgottenForm(sent(request))
    context = {
        "form": form,
        "heading": "A new password",
        "lead": "We mail you a link by which you choose a new password. It works once, for two hours.",
        "action": "Send me a link",
        "back": reverse("sign-in"),
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    email, place = form.cleaned_data["email"], place_of(request)
    if wait := attempts.too_often(email, place):
        return told_to_wait(request, wait)
    attempts.asked(email, place)
    links.ask_for_link(email)
    messages.success(request, "If there is an account with that address, a link is on its way to it. It can take a few minutes.")
    return redirect("sign-in")


@never_cache
@require_http_methods(["GET", "HEAD"])
@sensitive_variables("secret")
def open_link(request: HttpRequest, secret: str) -> HttpResponse:
    """A link was followed: remember it and lead to the form. Nothing is used up, whatever reads links in mails beforehand."""
    request.session[LINK] = secret
    return redirect("set-password")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def set_password(request: HttpRequest) -> HttpResponse:
    """Choose a password by the link that was opened."""
    secret = str(request.session.get(LINK, ""))
    link = links.found(secret)
    if link is None:
        return refused(request, Refused(links.SPENT))
    form = SetPasswordForm(link.account, sent(request))
    form.fields["new_password1"].help_text = "At least 12 characters, not a common password and not like your name."
    context = {
        "form": form,
        "heading": "Choose your password",
        "lead": f"For the account of {link.account.full_name}, {link.account.email}.",
        "action": "Set this password",
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    try:
        links.use_link(secret, password=form.cleaned_data["new_password1"])
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    logout(request)
    messages.success(request, "Your password is set. Sign in with it.")
    return redirect("sign-in")
