"""Requests: the list, and one request as a task list that can be left and resumed."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from generators.errors import InputError
from generators.registry import GENERATORS
from releases import (
    conditions,
    deadlines,
    overrides,
    permissions,
    policy,
    returned_before,
    selection,
    standing_approvals,
    stored,
    visibility,
)
from releases.blindness import Sight
from releases.forms import ConfirmForm, PurposeForm, ReasonForm, RequestForm, VariablesForm
from releases.generation_form import EMPTY, GenerateForm
from releases.models import ReleaseRequest, SourceDataset
from releases.permissions import Refused
from releases.request_forms import GatesForm, TargetsForm
from releases.route_forms import AgreedPurposeForm
from releases.services import requests as service
from releases.templatetags.plain_words import counted, day, moment, short
from releases.views.beside import beside
from releases.views.methods import methods_shown, only_private, options_of, unasked, usable
from releases.views.pages import INVALID, SignedInRequest, ordering, page, paged, sent, status_of, visible
from releases.views.request_pages import form_page, found, task_context
from releases.views.tasks import tasks
from releases.waiting import waiting

SORTS: dict[str, tuple[str, ...]] = {"last changed": ("-changed_at",), "name": ("title",), "state": ("state", "-changed_at")}
READERS = ("steward", "sdat", "ig", "ppi", "auditor")


@page(role=READERS)
def request_list(request: SignedInRequest) -> HttpResponse:
    """The requests this person may know of."""
    sort, fields = ordering(request, SORTS)
    state = request.GET.get("state", "")
    rows = visibility.visible_requests(request.user).select_related("source", "author").order_by(*fields)
    rows = rows.exclude(drill__revealed_at__isnull=False)  # those have a list of their own
    if state in ReleaseRequest.State.values:
        rows = rows.filter(state=state)
    context = {
        "found": paged(request, rows, 25),
        "sort": sort,
        "sorts": list(SORTS),
        "state": state,
        "states": [c for c in ReleaseRequest.State.choices if c[0] not in ("proposed", "agreed")],
        "query": f"{urlencode({'sort': sort, 'state': state})}&",
    }
    return render(request, "secure/requests.html", context)


@page("GET", "HEAD", "POST", role="steward")
def new(request: SignedInRequest, key: str) -> HttpResponse:
    """Begin a request for a release of a dataset."""
    source: SourceDataset = visible(visibility.visible_sources(request.user), key)
    context = {
        "caption": source.title,
        "heading": "Ask for a release",
        "lead": "One request is for one use. You get a list of tasks, which you can leave and come back to.",
        "action": "Begin",
        "refusal": permissions.explain(request.user, "create_request", source),
        "crumbs": [("Datasets", reverse("sources")), (source.title, reverse("source", args=[source.pk]))],
        "back": reverse("source", args=[source.pk]),
    }
    return form_page(
        request,
        RequestForm(sent(request)),
        context,
        lambda form: reverse("request", args=[service.create_request(request.user, source, title=form.cleaned_data["title"]).pk]),
    )


@page(role=READERS)
def request_page(request: SignedInRequest, key: str) -> HttpResponse:
    """One request: where it stands, its tasks, its versions, what was decided."""
    me = request.user
    asked = found(request, key)
    answers = permissions.allowed(me, asked)
    steward = permissions.steward_of(me, asked.source) is None
    versions = list(asked.versions.select_related("evaluation", "summary").order_by("number"))
    runs = list(asked.runs.order_by("-queued_at")[:20])
    sight = Sight(me, asked)
    context = {
        "asked": asked,
        "steward": steward,
        "crumbs": [("Requests", reverse("requests"))],
        "standing": _standing(asked),
        "tasks": tasks(asked, answers, versions, runs, steward),
        "versions": [(version, conditions.told(conditions.of_version(version))) for version in versions],
        "runs": runs,
        "signoffs": sight.signoffs()[::-1],
        "remarks": [row for row in sight.remarks() if row.mark],
        "facts": _facts(asked),
        "may_review": asked.state == ReleaseRequest.State.SUBMITTED and bool(me.roles & set(visibility.REVIEWERS)),
        "review_seen": asked.submitted_at is not None,
        "cancel_refusal": answers["cancel_request"],
        "revise_refusal": answers["revise"],
        "reopen_refusal": answers["reopen"],
        "may_agree": answers["agree"] is None,
        "beside": beside(asked, answers, sight),
        "grant": "ig" in me.roles and permissions.explain(me, "grant_standing_approval", asked) is None,
    }
    return render(request, "secure/request.html", context)


@page("GET", "HEAD", "POST", role="steward")
def purpose(request: SignedInRequest, key: str) -> HttpResponse:
    """What it is for, which kind, for whom, under which licence."""
    asked = found(request, key)
    agreed = asked.state == ReleaseRequest.State.AGREED
    form = (AgreedPurposeForm if agreed else PurposeForm)(sent(request), initial=_given(asked))
    context = task_context(request, asked, "Purpose", "describe_request")
    if agreed:
        context["lead"] = (
            "What was agreed stays as it is. To change the purpose, the use, the variables or the kind of data, take it back to draft."
        )

    def save(form: BaseForm) -> str:
        service.describe_request(request.user, asked, **form.cleaned_data)
        messages.success(request, "The purpose is saved.")
        return reverse("request", args=[asked.pk])

    return form_page(request, form, {**context, "action": "Save"}, save)


@page("GET", "HEAD", "POST", role="steward")
def variables(request: SignedInRequest, key: str) -> HttpResponse:
    """Every variable the release would hold, and why it is needed."""
    asked = found(request, key)
    snapshot = asked.source.current_snapshot
    form = VariablesForm(stored.working_schema(snapshot) if snapshot else None, asked.variables, sent(request))
    context = {
        **task_context(request, asked, "Variables and why", "describe_request", changed=("variables",)),
        "form": form,
        "versions": asked.versions.exists(),
    }
    if request.method != "POST":
        return render(request, "secure/variables.html", context)
    if not form.is_valid():
        return render(request, "secure/variables.html", context, status=INVALID)
    try:
        service.describe_request(request.user, asked, variables=form.variables)
    except (Refused, InputError) as error:
        return render(request, "secure/variables.html", {**context, "sentence": str(error)}, status=status_of(error))
    messages.success(request, "The variables are saved.")
    return redirect("request", asked.pk)


@page("GET", "HEAD", "POST", role="steward")
def generate(request: SignedInRequest, key: str) -> HttpResponse:
    """Choose the method, then say what that one asks; then a run begins."""
    asked = found(request, key)
    snapshot = asked.source.current_snapshot
    summaries = asked.source.summaries.select_related("snapshot").order_by("-made_at")
    context = task_context(request, asked, "Generate data", "request_generation") | {
        "attempts": asked.versions.count(),
    }
    chosen = request.POST.get("generator") if request.method == "POST" else request.GET.get("method")
    if chosen not in (offered := usable()):
        context |= {
            "heading": "Choose a method",
            "groups": methods_shown(snapshot, asked.variables),
            "fitting": next((name for name in offered if GENERATORS[name].tier == asked.tier), ""),
            "no_summary": not summaries.exists(),
            "wrong": chosen is not None or request.method == "POST",
        }
        return render(request, "secure/methods.html", context, status=INVALID if context["wrong"] else 200)
    info = GENERATORS[chosen]
    several = snapshot is not None and len(stored.working_schema(snapshot).tables) > 1
    initial: dict[str, Any] = {"summary": summaries.first()}
    if several:
        initial |= {"rows": 1000, "size": None} if info.needs == "schema" else {"rows": None, "size": 100}
    context |= {"action": "Generate", "info": info, "template": "secure/generate.html"}

    def start(form: BaseForm) -> str:
        run = service.request_generation(request.user, asked, **cast(GenerateForm, form).wanted)
        return reverse("run", args=[run.pk])

    split = getattr(snapshot, "split", None)
    form = GenerateForm(
        sent(request),
        initial=initial,
        generator=chosen,
        summaries=summaries,
        several=several,
        options=(options_of(chosen) or ()) if info.needs == "data" else (),
        columns=policy.columns_of(asked),
        schema=selection.selected(stored.working_schema(snapshot), asked.variables) if snapshot else EMPTY,
        persons=split.train_persons if split else 0,
        only_private=only_private(chosen),
        unasked=unasked(chosen),
    )
    return form_page(request, form, context, start)


@page("GET", "HEAD", "POST", role="steward")
def targets(request: SignedInRequest, key: str) -> HttpResponse:
    """Which columns somebody would predict; versions made from then on are tested for it."""
    asked = found(request, key)
    context = task_context(request, asked, "What would somebody predict?", "describe_request", changed=("targets",))
    context |= {
        "lead": "For example: whether a patient is admitted. A model is then trained on the made-up rows and tested on real ones that "
        "were held out, beside one trained on real rows. Leave it empty if nobody will.",
        "warning": "It counts for versions made from now on." if asked.versions.exists() else "",
        "action": "Save",
        "template": "secure/targets.html",
    }

    def save(form: BaseForm) -> str:
        service.describe_request(request.user, asked, targets=form.cleaned_data["targets"])
        messages.success(request, "What would be predicted is saved.")
        return reverse("request", args=[asked.pk])

    snapshot = asked.source.current_snapshot
    known = selection.predictable(stored.working_schema(snapshot)) if snapshot else {}
    offered = [name for name in known if name in asked.variables or name in asked.targets or not asked.variables]
    return form_page(request, TargetsForm(sent(request), initial={"targets": asked.targets}, variables=offered), context, save)


@page("GET", "HEAD", "POST", role="steward")
def gates(request: SignedInRequest, key: str) -> HttpResponse:
    """Say of each soft gate that the chosen version does not meet why it may be released all the same."""
    asked = found(request, key)
    context = {
        **task_context(request, asked, "Answer what is not met", "answer_gates"),
        "asked": asked,
        "advisory": overrides.unmet(asked, "advisory"),
        "action": "Save these answers",
        "template": "secure/gates.html",
    }

    def save(form: BaseForm) -> str:
        service.answer_gates(request.user, asked, answers=cast(GatesForm, form).answers)
        messages.success(request, "Your answers are saved. They are published with the release.")
        return reverse("request", args=[asked.pk])

    return form_page(request, GatesForm(sent(request), outcomes=overrides.unmet(asked), given=asked.gate_answers), context, save)


@page("GET", "HEAD", "POST", role="steward")
def submit(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm what is sent to the reviewers, then send it."""
    asked = found(request, key)
    tier = policy.policy_of(asked).tier(asked.tier)
    signers = " and ".join(capacity.upper() for capacity in tier.capacities) if tier else "the reviewers"
    context = {
        **task_context(request, asked, "Submit for review", "submit"),
        "asked": asked,
        "action": "Submit for review",
        "facts": _facts(asked),
        "signers": signers,
        "overrides": overrides.answered(asked),
        "advisory": overrides.unmet(asked, "advisory"),
        "attempts": asked.versions.count(),
        "common": returned_before.commonest(asked.tier, timezone.now()),
        "outlook": (outlook := standing_approvals.outlook(asked, timezone.now())),
        "template": "secure/submit.html",
    }
    if outlook.covered:
        context |= {"heading": "Submit for release", "action": "Submit, to be approved at once"}

    def send(form: BaseForm) -> str:
        submitted = service.submit(request.user, asked)
        by_standing = submitted.standing_approval is not None
        messages.success(request, "A standing approval approved it at once." if by_standing else "The request is with the reviewers.")
        return reverse("request", args=[asked.pk])

    return form_page(request, ConfirmForm(sent(request)), context, send)


