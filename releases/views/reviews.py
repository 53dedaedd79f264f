"""Review: may this be released, and what if I am wrong? The answer first, then the evidence, then the decision on a page of its own."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from evaluation.results import Evaluation
from generators.errors import InputError
from releases import automatic_answers, conditions, overrides, permissions, policy, rounds, stored, visibility
from releases.blindness import Sight
from releases.forms import DecisionForm
from releases.models import ReleaseRequest, SignOff
from releases.permissions import Refused
from releases.services import reviews as service
from releases.services.recorded import refuse
from releases.templatetags.plain_words import counted, day, moment, number, short
from releases.views import findings
from releases.views.beside import beside
from releases.views.deliberation import tally, wanted
from releases.views.gate_lines import gate_lines
from releases.views.pages import INVALID, REFUSED, SignedInRequest, page, status_of, visible
from releases.views.words import TIER_WORDS
from releases.waiting import Waiting, waiting

AUDIENCE = {
    ReleaseRequest.AccessLevel.OPEN: "to anybody, without an account",
    ReleaseRequest.AccessLevel.SAFEGUARDED: "to registered users who signed the End User Licence",
}
READERS = ("steward", "sdat", "ig", "ppi", "auditor")


@page("GET", "HEAD", "POST", role=READERS)
def review(request: SignedInRequest, key: str) -> HttpResponse:
    """The evidence, and the form of the decision. A decision that can be made goes to the confirmation page."""
    asked = _found(request, key)
    form = _form(request, asked, request.POST if request.method == "POST" else _kept(request, asked))
    if request.method != "POST":
        return _page(request, asked, form)
    refusal = _deciding(request, asked)
    if refusal is not None:
        refuse(request.user, "sign_off", asked, refusal)
    if not form.is_valid():
        return _page(request, asked, form, INVALID)
    given = form.cleaned_data
    sentence = permissions.explain(request.user, "sign_off", asked, capacity=given["capacity"], decision=given["decision"])
    if sentence is not None:
        form.add_error("decision", sentence)
        return _page(request, asked, form, REFUSED)
    request.session[_place(asked)] = {**form.cleaned_data, "round": asked.round}
    return redirect("confirm-review", asked.pk)


@page("GET", "HEAD", "POST", role=READERS)
def confirm(request: SignedInRequest, key: str) -> HttpResponse:
    """What is being signed, for whom, under which policy and on which evidence; then it is signed."""
    asked = _found(request, key)
    refusal = _deciding(request, asked)
    if refusal is not None:
        refuse(request.user, "sign_off", asked, refusal)
    kept = request.session.get(_place(asked))
    if not kept or kept.get("round") != asked.round:
        return redirect("review", asked.pk)
    form = _form(request, asked, kept)
    if not form.is_valid():
        return redirect("review", asked.pk)
    given = form.cleaned_data
    context = {
        "asked": asked,
        "decision": given["decision"],
        "facts": _signed(asked, form),
        "sentence": "",
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("review", args=[asked.pk]))],
    }
    if request.method != "POST":
        return render(request, "secure/confirm_review.html", context)
    try:
        service.sign_off(
            request.user,
            asked,
            capacity=given["capacity"],
            decision=given["decision"],
            checklist=form.answers,
            reasons=form.reasons,
            reason_code=given["reason_code"],
            comment=given["comment"],
            evidence_digest=given["evidence_digest"],
        )
    except (Refused, InputError) as error:
        return render(request, "secure/confirm_review.html", {**context, "sentence": str(error)}, status=status_of(error))
    del request.session[_place(asked)]
    done = {"approve": "You approved this release.", "return": "You returned this request.", "reject": "You rejected this request."}
    messages.success(request, done[given["decision"]])
    return redirect("request", asked.pk)


def _found(request: SignedInRequest, key: str) -> ReleaseRequest:
    related = ("source", "author", "submitted_by", "version__summary", "version__evaluation", "version__snapshot")
    asked: ReleaseRequest = visible(visibility.visible_requests(request.user).select_related(*related), key)
    if asked.submitted_at is None or asked.version is None:
        raise Refused("This request has not been submitted; there is nothing to review yet.")
    return asked


def _deciding(request: SignedInRequest, asked: ReleaseRequest) -> str | None:
    """Why this person can decide nothing here now, or None: who may not approve (yet) may still return or reject."""
    return permissions.explain(request.user, "sign_off", asked, decision="return")


def _place(asked: ReleaseRequest) -> str:
    return f"decision-{asked.pk}"


def _kept(request: SignedInRequest, asked: ReleaseRequest) -> dict[str, Any] | None:
    """What this reviewer filled in before they went back from the confirmation page; nothing once the evidence changed."""
    kept = request.session.get(_place(asked))
    return kept if kept and kept.get("evidence_digest") == asked.evidence_digest else None


def _form(request: SignedInRequest, asked: ReleaseRequest, given: Any) -> DecisionForm:
    names = dict(SignOff._meta.get_field("capacity").choices)  # type: ignore[arg-type]
    able = [
        c for c in policy.capacities(asked) if permissions.explain(request.user, "sign_off", asked, capacity=c, decision="return") is None
    ]
    possible = [(c, str(names[c])) for c in able]
    return DecisionForm(
        given,
        initial={"evidence_digest": asked.evidence_digest},
        capacities=possible,
        checklist=policy.policy_of(asked).checklist,
        automatic=automatic_answers.automatic_answers(asked),
    )


def _page(request: SignedInRequest, asked: ReleaseRequest, form: DecisionForm, status: int = 200) -> HttpResponse:
    version = asked.version
    assert version is not None  # noqa: S101 - `_found` refused otherwise
    record = version.evaluation
    evaluation = stored.evaluation(record)
    answers, verdict = overrides.answered(asked), overrides.verdict(asked)
    sight = Sight(request.user, asked)
    refusal = _deciding(request, asked)
    context = {
        "asked": asked,
        "version": version,
        "form": form,
        "refusal": refusal,
        "no_approval": permissions.explain(request.user, "sign_off", asked) if refusal is None else None,
        "may_mark": permissions.explain(request.user, "mark_items", asked) is None,
        "tally": tally(asked, sight.remarks()),
        "verdict": verdict,
        "published": _published(asked, evaluation),
        "gates": gate_lines(record.verdict, answers),
        "overrides": answers,
        "gates_version": record.gates_version,
        "attacks": findings.attacks(evaluation, verdict),
        "headlines": findings.headlines(evaluation),
        "useful": findings.group(evaluation, "useful"),
        "fair": findings.group(evaluation, "fair"),
        "changes": _changes(asked),
        "last_round": rounds.before(asked),
        "differences": rounds.differences(asked),
        "wanted": wanted(asked, sight.remarks(), evaluation),
        "variables": [[name, why] for name, why in asked.variables.items()],
        "variable_columns": ["Variable", "Why it is needed"],
        "automatic": [(dict(policy.policy_of(asked).checklist)[item], said) for item, said in form.automatic.items()],
        "facts": _facts(asked),
        "signoffs": sight.signoffs(),
        "beside": beside(asked, permissions.allowed(request.user, asked), sight),
        "assessments": sight.assessments(asked.assessments.filter(evidence_digest=asked.evidence_digest).select_related("assessor")),
        "charts": findings.chosen_charts(evaluation),
        "attempts": asked.versions.count(),
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("request", args=[asked.pk]))],
    }
    return render(request, "secure/review.html", context, status=status)


def _published(asked: ReleaseRequest, evaluation: Evaluation) -> str:
    """What would be published, to whom, from about how many people, in one sentence."""
    version = asked.version
    assert version is not None  # noqa: S101 - as above
    audience = AUDIENCE.get(ReleaseRequest.AccessLevel(asked.access_level), "")
    words = f"{counted(version.rows, 'made-up row')} would be published {audience}, under the {asked.get_licence_display()}."
    people = evaluation.persons.get("train")
    whom = f"of about {number(people)} people" if people else "of people whose number is too small to tell"
    if version.trained is not None:
        return f"{words} They were learned from the records {whom}: the risk is low, never zero."
    if version.summary is None:
        return f"{words} {TIER_WORDS[ReleaseRequest.Tier.STRUCTURAL]}"
    return f"{words} They were made from totals {whom}, each of at least {number(version.summary.policy['minimum'])} people."


def _facts(asked: ReleaseRequest) -> list[tuple[str, str]]:
    version = asked.version
    assert version is not None  # noqa: S101 - as above
    attempts = asked.versions.count()
    return [
        ("Asked for by", f"{asked.author}, submitted {moment(asked.submitted_at)}"),
        *([("Waiting", _waiting(found))] if (found := waiting(asked)) else []),
        ("Dataset", f"{asked.source.title}, snapshot {version.snapshot.number}, of {asked.source.controller}"),
        ("Purpose", asked.get_purpose_display()),
        ("Use", asked.use_case),
        ("Shown to the public", asked.description),
        ("Kind of data", asked.get_tier_display()),
        ("Method", f"{version.generator}, version {version.generator_version}, seed {version.seed}"),
        *([("Which rows", which)] if (which := conditions.told(conditions.of_version(version))) else []),
        ("Attempts", f"version {version.number} of {attempts} made; choosing among several is itself a disclosure choice"),
        ("Release policy", asked.release_policy or ""),
        ("Evidence digest", short(asked.evidence_digest)),
        ("Round", str(asked.round)),
    ]


def _waiting(found: Waiting) -> str:
    due = f"; a decision {'was' if found.late else 'is'} due by {day(found.due)}" if found.due else ""
    return f"number {found.place} of {found.of} in the queue, {counted(found.days, 'working day')}{due}"


def _changes(asked: ReleaseRequest) -> list[str]:
    """How this differs from the dataset's last release; the first one says so."""
    last = (
        ReleaseRequest.objects.filter(source=asked.source, state=ReleaseRequest.State.PUBLISHED)
        .exclude(pk=asked.pk)
        .select_related("version__summary", "version__snapshot")
        .order_by("-publication__published_at")
        .first()
    )
    version = asked.version
    if last is None or last.version is None or version is None:
        return ["This would be the first release of this dataset."]
    changes = [f"The last release was “{last.title}”, {day(last.changed_at)}."]
    pairs = (
        ("kind of data", last.get_tier_display(), asked.get_tier_display()),
        ("access level", last.get_access_level_display(), asked.get_access_level_display()),
        ("licence", last.get_licence_display(), asked.get_licence_display()),
        ("purpose", last.get_purpose_display(), asked.get_purpose_display()),
        ("snapshot", str(last.version.snapshot.number), str(version.snapshot.number)),
        ("number of rows", number(last.version.rows), number(version.rows)),
    )
    changes += [f"The {name} was {before}; it would be {after}." for name, before, after in pairs if before != after]
    added, gone = sorted(set(asked.variables) - set(last.variables)), sorted(set(last.variables) - set(asked.variables))
    changes += [f"New variables: {', '.join(added)}."] if added else []
    changes += [f"Variables left out: {', '.join(gone)}."] if gone else []
    if last.version.mechanism_digest == version.mechanism_digest:
        changes.append("The mechanism is the same: method, statistics, rules and policy; only seed and rows can differ.")
    elif (last.version.summary.digest if last.version.summary else None) != (version.summary.digest if version.summary else None):
        changes.append("The statistics it is made from are not the same ones: anybody can compare the two releases.")
    else:
        changes.append("The mechanism is not the same one.")
    return changes


