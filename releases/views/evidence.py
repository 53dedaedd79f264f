"""A version and its evidence: how safe, how good, which gates; and choosing it for release."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from evaluation.gates import Verdict
from generators.errors import InputError
from releases import conditions, overrides, permissions, stored, visibility
from releases.models import SyntheticVersion
from releases.permissions import Refused
from releases.services import requests as service
from releases.templatetags.plain_words import moment, number, short
from releases.views import findings
from releases.views.gate_lines import gate_lines
from releases.views.pages import SignedInRequest, page, status_of, visible
from releases.views.words import TIER_WORDS, model_facts


@page()
def version(request: SignedInRequest, key: str) -> HttpResponse:
    """One version with everything that was measured about it."""
    return _page(request, _found(request, key))


@page("POST")
def choose(request: SignedInRequest, key: str) -> HttpResponse:
    """Choose this version for the release."""
    found = _found(request, key)
    try:
        service.choose_version(request.user, found.request, version=found)
    except (Refused, InputError) as error:
        return _page(request, found, error)
    messages.success(request, f"Version {found.number} is chosen for the release.")
    return redirect("request", found.request_id)


def _found(request: SignedInRequest, key: str) -> SyntheticVersion:
    related = ("request__source", "evaluation", "summary", "trained", "made_by", "snapshot")
    found: SyntheticVersion = visible(visibility.visible_versions(request.user).select_related(*related), key)
    return found


def _page(request: SignedInRequest, found: SyntheticVersion, error: Exception | None = None) -> HttpResponse:
    me, asked = request.user, found.request
    record = getattr(found, "evaluation", None)
    evaluation = stored.evaluation(record) if record else None
    attempts = asked.versions.count()
    answers = overrides.answered(asked) if asked.version_id == found.pk else ()
    verdict = Verdict.from_dict(record.verdict).overridden_by({o.gate: o.code for o in answers}) if record else None
    gates = gate_lines(record.verdict, answers) if record else []
    facts = [
        ("Method", f"{found.generator}, version {found.generator_version}"),
        ("Rows", number(found.rows)),
        ("Seed", str(found.seed)),
        ("Attempt", f"{found.number} of {attempts}; choosing among several is itself a disclosure choice"),
        ("Made", f"{moment(found.made_at)} by {found.made_by}"),
        ("Kept from the records by", found.confinement or "not recorded"),
        ("Mechanism", short(found.mechanism_digest)),
    ]
    if found.summary is not None:
        facts.insert(1, ("Made from", f"the summary under the {found.summary.policy_name} policy, {short(found.summary.digest)}"))
    if asked_rows := conditions.told(conditions.of_version(found)):
        facts.insert(2, ("Which rows", asked_rows))
    if found.trained is not None:
        facts[1:1] = model_facts(found.trained)
    context = {
        "version": found,
        "model_href": reverse("trained-model", args=[found.trained_id]) if found.trained_id else "",
        "asked": asked,
        "facts": facts,
        "summary_href": reverse("summary", args=[found.summary_id]) if found.summary_id else "",
        "tier_words": TIER_WORDS.get(found.tier, ""),  # type: ignore[call-overload]
        "record": record,
        "verdict": record.verdict if record else None,
        "gates": gates,
        "attempts": attempts,
        "attacks": findings.attacks(evaluation, verdict, gates) if evaluation and verdict else [],
        "other_risks": findings.other_risks(evaluation, verdict) if evaluation and verdict else [],
        "good": findings.group(evaluation, "good") if evaluation else [],
        "risks_by_column": findings.group(evaluation, "safe", "column") if evaluation else [],
        "useful": findings.group(evaluation, "useful", "dataset", "table", "column") if evaluation else [],
        "fair": findings.group(evaluation, "fair") if evaluation else [],
        "groups": findings.group(evaluation, "fair", "subgroup") if evaluation else [],
        "structure": findings.group(evaluation, "structure") if evaluation else [],
        "by_column": findings.by_column(evaluation) if evaluation else None,
        "worst_pairs": findings.worst_pairs(evaluation) if evaluation else None,
        "charts": evaluation.charts if evaluation else (),
        "chart_sections": findings.chart_sections(evaluation) if evaluation else [],
        "notes": evaluation.notes if evaluation else (),
        "sentence": str(error) if error else "",
        "chosen": asked.version_id == found.pk,
        "steward": permissions.steward_of(me, asked.source) is None,
        "custody": visibility.visible_sources(me).filter(pk=found.snapshot.source_id).exists(),
        "choose_refusal": permissions.explain(me, "choose_version", asked, version=found),
        "run": found.runs.filter(kind="evaluate").order_by("-queued_at").first(),
        "crumbs": [("Requests", reverse("requests")), (asked.title, reverse("request", args=[asked.pk]))],
    }
    return render(request, "secure/version.html", context, status=status_of(error) if error else 200)
