"""Notices: what waits for me, or concerns me? And how do I want to hear of it?"""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from releases import visibility
from releases.models import MailChoice
from releases.services import notices as service
from releases.views.pages import INVALID, SignedInRequest, page, paged, sent, visible

A_PAGE = 25


class MailForm(forms.Form):
    """How notices are mailed."""

    when = forms.ChoiceField(label="Mail me my notices", choices=MailChoice.When.choices, widget=forms.RadioSelect)


@page()
def notice_list(request: SignedInRequest) -> HttpResponse:
    """One's own notices, newest first; unread ones are marked."""
    mine = visibility.visible_notices(request.user)
    unread = mine.filter(read_at__isnull=True).count()
    return render(request, "secure/notices.html", {"shown": paged(request, mine, A_PAGE), "unread": unread})


@page("POST")
def read_all(request: SignedInRequest) -> HttpResponse:
    """Mark all of them as read."""
    service.read_notices(request.user)
    messages.success(request, "Every notice is marked as read.")
    return redirect("notices")


@page("POST")
def read(request: SignedInRequest, key: str) -> HttpResponse:
    """Mark one as read."""
    service.read_notices(request.user, visible(visibility.visible_notices(request.user), key))
    return redirect("notices")


@page("GET", "HEAD", "POST")
def mail(request: SignedInRequest) -> HttpResponse:
    """Choose how to hear by mail."""
    chosen = MailChoice.objects.filter(account=request.user).first()
    form = MailForm(sent(request), initial={"when": chosen.when if chosen else MailChoice.When.AT_ONCE})
    must = "What is suspended or withdrawn is mailed to Information Governance at once, whatever is chosen."
    context = {
        "heading": "How do you want to hear?",
        "lead": "A mail holds titles and links, never data. Everything stands on the page of notices as well.",
        "warning": must if service.MUST_KNOW in request.user.roles else "",
        "action": "Save",
        "form": form,
        "crumbs": [("Notices", reverse("notices"))],
        "back": reverse("notices"),
        "template": "secure/mail_choice.html",
    }
    if request.method != "POST":
        return render(request, "secure/mail_choice.html", context)
    if not form.is_valid():
        return render(request, "secure/mail_choice.html", context, status=INVALID)
    service.choose_mail(request.user, when=form.cleaned_data["when"])
    messages.success(request, "Your choice is saved.")
    return redirect("notices")
