"""What the pages about access have in common: who may open them, and a page that is one form."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from releases.catalogue.access.permissions import AccessRefused, InputRefused
from releases.catalogue.access.privacy import personal
from releases.catalogue.access.visiting import signed_in
from releases.catalogue.models import CatalogueAccount
from releases.catalogue.views.pages import page

INVALID, TOO_MANY = 422, 429
View = Callable[..., HttpResponse]


def for_everybody(view: View) -> View:
    """A page of access that needs no account. No cache keeps it; its address, which may hold a link's secret, is told to nobody."""

    @wraps(view)
    @require_http_methods(["GET", "HEAD", "POST"])
    @never_cache
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        personal(request)
        try:
            answer = view(request, *args, **kwargs)
        except AccessRefused as refusal:
            answer = shown_page(request, "refused", {"reason": str(refusal)}, 403)
        answer.headers["Referrer-Policy"] = "same-origin"  # none at all, and browsers send forms without their origin, which is refused
        return answer

    return shown


def for_person(view: View) -> View:
    """A page for somebody signed in, who is given to `view`; others are led to sign in."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        account = signed_in(request)
        if account is None:
            following = request.get_full_path() if request.method in ("GET", "HEAD") else reverse("catalogue:your-access")
            return HttpResponseRedirect(f"{reverse('catalogue:sign-in')}?next={quote(following)}")
        return view(request, account, *args, **kwargs)

    return for_everybody(shown)


def for_officer(view: View) -> View:
    """A page for access officers; to others signed in it does not exist."""

    @wraps(view)
    def shown(request: HttpRequest, account: CatalogueAccount, *args: Any, **kwargs: Any) -> HttpResponse:
        if not account.officer:
            raise Http404
        return view(request, account, *args, **kwargs)

    return for_person(shown)


def shown_page(request: HttpRequest, name: str, shown: dict[str, Any], status: int = 200) -> HttpResponse:
    """The page made by `catalogue/access/<name>.html`."""
    return page(request, f"access/{name}", "access", shown, status)


def one_form(
    request: HttpRequest,
    make: Callable[..., forms.Form],
    act: Callable[[dict[str, Any]], HttpResponse],
    shown: dict[str, Any],
    *,
    template: str = "form",
    initial: dict[str, Any] | None = None,
) -> HttpResponse:
    """A page that is one form: shown, sent, done by `act`. What does not do is said at its field, with 422.

    shown: heading and action (the button's words); what else see `catalogue/access/form.html`.
    """
    status = 200
    form = make(initial=initial)
    if request.method == "POST":
        form, status = make(request.POST, request.FILES), INVALID
        if form.is_valid():
            try:
                return act(form.cleaned_data)
            except InputRefused as refusal:
                form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    return shown_page(request, template, {"form": form, **shown}, status)


def led(name: str, *args: Any, said: str = "") -> HttpResponseRedirect:
    """To another page; said: the code of a sentence it shows on top (`SAID`)."""
    address = reverse(f"catalogue:{name}", args=args)
    return HttpResponseRedirect(f"{address}?said={said}" if said else address)


SAID = {
    "details": "Your details are kept.",
    "training": "Your certificate is with the access officer.",
    "referee": "Your referee is kept. We write to them when you sign.",
    "purpose": "Your purpose is kept.",
    "sent": "You have signed. We have written to your referee.",
    "submitted": "You have signed. Your referee's signature still holds, so the application is with the access officer.",
    "called-back": "The application is yours again; your referee's link opens nothing any more.",
    "cancelled": "The application is cancelled.",
    "revoked": "The token is revoked. It opens nothing any more.",
    "deleted": "Thank you: your deletion is on record.",
    "noted": "Thank you for telling us.",
    "ended": "The access is ended.",
    "decided": "Your decision is on record, and the applicant is told.",
    "looked": "What you found is on record.",
    "signed-out": "You are signed out.",
    "password": "Your password is set. Sign in with it.",
    "confirmed": "Your address is confirmed. Sign in to go on.",
    "app-removed": "The second step is removed. Signing in takes your password alone.",
}


def said(request: HttpRequest) -> str:
    """The sentence that the last page asked this one to show: one of `SAID`, so that no address can put words on a page."""
    return SAID.get(request.GET.get("said", ""), "")
