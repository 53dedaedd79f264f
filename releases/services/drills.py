"""Drills: a planted leak goes to review unannounced, is revealed once it is decided on, and is destroyed."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from generators.errors import Cancelled, InputError
from releases import agreements, audit, evidence, files, guards, plain_account, policy, visibility
from releases.capsule.publish import DRILL
from releases.models import (
    Account,
    Agreement,
    DestructionRecord,
    Drill,
    EvaluationRecord,
    PlainAccount,
    ReleaseRequest,
    Run,
    SignOff,
    SyntheticVersion,
)
from releases.permissions import Refused
from releases.release_policies import in_force
from releases.services import runs
from releases.services.recorded import locked, permit, recorded
from releases.services.rounds import keep_round

MOST = 100_000
COPIED = ("purpose", "use_case", "description", "variables", "tier", "access_level", "licence", "targets", "gate_answers")
"""What a drill has of the request it is modelled on: everything a reviewer reads."""


@recorded("start_drill")
def start_drill(
    actor: Account, *, origin: SyntheticVersion, kind: str, amount: int, title: str, despite_gates: bool = False, seed: int | None = None
) -> Drill:
    """Have a copy of an evaluated version made with a leak in it, and sent to review as if its author had submitted it.

    Where the release policy has the use case agreed first, it is proposed in the author's name, and all else waits for SDAT's agreement.

    despite_gates: to the reviewers even when a hard gate catches it, so that they are measured too. One drill of a version at a time.
    """
    title = title.strip()
    if kind not in Drill.Kind.values:
        raise InputError(f"a drill plants one of: {', '.join(Drill.Kind.values)}")
    if not 1 <= amount <= MOST:
        raise InputError(f"plant between 1 and {MOST:,}")
    if not title or len(title) > 200:
        raise InputError("give the request a title of at most 200 characters, such as a steward would")
    with transaction.atomic():
        like = locked(origin.request)
        administrator = permit(actor, "start_drill")
        if not visibility.drill_origins(administrator).filter(pk=origin.pk).exists():
            raise Refused("A drill is made of an evaluated version that a request chose.")
        missing = guards.described(like, {}) or guards.variables_justified(like, {})
        if missing is not None:
            raise Refused(f"Reviewers would see at once that something is amiss. {missing}")
        if Drill.objects.filter(origin=origin, revealed_at__isnull=True).exists():
            raise Refused("A drill of this version is under way already.")
        now = timezone.now()
        request = ReleaseRequest.objects.create(
            source=like.source,
            title=title,
            author=like.author,
            created_at=now,
            changed_at=now,
            slug=f"{DRILL}{secrets.token_hex(8)}",
            **{name: getattr(like, name) for name in COPIED},
        )
        drill = Drill.objects.create(
            request=request,
            origin=origin,
            kind=kind,
            amount=amount,
            seed=secrets.randbits(62) if seed is None else seed,
            despite_gates=despite_gates,
            started_by=administrator,
            started_at=now,
        )
        step = policy.transition(request, "propose_drill")
        run = _planting(drill) if isinstance(step, str) else None
        planting = {} if run is None else {"run": run.pk}
        audit.record(administrator, "start_drill", request, drill=drill.pk, origin=origin.pk, kind=kind, amount=amount, **planting)
        if not isinstance(step, str):
            request.state = step.target
            request.save()
            audit.record(None, "propose_drill", request, drill=drill.pk, digest=agreements.digest(request))
    return drill


@recorded("begin_drill", by_system=True)
def agreement_decided(request: ReleaseRequest, agreement: Agreement) -> Drill | None:
    """SDAT decided on a use case; None when it is no drill's. Agreed: the leak is planted now. Sent back: nobody would mend it, so it ends.

    Part of the decision's transaction. Nobody's agreement is made up: the road is the one its kind of data takes.
    """
    drill = Drill.objects.select_for_update(no_key=True).filter(request=request, revealed_at__isnull=True).first()
    if drill is None:
        return None
    if agreement.decision != Agreement.Decision.AGREE:
        return _reveal(request, drill, "The use case was sent back.")
    run = _planting(drill)
    audit.record(None, "begin_drill", request, drill=drill.pk, run=run.pk)
    return drill


@recorded("end_drill")
def end_drill(actor: Account, drill: Drill) -> Drill:
    """Call a drill off: it is revealed now, whoever had decided on it or not."""
    with transaction.atomic():
        request = locked(drill.request)
        drill = locked(drill)
        administrator = permit(actor, "end_drill", drill)
        for run in request.runs.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING), cancel_requested_at__isnull=True):
            runs.cancel_run(administrator, run)
        audit.record(administrator, "end_drill", request, drill=drill.pk)
        return _reveal(request, drill, "It was called off.")


@recorded("plant_drill", by_system=True)
def planted(run: Run, token: str, *, told: dict[str, Any], produced: list[dict[str, Any]]) -> SyntheticVersion:
    """Store the version with the leak in it, as its author's, and have it evaluated. Cancelled when the drill was called off."""
    with transaction.atomic():
        run = runs.finish(run, token)
        request = locked(run.request)
        drill = _under_way(request)
        origin = drill.origin
        version = SyntheticVersion.objects.create(
            request=request,
            number=1,
            generator=origin.generator,
            generator_version=origin.generator_version,
            tier=origin.tier,
            schema=origin.schema,
            mechanism=origin.mechanism,
            mechanism_digest=origin.mechanism_digest,
            summary=origin.summary,
            snapshot=origin.snapshot,
            rows=origin.rows,
            seed=origin.seed,
            confinement=origin.confinement,
            trained=origin.trained,
            files=produced,
            made_by=request.author,
            made_at=timezone.now(),
            run=run,
        )
        request.version, request.changed_at = version, timezone.now()
        request.save()
        drill.planted = told
        drill.save()
        account = _account(request, origin)
        written = {} if account is None else {"account": account.pk}
        evaluating = runs.begin_on(version, Run.Kind.EVALUATE, run.started_by)
        audit.record(None, "plant_drill", version, drill=drill.pk, run=run.pk, next=evaluating.pk, **written)
    return version