@page("GET", "HEAD", "POST", role="steward")
def cancel(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that the request is given up."""
    asked = found(request, key)
    context = {
        **task_context(request, asked, "Cancel this request", "cancel_request"),
        "lead": "The request is closed and cannot be opened again. What was generated for it stays on record and is not released.",
        "action": "Cancel the request",
        "kind": "warning",
    }

    def give_up(form: BaseForm) -> str:
        service.cancel_request(request.user, asked, reason=form.cleaned_data["reason"])
        messages.success(request, "The request is cancelled.")
        return reverse("request", args=[asked.pk])

    return form_page(request, ReasonForm(sent(request)), context, give_up)


@page("GET", "HEAD", "POST", role="steward")
def revise(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that a returned request is opened for a new round."""
    asked = found(request, key)
    context = {
        **task_context(request, asked, "Revise this request", "revise"),
        "lead": f"The request becomes a draft again, round {asked.round + 1}. You change what the reviewers asked for and submit it anew; "
        "signatures given before no longer count.",
        "action": "Revise",
    }

    def reopen(form: BaseForm) -> str:
        service.revise(request.user, asked)
        messages.success(request, "The request is a draft again.")
        return reverse("request", args=[asked.pk])

    return form_page(request, ConfirmForm(sent(request)), context, reopen)


def _given(asked: ReleaseRequest) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in PurposeForm.base_fields if getattr(asked, name)}


