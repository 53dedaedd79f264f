"""Requests to release: described, given versions, submitted with their evidence, cancelled, revised."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from evaluation.gates import OVERRIDE_CODES
from generators.errors import InputError
from generators.fitting.conditions import Conditions
from generators.registry import GENERATORS, GeneratorInfo
from releases import audit, budget, evidence, files, overrides, policy, selection, stored
from releases import conditions as conditioned
from releases.learning import Learning, choices, reusable
from releases.models import Account, LedgerEntry, ReleaseRequest, Run, Snapshot, SourceDataset, SummaryRecord, SyntheticVersion
from releases.permissions import Refused
from releases.services import ledger, runs
from releases.services.recorded import locked, permit, recorded
from releases.services.rounds import keep_round
from releases.services.standing_approvals import approve_by_standing

State = ReleaseRequest.State
FIELDS = ("title", "purpose", "use_case", "description", "variables", "tier", "access_level", "licence", "targets")
MAX_ROWS = 1_000_000_000
MAX_SCALE = 1_000
MAX_SEED = 2**63 - 1
MAX_REASON = 500
MAX_TARGETS = 5


@recorded("create_request")
def create_request(actor: Account, source: SourceDataset, *, title: str) -> ReleaseRequest:
    """A draft for one use case of the dataset."""
    title = _text("title", title)
    if not title:
        raise InputError("the request needs a title")
    with transaction.atomic():
        source = locked(source)
        steward = permit(actor, "create_request", source)
        if source.requests.filter(author=steward, title=title, state=State.DRAFT, drill__isnull=True).exists():
            raise Refused("You have a draft of that title already.")
        now = timezone.now()
        request = ReleaseRequest.objects.create(source=source, title=title, author=steward, created_at=now, changed_at=now)
        audit.record(steward, "create_request", request, source=source.pk)
    return request


@recorded("describe_request")
def describe_request(actor: Account, request: ReleaseRequest, **fields: Any) -> ReleaseRequest:
    """Fill in what the request is: any of `FIELDS`. `variables`: column name → why it is needed; `targets`: names of variables that
    somebody would predict, which versions made from now on are tested for. InputError names the field."""
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise InputError(f"a request has no field {', '.join(unknown)}")
    readers = {"variables": _variables, "targets": _targets}
    values = {name: readers[name](value) if name in readers else _text(name, value) for name, value in fields.items()}
    with transaction.atomic():
        request = locked(request)
        changed = sorted(name for name, value in values.items() if getattr(request, name) != value)
        steward = permit(actor, "describe_request", request, changed=changed)
        _check_targets(request, values.get("targets", []))
        for name, value in values.items():
            setattr(request, name, value)
        request.changed_at = timezone.now()
        request.save()
        audit.record(steward, "describe_request", request, fields=changed)
    return request


@recorded("request_generation")
def request_generation(
    actor: Account,
    request: ReleaseRequest,
    *,
    generator: str,
    rows: int | None = None,
    seed: int,
    summary: SummaryRecord | None = None,
    scale: float | None = None,
    learning: Learning | None = None,
    conditions: Conditions | None = None,
) -> Run:
    """Have a version generated, and evaluated when that is done. `summary`: what a generator of aggregates works from.

    rows: of every table that refers to no other, persons first of all; the others follow. scale: instead, how many times the numbers of
    the source. learning: how a generator that learns from records is to learn; the model is learned first, unless this request has one
    of the very same choices. conditions: which rows it is to draw. Returns the run that begins.
    """
    info = GENERATORS.get(generator)
    if info is None:
        raise InputError(f"there is no such generator; the generators are: {', '.join(GENERATORS)}")
    _check_size(info, rows, scale, seed)
    if info.needs == "summary" and summary is None:
        raise InputError(f"the generator {generator} works from a summary; choose one")
    if info.needs != "summary":
        summary = None
    if info.needs == "data":
        learning = (learning or Learning()).checked(generator)
    elif conditions:
        raise InputError(f"the generator {generator} cannot draw some rows only, or some more often; one that learns from records can")
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "request_generation", request, summary=summary, generator=generator)
        parameters = {
            "generator": generator,
            **({"rows": rows} if scale is None else {"scale": scale}),
            "seed": seed,
            "summary": str(summary.pk) if summary else None,
            "columns": sorted(request.variables),
            "uses": [request.purpose] if request.purpose else [],
            **({"conditions": conditioned.as_dict(conditions)} if conditions else {}),
        }
        snapshot = summary.snapshot if summary else request.source.current_snapshot
        if info.needs == "data":
            schema = selection.selected(stored.working_schema(snapshot), request.variables)
            learning.controls.check(schema)
            conditioned.check(conditions or Conditions(), schema, snapshot)
            run = _learned(steward, request, snapshot, info.version, parameters, learning)
        else:
            _only_once(request.runs.filter(kind=Run.Kind.GENERATE, snapshot=snapshot, parameters=parameters))
            run = runs.begin(
                steward, Run.Kind.GENERATE, request.source, request=request, snapshot=snapshot, summary=summary, parameters=parameters
            )
        told = {"generator": generator, "rows": rows, "scale": scale, "seed": seed, "title": request.title}
        told |= {"conditions": list(conditions.sentences())} if conditions else {}
        ledger.enter(locked(request.source), LedgerEntry.What.ATTEMPT, steward, run=run, summary=summary, detail=told)
        audit.record(steward, "request_generation", request, run=run.pk, parameters=run.parameters)
    return run


def _check_size(info: GeneratorInfo, rows: int | None, scale: float | None, seed: int) -> None:
    if (rows is None) == (scale is None):
        raise InputError("say either how many rows, or how large beside the source")
    if rows is not None and not 1 <= rows <= MAX_ROWS:
        raise InputError(f"rows must be from 1 to {MAX_ROWS:,}")
    if scale is not None and not 0 < scale <= MAX_SCALE:
        raise InputError(f"the size must be more than 0 and at most {MAX_SCALE:,} times the source")
    if scale is not None and info.needs == "schema":
        raise InputError(f"the generator {info.name} knows no numbers of the source; say how many rows")
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"the seed must be from 0 to {MAX_SEED}")


def _only_once(same: QuerySet[Run]) -> None:
    """Refused when a run of exactly these choices goes on or has succeeded."""
    if same.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists():
        raise Refused("A version with exactly these choices is being generated already.")
    if same.filter(state=Run.State.SUCCEEDED).exists():
        raise Refused("There is a version with exactly these choices already; another seed gives another one.")


def _learned(
    steward: Account, request: ReleaseRequest, snapshot: Snapshot, version: str, parameters: dict[str, Any], learning: Learning
) -> Run:
    """Generate from the model of these choices, or learn it first."""
    source = locked(request.source)
    asked, digest = choices(request, snapshot, parameters["generator"], version, learning)
    trained = reusable(request, digest)
    if trained is not None:
        _only_once(request.runs.filter(kind=Run.Kind.GENERATE, trained=trained, parameters=parameters))
        return runs.begin(steward, Run.Kind.GENERATE, source, request=request, snapshot=snapshot, trained=trained, parameters=parameters)
    going = request.runs.filter(kind=Run.Kind.FIT, state__in=(Run.State.QUEUED, Run.State.RUNNING), parameters__choices_digest=digest)
    if going.exists():
        raise Refused("A model with exactly these choices is being learned already; wait until it is done, then generate from it.")
    sentence = budget.refusal_to_learn(source, learning.budget)
    if sentence is not None:
        raise Refused(sentence)
    links = {"request": request, "snapshot": snapshot}
    fit = {"generation": parameters, "learning": learning.as_dict(), "choices": asked, "choices_digest": digest}
    return runs.begin(steward, Run.Kind.FIT, source, parameters=fit, **links)


@recorded("choose_version")
def choose_version(actor: Account, request: ReleaseRequest, *, version: SyntheticVersion) -> ReleaseRequest:
    """Choose which evaluated version to release. What was answered about another one's gates is forgotten."""
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "choose_version", request, version=version)
        if request.version_id != version.pk:
            request.gate_answers = {}
        request.version, request.changed_at = version, timezone.now()
        request.save()
        audit.record(steward, "choose_version", request, version=version.pk, number=version.number, attempts=request.versions.count())
    return request


