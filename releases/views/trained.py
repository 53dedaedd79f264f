"""A model that learned from records: what is on record of it, until when it is kept, and destroying it at once."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generators.errors import InputError
from generators.registry import GENERATORS
from releases import permissions, visibility
from releases.forms import ConfirmForm
from releases.models import TrainedModel
from releases.permissions import Refused
from releases.services import trained as service
from releases.templatetags.plain_words import day, moment, short
from releases.views.methods import options_of
from releases.views.pages import SignedInRequest, page, refused_on, sent, visible
from releases.views.words import model_facts


@page()
def model(request: SignedInRequest, key: str) -> HttpResponse:
    """One model: what it was asked for, what it says of itself, what was made from it."""
    found = _found(request, key)
    context = {
        "found": found,
        "asked": found.request,
        "standing": _standing(found),
        "facts": _facts(found),
        "versions": list(found.versions.order_by("number")),
        "steward": permissions.steward_of(request.user, found.source) is None,
        "destroy_refusal": permissions.explain(request.user, "destroy_model", found),
        "crumbs": [("Requests", reverse("requests")), (found.request.title, reverse("request", args=[found.request_id]))],
    }
    return render(request, "secure/trained_model.html", context)


@page("GET", "HEAD", "POST", role="steward")
def destroy(request: SignedInRequest, key: str) -> HttpResponse:
    """Confirm that the model is destroyed now."""
    found = _found(request, key)
    here = reverse("trained-model", args=[found.pk])
    form = ConfirmForm(sent(request))
    context = {
        "caption": found.request.title,
        "heading": "Destroy this model",
        "lead": "What was learned from the records is deleted at once, and cannot be brought back. Versions made from it stay, are "
        "evaluated and can be released; another version with the same choices would be learned anew.",
        "action": "Destroy the model",
        "kind": "warning",
        "form": form,
        "refusal": permissions.explain(request.user, "destroy_model", found),
        "crumbs": [("Requests", reverse("requests")), (found.request.title, reverse("request", args=[found.request_id])), ("Model", here)],
        "back": here,
    }
    if request.method != "POST":
        return render(request, "secure/form.html", context)
    try:
        service.destroy_model(request.user, found)
    except (Refused, InputError) as error:
        return refused_on(request, form, error, "secure/form.html", context)
    messages.success(request, "The model is destroyed. That is on record.")
    return redirect("trained-model", found.pk)


def _found(request: SignedInRequest, key: str) -> TrainedModel:
    related = ("source", "snapshot", "request__source", "request__publication", "requested_by")
    found: TrainedModel = visible(visibility.visible_models(request.user).select_related(*related), key)
    return found


def _standing(found: TrainedModel) -> str:
    """Whether it is still there, and until when."""
    if found.destroyed_at is not None:
        return f"It was destroyed on {day(found.destroyed_at)}. {found.destroyed_because}"
    last = found.made_at + timedelta(days=settings.SYNTHPORTAL_MODEL_DAYS)
    after = settings.SYNTHPORTAL_MODEL_DAYS_AFTER_RELEASE
    return (
        f"It lies in the secure zone, never leaves it, and is destroyed by {day(last)} at the latest: {after} days after its request is "
        "published, or when that is cancelled or rejected."
    )


def _facts(found: TrainedModel) -> list[tuple[str, str]]:
    info = GENERATORS.get(found.generator)
    facts = [
        ("Method", f"{info.title if info else found.generator}, version {found.generator_version}"),
        ("Learned from", f"the records of snapshot {found.snapshot.number} that are not held out"),
        ("Learned", f"{moment(found.made_at)}, asked for by {found.requested_by}"),
        *model_facts(found),
        ("Seed of the learning", str(found.choices["seed"])),
    ]
    usual = {option.name: option.default for option in options_of(found.generator) or ()}
    chosen = [f"{name} = {value}" for name, value in found.choices["options"].items() if usual.get(name) != value]
    if chosen:
        facts.append(("Choices", ", ".join(chosen)))
    if found.choices["apart"]:
        facts.append(("Kept apart", "; ".join(" and ".join(pair) for pair in found.choices["apart"])))
    if found.choices.get("first"):
        facts.append(("Drawn before the others", ", ".join(found.choices["first"])))
    facts += [("Note", str(note)) for note in found.report.get("notes", ())]
    return [*facts, ("Digest", short(found.digest))]
