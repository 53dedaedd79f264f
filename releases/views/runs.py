"""A run: is it working, how long? Watched by htmx, or by reloading where there are no scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from releases import conditions, permissions, visibility
from releases.forms import ConfirmForm
from releases.models import Run
from releases.permissions import Refused
from releases.services import runs as service
from releases.templatetags.plain_words import moment
from releases.views.home import NextStep
from releases.views.pages import SignedInRequest, page, status_of, visible
from releases.views.words import progress_words, rounds_shown

ROAD: dict[str, tuple[str, ...]] = {
    Run.Kind.PROFILE: ("The file was received", "Reading it and proposing a schema", "You confirm the schema"),
    Run.Kind.PREPARE: (
        "The schema was confirmed",
        "Making the de-identified working copy and the split",
        "The raw upload is destroyed; ready",
    ),
    Run.Kind.SUMMARISE: ("The summary was asked for", "Counting people and suppressing small numbers", "You look at what would leave"),
    Run.Kind.FIT: ("Data were asked for", "Learning from the records", "Generating", "Evaluating", "You look at the evidence"),
    Run.Kind.GENERATE: ("Data were asked for", "Generating", "Evaluating", "You look at the evidence"),
    Run.Kind.EVALUATE: ("Data were asked for", "Generating", "Evaluating", "You look at the evidence"),
    Run.Kind.REAUDIT: ("The release was due, or somebody asked", "Evaluating it again", "It is announced, or suspended"),
    Run.Kind.DRILL: ("A drill was started", "Making it", "The gates and the reviewers judge it"),
}
"""The stages of the work each kind of run is part of; the run itself is the one at `_PLACE`."""
_PLACE = {Run.Kind.EVALUATE: 2}


@dataclass(frozen=True)
class Stage:
    """One stage: its words and how it stands ("done", "now", "stopped" or "later")."""

    words: str
    status: str

    @property
    def spoken(self) -> str:
        return {"done": "done", "now": "now", "stopped": "stopped here", "later": "not yet"}[self.status]


def stages(run: Run) -> list[Stage]:
    """The stage list with this run's own stage marked."""
    road, place = ROAD[run.kind], _PLACE.get(Run.Kind(run.kind), 1)
    if run.kind in (Run.Kind.GENERATE, Run.Kind.EVALUATE) and (run.trained or (run.version and run.version.trained)):
        road, place = ROAD[Run.Kind.FIT], place + 1
    own = "now" if run.active else "done" if run.state == Run.State.SUCCEEDED else "stopped"
    return [Stage(words, "done" if i < place else own if i == place else "later") for i, words in enumerate(road)]


@page()
def run(request: SignedInRequest, key: str) -> HttpResponse:
    """One run, whatever its state."""
    return _page(request, _found(request, key))


@page()
def progress(request: SignedInRequest, key: str) -> HttpResponse:
    """The part of the page that changes while the run goes on; asks for the whole page when it is over."""
    found = _found(request, key)
    response = render(request, "secure/parts/run_progress.html", _shown(found))
    if found.finished:
        response["HX-Refresh"] = "true"
    return response


@page("GET", "HEAD", "POST")
def cancel(request: SignedInRequest, key: str) -> HttpResponse:
    """Stop the run, after a page that says what follows; it stops at its next step."""
    found = _found(request, key)
    if request.method != "POST":
        context = {
            "caption": found.get_kind_display(),
            "heading": "Stop this run?",
            "form": ConfirmForm(),
            "lead": "What it did so far is thrown away. You can start it again from its page; it then begins anew.",
            "action": "Stop it",
            "kind": "warning",
            "refusal": permissions.explain(request.user, "cancel_run", found),
            "back": reverse("run", args=[found.pk]),
        }
        return render(request, "secure/form.html", context)
    try:
        service.cancel_run(request.user, found)
    except (Refused, InputError) as error:
        return _page(request, _found(request, key), error)
    messages.success(request, "The run is being stopped. Whatever was half-written is removed.")
    return redirect("run", found.pk)