@recorded("answer_gates")
def answer_gates(actor: Account, request: ReleaseRequest, *, answers: dict[str, dict[str, str]]) -> ReleaseRequest:
    """Say of each soft gate that the chosen version does not meet why it may be released all the same; both parts are published.

    answers: gate → {"code": one of `OVERRIDE_CODES`, "reason": a sentence}. They take the place of those given before.
    InputError names a gate that needs no answer, an unknown code, a missing or too long sentence.
    """
    given = {gate: _answer(gate, answer) for gate, answer in answers.items()}
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "answer_gates", request)
        if strange := sorted(set(given) - {outcome["gate"] for outcome in overrides.unmet(request)}):
            raise InputError(f"there is nothing to answer about the gate {strange[0]}: it is met, or not one that can be answered")
        request.gate_answers, request.changed_at = given, timezone.now()
        request.save()
        codes = {gate: answer["code"] for gate, answer in given.items()}
        audit.record(steward, "answer_gates", request, version=request.version_id, codes=codes)
    return request


@recorded("submit")
def submit(actor: Account, request: ReleaseRequest) -> ReleaseRequest:
    """Build the unsigned capsule, bind the evidence to it, and hand it to the reviewers; a standing approval that covers it approves it."""
    with transaction.atomic():
        request = locked(request)
        permit(actor, "submit", request)
        slug, number = _place(request)
        seen = request.changed_at
    capsule = f"{request.pk}/{request.round}-{secrets.token_hex(4)}"
    folder = files.folder("capsules") / capsule
    manifest = evidence.build_capsule(request, folder, slug=slug, version=number)
    try:
        with transaction.atomic():
            request = locked(request)
            steward = permit(actor, "submit", request)
            if request.changed_at != seen or _place(request) != (slug, number):
                raise Refused("The request was changed while it was being submitted; look at it and submit it again.")
            request.state = State.SUBMITTED
            request.slug, request.release_version = slug, number
            request.submitted_by, request.submitted_at = steward, timezone.now()
            request.capsule, request.manifest_sha256 = capsule, manifest
            request.evidence_digest = evidence.digest(request, manifest)
            request.release_policy = policy.in_force()
            request.changed_at = timezone.now()
            request.save()
            audit.record(
                steward,
                "submit",
                request,
                round=request.round,
                version=request.version_id,
                manifest=manifest,
                evidence=request.evidence_digest,
                release_policy=request.release_policy,
            )
            keep_round(request)
            approve_by_standing(request)
    except BaseException:
        files.discard(folder)
        raise
    return request


