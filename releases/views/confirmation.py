"""Showing once more who one is, before something changes by which one signs in: by the password, or at the trust's provider."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from releases import second_factors, single_sign_on
from releases.account_forms import PasswordForm
from releases.services import attempts, sign_ins
from releases.views.pages import INVALID, SignedInRequest, page, sent
from releases.views.session import safe, told_to_wait
from releases.views.session_limits import place_of, sign_in_of


def shown_lately(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorates a view: who did not show who they are within the last minutes does that first. The service asks for it too."""

    @wraps(view)
    def opened(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if second_factors.shown_lately(sign_in_of(request)):
            return view(request, *args, **kwargs)
        if request.method == "POST":
            messages.info(request, "That took some time, so nothing was changed. Show once more that it is you, and begin again.")
        return redirect(f"{reverse('show-again')}?next={quote(request.path)}")

    return opened


@sensitive_post_parameters("password")
@page("GET", "HEAD", "POST")
def show_again(request: SignedInRequest) -> HttpResponse:
    """The password once more, or the way to the provider and back."""
    me, here = request.user, sign_in_of(request)
    following = safe(request, request.POST.get("next") or request.GET.get("next") or "")
    form = PasswordForm(sent(request))
    there = single_sign_on.provider()
    with_provider = there is not None and me.identities.filter(issuer=there.issuer).exists()
    context = {
        "form": form,
        "next": following,
        "with_password": me.has_usable_password(),
        "provider": there if with_provider else None,
        "crumbs": [("Your account", reverse("your-account"))],
    }
    if request.method != "POST" or here is None:
        return render(request, "secure/show_again.html", context)
    place = place_of(request)
    if wait := attempts.waiting(me.email, place):
        return told_to_wait(request, wait)
    if form.is_valid():
        if me.check_password(form.cleaned_data["password"]):
            sign_ins.confirm(me, here, how="password")
            attempts.succeeded(me.email, place)
            return redirect(following)
        attempts.failed(me.email, place, step="password")
        form.add_error("password", "That is not your password.")
    return render(request, "secure/show_again.html", context, status=INVALID)
