"""What every page of the secure site does the same way: who may open it, how a refusal reads, and back to where it came from.

A view parses, calls one service and renders. What the service refuses comes back as a sentence: beside the form it was sent with
(`refused_on`), or on a page of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from generators.errors import InputError
from releases.models import Account
from releases.permissions import Refused

INVALID = 422
"""Status of a form that cannot be used as sent."""
REFUSED = 403
"""Status of a thing this person may not do, or not now."""
UNUSABLE = 400
"""Status of input that a service could not use."""


class SignedInRequest(HttpRequest):
    """A request of somebody who signed in."""

    user: Account


def page(*methods: str, role: str | Iterable[str] | None = None) -> Callable[..., Any]:
    """Decorates a view: signed in only, these methods only, never cached; refusals become a page with the sentence.

    role: one of these roles must be held to open it at all (the same answer, 404, for a page that exists and one that does not).
    """
    roles = frozenset([role] if isinstance(role, str) else role or ())

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def opened(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if roles and not roles & request.user.roles:
                raise Http404
            try:
                return view(request, *args, **kwargs)
            except (Refused, InputError) as error:
                return refused(request, error)

        return never_cache(login_required(require_http_methods(methods or ("GET", "HEAD"))(opened)))

    return decorate


def status_of(error: Exception) -> int:
    """4xx of a refusal."""
    return REFUSED if isinstance(error, Refused) else UNUSABLE


def refused(request: HttpRequest, error: Exception) -> HttpResponse:
    """A page that says what cannot be done and why, in the service's own sentence."""
    return render(request, "secure/refused.html", {"sentence": str(error)}, status=status_of(error))


def refused_on(request: HttpRequest, form: BaseForm, error: Exception, template: str, context: dict[str, Any]) -> HttpResponse:
    """The form again, with the refusal in its error summary and everything typed still there."""
    form.add_error(None, str(error))
    return render(request, template, {**context, "form": form}, status=status_of(error))


def sent(request: HttpRequest) -> QueryDict | None:
    """The form's fields when it was sent, however empty; None when it is only shown."""
    return request.POST if request.method == "POST" else None


def visible(rows: QuerySet[Any], key: object) -> Any:
    """The row under `key` among those this person may see; 404 otherwise, whether or not it exists."""
    found = rows.filter(pk=key).first()
    if found is None:
        raise Http404
    return found


def paged(request: HttpRequest, rows: Any, size: int) -> Page[Any]:
    """The page of `rows` that the address asks for (`?page=2`); the nearest one when there is no such page."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def ordering(request: HttpRequest, allowed: dict[str, tuple[str, ...]]) -> tuple[str, tuple[str, ...]]:
    """(name, fields) of the order the address asks for (`?sort=title`); the first of `allowed` otherwise."""
    name = request.GET.get("sort", "")
    if name not in allowed:
        name = next(iter(allowed))
    return name, allowed[name]