def _signed(asked: ReleaseRequest, form: DecisionForm) -> list[tuple[str, str]]:
    """What the confirmation page repeats."""
    given = form.cleaned_data
    names = dict(SignOff._meta.get_field("capacity").choices)  # type: ignore[arg-type]
    facts = [
        ("Decision", dict(SignOff.Decision.choices)[given["decision"]].capitalize()),
        ("Request", f"{asked.title}, round {asked.round}"),
        ("Asked for by", str(asked.author)),
        ("Published", AUDIENCE.get(ReleaseRequest.AccessLevel(asked.access_level), "")),
        ("You sign as", str(names[given["capacity"]])),
        ("Under", asked.release_policy or ""),
        ("Evidence digest", short(given["evidence_digest"])),
    ]
    if given["reason_code"] and given["decision"] != "approve":
        facts.append(("Reason", dict(SignOff.Reason.choices)[given["reason_code"]]))
    if given["comment"]:
        facts.append(("Comment", given["comment"]))
    questions = dict(policy.policy_of(asked).checklist)
    for item, answer in form.answers.items():
        said = form.automatic.get(item)
        why = form.reasons.get(item)
        whose = "" if said is None else ", as the site itself" if said.answer == answer else f"; the site itself: {said.answer}"
        facts.append((questions[item], f"{answer}{whose}{f'. {why}' if why else ''}"))
    return facts