@page("POST")
def retry(request: SignedInRequest, key: str) -> HttpResponse:
    """Try a failed or cancelled run again."""
    found = _found(request, key)
    try:
        again = service.retry_run(request.user, found)
    except (Refused, InputError) as error:
        return _page(request, _found(request, key), error)
    messages.success(request, "The run was started again.")
    return redirect("run", getattr(again, "pk", found.pk))


def _found(request: SignedInRequest, key: str) -> Run:
    related = ("source", "request", "snapshot", "version__trained", "trained", "started_by", "cancel_requested_by")
    found: Run = visible(visibility.visible_runs(request.user).select_related(*related), key)
    return found


def _shown(found: Run) -> dict[str, Any]:
    return {
        "run": found,
        "stages": stages(found),
        "words": progress_words(found),
        "percent": int(found.fraction * 100),
        "rounds": rounds_shown(found),
        "round_columns": ["Round", "What", "Loss"],
    }


def _page(request: SignedInRequest, found: Run, error: Exception | None = None) -> HttpResponse:
    me = request.user
    crumbs = [("Datasets", reverse("sources")), (found.source.title, reverse("source", args=[found.source_id]))]
    if found.request is not None:
        crumbs = [("Requests", reverse("requests")), (found.request.title, reverse("request", args=[found.request_id]))]
    facts = [("Started", f"{moment(found.queued_at)} by {found.started_by or 'the system'}"), ("Attempt", str(found.attempt))]
    if found.finished_at:
        facts.append(("Ended", moment(found.finished_at)))
    if asked := conditions.told(conditions.of_run(found)):
        facts.append(("Which rows", asked))
    context = {
        **_shown(found),
        "sentence": str(error) if error else "",
        "crumbs": crumbs,
        "facts": facts,
        "cancel_refusal": permissions.explain(me, "cancel_run", found),
        "retry_refusal": permissions.explain(me, "retry_run", found),
        "next_step": _next_step(found),
    }
    return render(request, "secure/run.html", context, status=status_of(error) if error else 200)


def _next_step(found: Run) -> NextStep:
    """Where a run that succeeded leads."""
    if found.state != Run.State.SUCCEEDED:
        return NextStep("")
    if found.kind == Run.Kind.PROFILE and found.snapshot is not None:
        return NextStep("The file was read.", reverse("schema", args=[found.snapshot_id]), "Confirm the schema")
    if found.kind == Run.Kind.REAUDIT and found.request is not None:
        return NextStep("The re-audit is done.", reverse("release", args=[found.request_id]), "See how the release stands")
    if found.kind == Run.Kind.DRILL and found.request is not None:
        return NextStep("That part of the drill is done.", reverse("drill", args=[found.request.drill.pk]), "See the drill")
    if found.kind == Run.Kind.SUMMARISE and hasattr(found, "made_summary"):
        return NextStep("The summary is made.", reverse("summary", args=[found.made_summary.pk]), "See exactly what would leave")
    if found.kind == Run.Kind.FIT and hasattr(found, "made_model"):
        generating = found.made_model.runs.order_by("queued_at").first()
        if generating is not None:
            return NextStep("The model is learned; data are made from it next.", reverse("run", args=[generating.pk]), "Watch it")
    if found.kind == Run.Kind.GENERATE and hasattr(found, "made_version"):
        evaluation = found.made_version.runs.filter(kind=Run.Kind.EVALUATE).order_by("-queued_at").first()
        if evaluation is not None:
            return NextStep("The data are made; they are evaluated next.", reverse("run", args=[evaluation.pk]), "Watch the evaluation")
        return NextStep("The data are made.", reverse("version", args=[found.made_version.pk]), "See the version")
    if found.kind == Run.Kind.EVALUATE and found.version is not None:
        return NextStep("The evaluation is done.", reverse("version", args=[found.version_id]), "See the evidence")
    return NextStep("The working copy is ready.", reverse("source", args=[found.source_id]), "Go to the dataset")