@recorded("judge_drill", by_system=True)
def judged(record: EvaluationRecord) -> Drill | None:
    """What the gates said of a drill; None when the version is no drill's, or the drill was called off.

    Part of the transaction that stores the evaluation. Caught: revealed at once, unless it goes to the reviewers all the same.
    """
    request = locked(record.version.request)
    drill = Drill.objects.filter(request=request, revealed_at__isnull=True).first()
    if drill is None:
        return None
    drill.gates_caught = not record.passed
    drill.save()
    audit.record(None, "judge_drill", request, drill=drill.pk, caught=drill.gates_caught, gates=record.gates_version)
    if drill.gates_caught and not drill.despite_gates:
        return _reveal(request, drill, "The gates caught it.")
    runs.begin_on(record.version, Run.Kind.DRILL, drill.started_by)
    return drill


@recorded("submit_drill", by_system=True)
def submitted(run: Run, token: str, *, capsule: str, manifest: str) -> ReleaseRequest:
    """Hand the drill to the reviewers, as its author would have. Cancelled when the drill was called off."""
    with transaction.atomic():
        run = runs.finish(run, token)
        request = locked(run.request)
        drill = _under_way(request)
        step = policy.transition(request, "submit_drill")
        if isinstance(step, str):
            raise Refused(step)
        now = timezone.now()
        request.state, request.changed_at = step.target, now
        request.submitted_by, request.submitted_at = request.author, now
        request.capsule, request.manifest_sha256 = capsule, manifest
        request.evidence_digest = evidence.digest(request, manifest)
        request.release_policy = in_force()
        request.save()
        keep_round(request)
        audit.record(None, "submit_drill", request, drill=drill.pk, manifest=manifest, evidence=request.evidence_digest)
    return request


@recorded("reveal_drill", by_system=True)
def decided(request: ReleaseRequest, signoff: SignOff) -> Drill | None:
    """Reveal a drill that was just decided on; None when the request is none, or more must sign. Part of the decision's transaction."""
    drill = Drill.objects.filter(request=request, revealed_at__isnull=True).first()
    if drill is None or request.state == ReleaseRequest.State.SUBMITTED:
        return None
    drill.reviewers_caught = signoff.decision != SignOff.Decision.APPROVE
    return _reveal(request, drill, "The reviewers decided on it.")


