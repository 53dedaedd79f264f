"""Taking a release back for good, and looking at one again: pages of Information Governance."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from releases import permissions
from releases.models import ReleaseRequest, Withdrawal
from releases.permissions import Refused
from releases.services import deadlines, suspensions
from releases.services.recorded import refuse
from releases.views.pages import INVALID, SignedInRequest, page, refused_on, sent, status_of
from releases.views.reaudits import WATCHERS, act_with_reason, found_release


class WithdrawForm(forms.Form):
    """Why a release is withdrawn: coded and in a sentence for everybody, and in full for people inside."""

    reason = forms.ChoiceField(label="Reason", choices=Withdrawal.Reason.choices, widget=forms.RadioSelect)
    said = forms.CharField(
        label="One sentence for the public",
        max_length=suspensions.LONGEST_SAID,
        help_text="Published word for word, with the reason, on the page of the release. Write nothing about any one patient, and nothing "
        "that says where to look.",
    )
    why = forms.CharField(
        label="What people inside should know",
        max_length=suspensions.LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Read by reviewers and auditors; the public does not see it. Write nothing about any one patient.",
    )


@page("GET", "HEAD", "POST", role=WATCHERS)
def withdraw(request: SignedInRequest, key: str) -> HttpResponse:
    """Ask for the reasons, then say what will happen; only what is confirmed is done."""
    asked = found_release(request, key)
    here = reverse("release", args=[asked.pk])
    refusal = permissions.explain(request.user, "withdraw", asked)
    form = WithdrawForm(sent(request))
    context = {
        "asked": asked,
        "form": form,
        "caption": asked.title,
        "heading": "Withdraw this release",
        "lead": "Withdrawing is for good: it cannot be undone. If you only want to look into something, suspend the release instead.",
        "action": "Continue",
        "refusal": refusal,
        "crumbs": [("Releases", reverse("releases")), (asked.title, here)],
        "back": here,
        "sentence": "",
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    if not form.is_valid():
        return render(request, "secure/form.html", context, status=INVALID)
    if request.POST.get("confirmed") != "yes":
        if refusal is not None:
            refuse(request.user, "withdraw", asked, refusal)
        return render(request, "secure/confirm_withdraw.html", context | {"facts": _facts(asked, form)})
    try:
        suspensions.withdraw(request.user, asked, **form.cleaned_data)
    except Refused as error:
        context |= {"facts": _facts(asked, form), "sentence": str(error)}
        return render(request, "secure/confirm_withdraw.html", context, status=status_of(error))
    except InputError as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, "The release is withdrawn.")
    return redirect("release", asked.pk)


@page("GET", "HEAD", "POST", role=WATCHERS)
def rereview(request: SignedInRequest, key: str) -> HttpResponse:
    """IG looked at a release again, and it may stay."""
    asked = found_release(request, key)
    context = {
        "heading": "This release may stay",
        "lead": "Read the release and its last re-audit again. Is the purpose still there, and the risk still small? If not, suspend or "
        "withdraw it instead.",
        "action": "It may stay",
        "refusal": permissions.explain(request.user, "rereview", asked),
    }
    return act_with_reason(request, asked, context, deadlines.rereview, "That you looked at it is on record.")


def _facts(asked: ReleaseRequest, form: forms.Form) -> list[tuple[str, str]]:
    given = form.cleaned_data
    return [
        ("Release", f"{asked.title}: {asked.slug}, version {asked.release_version}"),
        ("Reason", str(dict(Withdrawal.Reason.choices)[given["reason"]])),
        ("The public reads", given["said"]),
        ("People inside read", given["why"]),
    ]