def _facts(asked: ReleaseRequest) -> list[tuple[str, str]]:
    facts = [
        ("Dataset", asked.source.title),
        ("Asked for by", f"{asked.author}, {day(asked.created_at)}"),
        ("Purpose", asked.get_purpose_display() if asked.purpose else "not given yet"),
        ("Use", asked.use_case or "not given yet"),
        ("Kind of data", asked.get_tier_display() if asked.tier else "not chosen yet"),
        ("Who may have it", asked.get_access_level_display() if asked.access_level else "not chosen yet"),
        ("Licence", asked.get_licence_display() if asked.licence else "not chosen yet"),
        ("Round", str(asked.round)),
    ]
    if asked.evidence_digest:
        facts.append(("Evidence digest", short(asked.evidence_digest)))
    return facts


def _standing(asked: ReleaseRequest) -> str:
    """Where the request stands and who acts next, in a sentence."""
    signers = " and ".join(c.upper() for c in policy.capacities(asked)) or "the reviewers"
    match asked.state:
        case ReleaseRequest.State.DRAFT:
            return "This is a draft. When every task is done, submit it."
        case ReleaseRequest.State.PROPOSED:
            return "The use case is with the Synthetic Data Audit Team. Once it is agreed, data can be generated for it."
        case ReleaseRequest.State.AGREED:
            return "The use case is agreed, and does not change. When every task is done, submit it."
        case ReleaseRequest.State.SUBMITTED:
            return (
                f"Submitted {moment(asked.submitted_at)}. {signers} must sign; nobody signs what they asked for themselves.{_queue(asked)}"
            )
        case ReleaseRequest.State.RETURNED:
            return "The reviewers sent it back. Read why below, then revise it."
        case ReleaseRequest.State.APPROVED:
            problem = asked.publication.problem if hasattr(asked, "publication") else ""
            if problem:
                return f"Every signature is there, but it could not be published: {problem}"
            ends = deadlines.approval_ends(asked)
            if asked.standing_approval is not None:
                given = day(asked.standing_approval.granted_at)
                return f"The standing approval of {given} approved it. The publisher publishes it by itself, usually within a minute."
            until = f" The approval expires on {day(ends)}." if ends else ""
            return f"Every signature is there. The publisher signs and publishes it by itself, usually within a minute.{until}"
        case ReleaseRequest.State.PUBLISHED:
            return f"Published as “{asked.slug}”, version {asked.release_version}."
        case ReleaseRequest.State.SUSPENDED:
            return f"Suspended: “{asked.slug}”, version {asked.release_version}, is not given out while it is looked into."
        case ReleaseRequest.State.WITHDRAWN:
            withdrawal = asked.withdrawal
            return f"Withdrawn on {day(withdrawal.at)}. {withdrawal.get_reason_display()}. {withdrawal.said}"
        case ReleaseRequest.State.CANCELLED:
            return f"Cancelled: {asked.closed_reason}"
        case ReleaseRequest.State.REJECTED:
            return "The reviewers rejected it; it cannot be released. The reason is below."
        case _:
            return f"It is {asked.get_state_display()}."


def _queue(asked: ReleaseRequest) -> str:
    """Its place in the queue and by when a decision is due, as sentences after a space."""
    found = waiting(asked)
    if found is None:
        return ""
    place = f" It is number {found.place} of {found.of} in the queue and has waited {counted(found.days, 'working day')}."
    if found.due is None:
        return place
    return f"{place} A decision {'was' if found.late else 'is'} due by {day(found.due)}."
