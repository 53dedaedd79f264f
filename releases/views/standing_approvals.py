"""Standing approvals: which ways of making data IG approved, until when, and what leans on them."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from generators.errors import InputError
from generators.mechanism import Mechanism
from generators.schema import DatasetSchema
from releases import overrides, permissions, policy, standing_approvals, visibility
from releases.models import ReleaseRequest, StandingApproval, SyntheticVersion
from releases.permissions import Refused
from releases.services import standing_approvals as service
from releases.templatetags.plain_words import counted, day, moment, short
from releases.views.pages import INVALID, SignedInRequest, page, paged, refused_on, sent, visible

READERS = ("steward", "sdat", "ig", "ppi", "auditor")
A_PAGE = 50
COLOURS = {"in force": "green", "expired": "grey", "revoked": "red"}


class GrantForm(forms.Form):
    """What a way of making data is approved for, and how long."""

    uses = forms.MultipleChoiceField(
        label="What may such data be made for?", choices=ReleaseRequest.Purpose.choices, widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(label="For how many days?", min_value=1, widget=forms.NumberInput(attrs={"class": "nhsuk-input--width-4"}))
    comment = forms.CharField(
        label="Why may it stand approved?",
        max_length=service.LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Read by reviewers, auditors and the stewards of the dataset. Write nothing about any one patient.",
    )
    read = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, longest: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].help_text = f"At most {longest:,}, says the release policy."


class RevokeForm(forms.Form):
    """Why a standing approval is taken back."""

    reason = forms.CharField(
        label="Why?",
        max_length=service.LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The authors of what is sent back read it. Write nothing about any one patient.",
    )


@page(role=READERS)
def approval_list(request: SignedInRequest) -> HttpResponse:
    """Every standing approval this person may know of, those in force first."""
    now = timezone.now()
    found = sorted(_visible(request), key=lambda approval: not approval.valid(now))
    rows = [{"approval": each, "standing": _standing(each), "colour": COLOURS[_standing(each)]} for each in found]
    return render(request, "secure/standing_approvals.html", {"shown": paged(request, rows, A_PAGE)})


@page(role=READERS)
def approval(request: SignedInRequest, key: str) -> HttpResponse:
    """One standing approval: what exactly was approved, for what, and what leans on it."""
    found = _found(request, key)
    seen = visibility.visible_requests(request.user)
    context = {
        "found": found,
        "standing": _standing(found),
        "colour": COLOURS[_standing(found)],
        "facts": _facts(found),
        "parts": _parts(Mechanism.from_dict(found.mechanism), found.version),
        "leaning": list(seen.filter(standing_approval=found).order_by("-submitted_at")[:A_PAGE]),
        "is_ig": "ig" in request.user.roles,
        "revoke_refusal": permissions.explain(request.user, "revoke_standing_approval", found),
        "crumbs": [("Standing approvals", reverse("standing-approvals"))],
    }
    return render(request, "secure/standing_approval.html", context)


@page("GET", "HEAD", "POST", role="ig")
def grant(request: SignedInRequest, key: str) -> HttpResponse:
    """Give the way a request's data were made a standing approval."""
    asked: ReleaseRequest = visible(visibility.visible_requests(request.user).select_related("source", "version__summary"), key)
    tier = policy.release_policy().tier(asked.tier)
    longest = (tier.standing_approval_days if tier else None) or 1
    initial = {"uses": [asked.purpose], "days": longest, "read": asked.evidence_digest or ""}
    form = GrantForm(sent(request), longest=longest, initial=initial)
    here = reverse("request", args=[asked.pk])
    version = asked.version
    context = {
        "caption": asked.title,
        "heading": "Give a standing approval",
        "lead": "Later data made in exactly this way need no signature: other seeds and other numbers of rows alone. Any other change "
        "comes back to the reviewers.",
        "action": "Give the standing approval",
        "form": form,
        "asked": asked,
        "parts": _parts(standing_approvals.approved_form(version, (asked.purpose,)), version) if version else [],
        "accepted": overrides.unmet(asked),
        "refusal": permissions.explain(request.user, "grant_standing_approval", asked),
        "crumbs": [("Requests", reverse("requests")), (asked.title, here)],
        "back": here,
    }
    if request.method != "POST":
        return render(request, "secure/grant_standing_approval.html", context)
    if not form.is_valid():
        return render(request, "secure/grant_standing_approval.html", context, status=INVALID)
    given = form.cleaned_data
    try:
        made = service.grant_standing_approval(
            request.user, asked, uses=given["uses"], days=given["days"], comment=given["comment"], evidence_digest=given["read"]
        )
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/grant_standing_approval.html", context)
    messages.success(request, f"The standing approval is in force until {day(made.expires_at)}.")
    return redirect("standing-approval", made.pk)