@recorded("cancel_request")
def cancel_request(actor: Account, request: ReleaseRequest, *, reason: str) -> ReleaseRequest:
    """Give the request up. It and its history stay."""
    reason = reason.strip()
    if not reason:
        raise InputError("say why the request is cancelled")
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "cancel_request", request)
        request.state, request.closed_reason, request.changed_at = State.CANCELLED, reason, timezone.now()
        request.save()
        audit.record(steward, "cancel_request", request, round=request.round)
    return request


@recorded("revise")
def revise(actor: Account, request: ReleaseRequest) -> ReleaseRequest:
    """Take a returned request up again for a new round. Sign-offs of the old round stay and no longer count.

    It is a draft again, or, where its use case was agreed and is still the same, agreed.
    """
    with transaction.atomic():
        request = locked(request)
        steward = permit(actor, "revise", request)
        step = policy.transition(request, "revise")
        if isinstance(step, str):
            raise Refused(step)
        request.state, request.round, request.changed_at = step.target, request.round + 1, timezone.now()
        request.submitted_by = request.submitted_at = request.capsule = None
        request.manifest_sha256 = request.evidence_digest = request.release_policy = request.standing_approval = None
        request.save()
        audit.record(steward, "revise", request, round=request.round, after=request.state)
    return request


def _place(request: ReleaseRequest) -> tuple[str, int]:
    """Public name and number of this release: the next version under its title; another name when another dataset has that one."""
    if request.slug and request.release_version:
        return request.slug, request.release_version
    slug = evidence.slug(request)
    taken = ReleaseRequest.objects.filter(slug=slug, release_version__isnull=False).exclude(pk=request.pk)
    if taken.exclude(source=request.source_id).exists():
        slug = f"{slug[:70].rstrip('-')}-{str(request.source_id)[:8]}"
        taken = ReleaseRequest.objects.filter(slug=slug, release_version__isnull=False).exclude(pk=request.pk)
    numbers = taken.values_list("release_version", flat=True)
    return slug, max((n for n in numbers if n), default=0) + 1


def _answer(gate: str, answer: dict[str, str]) -> dict[str, str]:
    code, reason = answer.get("code", ""), " ".join(str(answer.get("reason", "")).split())
    if code not in OVERRIDE_CODES:
        raise InputError(f"gate {gate}: the reason must be one of: {', '.join(OVERRIDE_CODES)}")
    if not reason:
        raise InputError(f"gate {gate}: say in a sentence why it may be released all the same")
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise InputError(f"gate {gate}: the sentence must be plain text of at most {MAX_REASON} characters")
    return {"code": code, "reason": reason}


def _text(name: str, value: Any) -> str:
    field, text = ReleaseRequest._meta.get_field(name), str(value).strip()
    choices = [str(key) for key, _ in getattr(field, "choices", None) or ()]
    if choices and text and text not in choices:
        raise InputError(f"{name.replace('_', ' ')} must be one of: {', '.join(choices)}")
    longest = getattr(field, "max_length", None) or 20_000
    if len(text) > longest:
        raise InputError(f"{name.replace('_', ' ')} is longer than {longest:,} characters")
    return text


def _variables(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise InputError("variables must give, for each column, why it is needed")
    return {name: why.strip() for name, why in value.items()}


def _targets(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise InputError("targets must be a list of variables")
    if len(value) > MAX_TARGETS:
        raise InputError(f"choose at most {MAX_TARGETS} variables to predict")
    return list(dict.fromkeys(value))


def _check_targets(request: ReleaseRequest, targets: Collection[str]) -> None:
    """InputError for a target that is no variable of the dataset, or none that can be predicted."""
    snapshot = request.source.current_snapshot
    known = selection.predictable(stored.working_schema(snapshot)) if targets and snapshot else {}
    if unknown := [name for name in targets if name not in known]:
        raise InputError(f'"{unknown[0]}" is no variable of the dataset that can be predicted')
