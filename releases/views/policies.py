"""The release policy: what is in force, what a draft would change, and putting it in force."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.digests import digest
from generators.errors import InputError
from releases import permissions, visibility
from releases.forms import ConfirmForm
from releases.models import PolicyRecord
from releases.permissions import Refused
from releases.policy_effects import FREED, OTHERWISE, STOPPED, effects
from releases.policy_forms import PolicyForm
from releases.policy_words import FIELDS, described, differences
from releases.release_policies import ReleasePolicy, in_force, release_policy, shipped
from releases.services import policies as service
from releases.templatetags.plain_words import counted, moment
from releases.views.pages import INVALID, SignedInRequest, page, refused_on, sent, visible

READERS = ("steward", "sdat", "ig", "ppi", "auditor")
COLOURS = {STOPPED: "red", FREED: "green", OTHERWISE: "orange"}


@page(role=READERS)
def policy_list(request: SignedInRequest) -> HttpResponse:
    """The policy in force, drafts, and every version there was."""
    current = release_policy()
    records = list(PolicyRecord.objects.select_related("author", "put_in_force_by"))
    context = {
        "current": current,
        "table": _table(current),
        "columns": ["", *current.tiers],
        "drafts": [record for record in records if record.open],
        "made": [record for record in records if record.in_force_at is not None],
        "discarded": [record for record in records if record.discarded_at is not None],
        "shipped": shipped(),
        "is_ig": "ig" in request.user.roles,
        "draft_refusal": permissions.explain(request.user, "draft_policy"),
    }
    return render(request, "secure/policies.html", context)


@page("POST", role="ig")
def new(request: SignedInRequest) -> HttpResponse:
    """Begin a draft."""
    draft = service.draft_policy(request.user)
    return redirect("change-policy", draft.pk)


@page(role=READERS)
def policy(request: SignedInRequest, key: str) -> HttpResponse:
    """One policy made here: what it says, what it changes, and what would come out differently under it."""
    record = _found(key)
    wanted, before = ReleasePolicy.from_dict(record.content), release_policy(record.based_on)
    found = effects(wanted) if record.open else ()
    seen = set(visibility.visible_requests(request.user).values_list("pk", flat=True))
    shown = [effect for effect in found if effect.asked.pk in seen]
    context = {
        "record": record,
        "facts": _facts(record),
        "note": wanted.note,
        "changes": [(d.about, d.what, d.before, d.after) for d in differences(before, wanted)],
        "effects": [{"effect": effect, "colour": COLOURS[effect.result]} for effect in shown],
        "unseen": len(found) - len(shown),
        "read": digest(record.content),
        "change_columns": ("For", "What", "Before", "After"),
        "table": _table(wanted),
        "columns": ["", *wanted.tiers],
        "is_ig": "ig" in request.user.roles,
        "change_refusal": permissions.explain(request.user, "change_policy", record),
        "discard_refusal": permissions.explain(request.user, "discard_policy", record),
        "force_refusal": permissions.explain(request.user, "put_policy_in_force", record),
        "crumbs": [("Release policy", reverse("policies"))],
    }
    return render(request, "secure/policy.html", context)


@page("GET", "HEAD", "POST", role="ig")
def change(request: SignedInRequest, key: str) -> HttpResponse:
    """Change the draft."""
    record = _found(key)
    form = PolicyForm(sent(request), draft=ReleasePolicy.from_dict(record.content))
    context = {
        **_context(request, record, "Change the draft", "change_policy"),
        "action": "Save, and see what it would change",
        "form": form,
    }
    if request.method != "POST":
        return render(request, "secure/change_policy.html", context)
    if not form.is_valid():
        return render(request, "secure/change_policy.html", context, status=INVALID)
    try:
        service.change_policy(request.user, record, content=form.content)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/change_policy.html", context)
    return redirect("policy", record.pk)


@page("GET", "HEAD", "POST", role="ig")
def force(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that the draft is put in force."""
    record = _found(key)
    wanted = ReleasePolicy.from_dict(record.content)
    found = effects(wanted) if record.open else ()
    stopped = sum(effect.result == STOPPED for effect in found)
    context = {
        **_context(request, record, "Put this policy in force", "put_policy_in_force"),
        "lead": f"Every request submitted from now on is judged by it. {counted(len(found), 'request')} open or released would come out "
        f"differently, of which {stopped} would be stopped. What was submitted before is decided by the policy it was submitted under.",
        "action": "Put it in force",
        "kind": "warning",
        "read": request.POST.get("read") or request.GET.get("read") or digest(record.content),
    }

    def act() -> str:
        service.put_policy_in_force(request.user, record, read=request.POST.get("read", ""))
        return f"{record.name} is in force."

    return _confirmed(request, record, context, act)


@page("GET", "HEAD", "POST", role="ig")
def discard(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that the draft is given up."""
    record = _found(key)
    context = {
        **_context(request, record, "Discard this draft", "discard_policy"),
        "lead": "It cannot be taken up again; it stays on record that there was one.",
        "action": "Discard the draft",
        "kind": "warning",
    }

    def act() -> str:
        service.discard_policy(request.user, record)
        return "The draft is discarded."

    return _confirmed(request, record, context, act)


def _confirmed(request: SignedInRequest, record: PolicyRecord, context: dict[str, Any], act: Any) -> HttpResponse:
    form = ConfirmForm(sent(request))
    context["form"] = form
    if request.method != "POST":
        return render(request, "secure/confirm_policy.html", context)
    try:
        done = act()
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/confirm_policy.html", context)
    messages.success(request, done)
    return redirect("policy", record.pk)


def _found(key: str) -> PolicyRecord:
    return cast(PolicyRecord, visible(PolicyRecord.objects.select_related("author", "put_in_force_by"), key))


def _context(request: SignedInRequest, record: PolicyRecord, heading: str, action: str) -> dict[str, Any]:
    here = reverse("policy", args=[record.pk])
    return {
        "caption": record.name,
        "heading": heading,
        "refusal": permissions.explain(request.user, action, record),
        "crumbs": [("Release policy", reverse("policies")), (record.name, here)],
        "back": here,
    }


def _facts(record: PolicyRecord) -> list[tuple[str, str]]:
    facts = [("Began from", record.based_on), ("Written by", f"{record.author}, last changed {moment(record.changed_at)}")]
    if record.in_force_at is not None:
        now = "; it is in force now" if record.name == in_force() else ""
        facts.append(("Put in force by", f"{record.put_in_force_by}, {moment(record.in_force_at)}{now}"))
    elif record.discarded_at is not None:
        facts.append(("Discarded", moment(record.discarded_at)))
    else:
        facts.append(("Stands", "a draft: it counts for nothing until somebody else of Information Governance puts it in force"))
    return facts


def _table(policy: ReleasePolicy) -> list[list[str]]:
    told = [described(tier) for tier in policy.tiers.values()]
    return [[words, *(each[words] for each in told)] for words in FIELDS.values()]