@recorded("destroy_drills", by_system=True)
def destroy_revealed() -> int | None:
    """Destroy the files of drills that are over, with a record of each; how many drills, None when there were none. The worker does it."""
    done = 0
    for drill in Drill.objects.filter(revealed_at__isnull=False, destroyed_at__isnull=True).select_related("request"):
        if drill.request.runs.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING)).exists():
            continue  # it is being told to stop
        version = drill.request.versions.first()
        capsule = files.folder("capsules") / str(drill.request_id)
        size = _size(capsule)
        for run in drill.request.runs.filter(kind=Run.Kind.DRILL):
            files.discard(files.folder("runs") / str(run.pk))
        files.discard(capsule)
        with transaction.atomic():
            drill = locked(drill)
            if drill.destroyed_at is not None:
                continue
            for what, sha256, bytes_ in _material(drill, version, size):
                DestructionRecord.objects.create(
                    snapshot=drill.origin.snapshot,
                    what=what,
                    sha256=sha256,
                    size=bytes_,
                    reason="The drill was revealed.",
                    destroyed_at=timezone.now(),
                    run=version.run,
                )
            drill.destroyed_at = timezone.now()
            drill.save()
            audit.record(None, "destroy_drills", drill.request, drill=drill.pk)
            done += 1
    return done or None


def _reveal(request: ReleaseRequest, drill: Drill, because: str) -> Drill:
    step = policy.transition(request, "reveal_drill")
    if isinstance(step, str):
        raise Refused(step)
    now = timezone.now()
    drill.revealed_at, drill.revealed_because = now, because
    drill.save()
    request.state, request.changed_at, request.closed_reason = step.target, now, _sentence(drill)
    request.save()
    audit.record(None, "reveal_drill", request, drill=drill.pk, because=because, gates=drill.gates_caught, reviewers=drill.reviewers_caught)
    return drill


def _sentence(drill: Drill) -> str:
    """What a drill was and how it went, for whoever took part."""
    words = {True: "caught it", False: "missed it", None: ""}
    planted = drill.planted or {}
    rows = planted.get("rows", 0)
    what = {
        Drill.Kind.ROWS: f"{rows:,} rows held real people's values",
        Drill.Kind.CELLS: f"{rows:,} rows held a rare real value",
        Drill.Kind.RECORD: f"one rare person's record stood in it {rows:,} times, slightly changed",
    }[Drill.Kind(drill.kind)]
    parts = [f"This was a drill: {what}." if planted else "This was a drill that was not finished."]
    parts += [
        f"The {who} {words[caught]}."
        for who, caught in (("gates", drill.gates_caught), ("reviewers", drill.reviewers_caught))
        if words[caught]
    ]
    return " ".join((*parts, "Nothing of it was ever published, and its files are being destroyed."))


def _planting(drill: Drill) -> Run:
    """The run that plants the leak."""
    request, origin = drill.request, drill.origin
    return runs.begin(drill.started_by, Run.Kind.DRILL, request.source, request=request, snapshot=origin.snapshot, summary=origin.summary)


def _account(request: ReleaseRequest, origin: SyntheticVersion) -> PlainAccount | None:
    """The plain-English account a request of this kind has when it is submitted: that of the request it is modelled on, or the draft."""
    tier = policy.policy_of(request).tier(request.tier)
    if tier is None or not tier.needs_account:
        return None
    known = plain_account.current(origin.request)
    text = known.text if known else plain_account.draft(request)
    return PlainAccount.objects.create(request=request, number=1, text=text, writer=request.author, written_at=timezone.now())


def _under_way(request: ReleaseRequest) -> Drill:
    drill = Drill.objects.select_for_update(no_key=True).filter(request=request, revealed_at__isnull=True).first()
    if drill is None:
        raise Cancelled
    return drill


def _material(drill: Drill, version: SyntheticVersion | None, capsule_size: int) -> list[tuple[str, str, int]]:
    """(what it is, SHA-256, bytes) of every file a drill left."""
    if version is None:
        return []
    several = len(version.files)
    found = [(f"drill {drill.pk}, file {i} of {several}", f["sha256"], f["size"]) for i, f in enumerate(version.files, 1)]
    if drill.request.manifest_sha256:
        found.append((f"drill {drill.pk}, capsule", drill.request.manifest_sha256, capsule_size))
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
