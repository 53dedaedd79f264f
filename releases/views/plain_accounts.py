"""The plain-English account of a release: read as patients will, written, approved."""

from __future__ import annotations

from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from releases import permissions, plain_account
from releases.capsule import texts
from releases.models import PlainAccount, ReleaseRequest
from releases.route_forms import PlainAccountForm, ReadAccountForm
from releases.services import plain_accounts as service
from releases.views.pages import SignedInRequest, page, sent
from releases.views.request_pages import form_page, found, task_context

READERS = ("steward", "sdat", "ig", "ppi", "auditor")


@page(role=READERS)
def account_text(request: SignedInRequest, key: str) -> HttpResponse:
    """The newest version, how easily it reads, and who approved it."""
    asked = found(request, key)
    account = _current(asked)
    context = {
        "asked": asked,
        "account": account,
        "approval": account.approval if plain_account.approved(account) else None,
        "parts": texts.account_parts(account.text),
        "ease": _ease(account.text),
        "write_refusal": permissions.explain(request.user, "write_account", asked),
        "approve_refusal": permissions.explain(request.user, "approve_account", asked),
        "involved": "ppi" in request.user.roles,
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("request", args=[asked.pk]))],
    }
    return render(request, "secure/account_text.html", context)


@page("GET", "HEAD", "POST", role=("steward", "ppi"))
def write(request: SignedInRequest, key: str) -> HttpResponse:
    """Write a new version; the first begins with a draft from what the site knows."""
    asked = found(request, key)
    account = plain_account.current(asked)
    text = account.text if account else plain_account.draft(asked)
    context = {
        **task_context(request, asked, "Plain-English account", "write_account"),
        "lead": "It travels with the data and stands on their public page, for patients who wonder.",
        "warning": f"{'The last version' if account else 'This draft was filled in by the site; it'} {_ease(text)}",
        "action": "Save this version",
        "template": "secure/targets.html",
    }

    def save(form: BaseForm) -> str:
        made = service.write_account(request.user, asked, text=form.cleaned_data["text"])
        messages.success(request, f"Version {made.number} of the account is saved. It {_ease(made.text)}")
        return reverse("account-text", args=[asked.pk])

    return form_page(request, PlainAccountForm(sent(request), initial={"text": text}), context, save)


@page("GET", "HEAD", "POST", role="ppi")
def approve(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that the account is right and plain."""
    asked = found(request, key)
    account = _current(asked)
    context = {
        **task_context(request, asked, "Approve this account?", "approve_account"),
        "lead": f"Version {account.number}. You say that a patient would understand it, and that nothing a patient would want to know "
        "is left out. A new version would need a new approval.",
        "back": reverse("account-text", args=[asked.pk]),
        "action": "Approve",
    }

    def done(form: BaseForm) -> str:
        read = asked.plain_accounts.filter(pk=form.cleaned_data["account"]).first()
        service.approve_account(request.user, asked, account=read or PlainAccount())
        messages.success(request, "You approved the plain-English account.")
        return reverse("account-text", args=[asked.pk])

    return form_page(request, ReadAccountForm(sent(request), initial={"account": account.pk}), context, done)


def _current(asked: ReleaseRequest) -> PlainAccount:
    account = plain_account.current(asked)
    if account is None:
        raise Http404
    return account


def _ease(text: str) -> str:
    ease = plain_account.reading_ease(text)
    return f"has a Flesch reading ease of {ease:.0f}: {plain_account.ease_in_words(ease)}."