@page("GET", "HEAD", "POST", role="ig")
def revoke(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that a standing approval is taken back, and what goes back with it."""
    found = _found(request, key)
    form = RevokeForm(sent(request))
    returned = standing_approvals.unpublished(found)
    here = reverse("standing-approval", args=[found.pk])
    context = {
        "caption": str(found.source),
        "heading": "Revoke this standing approval",
        "lead": f"Nothing is approved by it from now on. What it approved and is not published yet goes back to its author: "
        f"{counted(len(returned), 'request')}. What is published stays published; suspend it by itself where it must be.",
        "returned": returned,
        "action": "Revoke it",
        "kind": "warning",
        "form": form,
        "refusal": permissions.explain(request.user, "revoke_standing_approval", found),
        "crumbs": [("Standing approvals", reverse("standing-approvals")), (str(found), here)],
        "back": here,
    }
    if request.method != "POST":
        return render(request, "secure/revoke_standing_approval.html", context)
    if not form.is_valid():
        return render(request, "secure/revoke_standing_approval.html", context, status=INVALID)
    try:
        service.revoke_standing_approval(request.user, found, reason=form.cleaned_data["reason"])
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/revoke_standing_approval.html", context)
    messages.success(request, "The standing approval is revoked.")
    return redirect("standing-approval", found.pk)


def _visible(request: SignedInRequest) -> Any:
    related = ("source", "request", "version", "granted_by", "revoked_by")
    return visibility.visible_standing_approvals(request.user).select_related(*related)


def _found(request: SignedInRequest, key: str) -> StandingApproval:
    return cast(StandingApproval, visible(_visible(request), key))


def _standing(approval: StandingApproval) -> str:
    if approval.revoked_at is not None:
        return "revoked"
    return "in force" if approval.valid(timezone.now()) else "expired"


def _facts(found: StandingApproval) -> list[tuple[str, str]]:
    facts = [
        ("Dataset", str(found.source)),
        ("Kind of data", f"{found.tier}, {found.access_level} access, licence {found.licence}"),
        ("May be made for", ", ".join(found.allowed_uses)),
        ("Given by", f"{found.granted_by}, {moment(found.granted_at)}, under {found.release_policy}"),
        ("Why", found.comment),
        ("In force until", moment(found.expires_at)),
        ("Conditions not met, and accepted", ", ".join(found.accepted_gates) or "none"),
        ("Mechanism (SHA-256)", short(found.mechanism_digest)),
        ("Impact assessment (SHA-256)", short(found.dpia_digest)),
    ]
    now, drill = timezone.now(), getattr(found.request, "drill", None)
    counts = standing_approvals.in_force(found.source, now).filter(pk=found.pk).exists()
    if found.valid(now) and not counts and (drill is None or drill.revealed_at is not None):  # a drill under way is nobody's business
        why = "it was given on a drill" if drill is not None else "a release made in this way is suspended, or was withdrawn as a risk"
        facts.append(("Counts for nothing now", f"{why[0].upper()}{why[1:]}."))
    if found.revoked_at is not None:
        facts.append(("Revoked by", f"{found.revoked_by}, {moment(found.revoked_at)}: {found.revoked_because}"))
    return facts


def _parts(mechanism: Mechanism, version: SyntheticVersion) -> list[tuple[str, str]]:
    """The parts of a mechanism: a change of any of them ends what was approved. version: data that were made by it."""
    tables = DatasetSchema.from_dict(version.schema).tables
    columns = "; ".join(f"{table.name}: {', '.join(table.names)}" for table in tables)
    disclosure = mechanism.disclosure_policy
    return [
        ("Method", f"{mechanism.generator}, version {mechanism.version}"),
        ("Columns", f"{columns} (SHA-256 of all that is said of them: {short(mechanism.schema_digest)})"),
        ("Summary", short(mechanism.summary_digest) if mechanism.summary_digest else "none: nothing observed is used"),
        ("Disclosure policy", f"{disclosure.name}, minimum {disclosure.minimum}" if disclosure else "none is needed"),
        ("Settings", ", ".join(f"{name} = {value}" for name, value in mechanism.parameters) or "none"),
        ("Rules", ", ".join(rule.name or rule.text for rule in mechanism.rules) or "none"),
    ]
