"""What the Synthetic Data Audit Team records of a release: the DPIA, version by version, and its own judgement of the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, dpias, evidence
from releases.models import Account, Assessment, Dpia, ReleaseRequest
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded
from releases.services.rounds import keep_round

LONGEST = 4_000
STALE = "The evidence changed since you opened the page; read it again before you assess it."
DPIA_STALE = "Somebody wrote another version of the assessment since you opened the page; read it before you save yours."


@recorded("write_dpia")
def write_dpia(actor: Account, request: ReleaseRequest, *, answers: Mapping[str, Any], concluded: bool, after: int | None = None) -> Dpia:
    """Save a new version of the DPIA. concluded: it is declared complete; InputError names what it then still lacks.

    after: the number of the version the writer began from (0: none); another one since is Refused. Of a request under review the
    evidence digest changes with it; where somebody has signed this round, a new round begins, so that what was signed no longer counts.
    """
    form = dpias.form()
    given = _answers(form, answers)
    missing = dpias.missing(form, given)
    if concluded and missing:
        raise InputError(f"the assessment is not complete: {missing[0]}{f' ({len(missing) - 1} more)' if len(missing) > 1 else ''}")
    with transaction.atomic():
        request = locked(request)
        writer = permit(actor, "write_dpia", request)
        last = dpias.current(request)
        number = last.number if last else 0
        if after is not None and after != number:
            raise Refused(DPIA_STALE)
        known = dpias.prefilled(request)
        dpia = Dpia.objects.create(
            request=request,
            number=number + 1,
            form=form.id,
            answers=given,
            automatic=sorted(name for name, text in known.items() if given.get(name) == _plain(text)),
            complete=concluded,
            digest=dpias.digest_over(request, form.id, given, concluded),
            writer=writer,
            author=request.author,
            written_at=timezone.now(),
        )
        if request.state == ReleaseRequest.State.SUBMITTED:
            _bind(request)
        audit.record(
            writer,
            "write_dpia",
            request,
            dpia=dpia.pk,
            number=dpia.number,
            complete=concluded,
            digest=dpia.digest,
            round=request.round,
            evidence=request.evidence_digest,
        )
    return dpia


def _bind(request: ReleaseRequest) -> None:
    """The evidence of a request under review with the DPIA as it is now."""
    again = request.signoffs.filter(round=request.round).exists()
    request.round += again
    request.evidence_digest = evidence.digest(request, str(request.manifest_sha256))
    request.changed_at = timezone.now()
    request.save()
    if again:
        keep_round(request)


@recorded("assess")
def assess(actor: Account, request: ReleaseRequest, *, judgements: Mapping[str, tuple[str, str]], evidence_digest: str) -> Assessment:
    """Record one SDAT member's judgement: of each of `Assessment.ASPECTS` a judgement and its reason.

    evidence_digest: of the page that was read; a stale one is Refused. InputError when a judgement or a reason is missing.
    """
    given = {aspect: _judged(aspect, judgements.get(aspect, ("", ""))) for aspect in Assessment.ASPECTS}
    with transaction.atomic():
        request = locked(request)
        assessor = permit(actor, "assess", request)
        if evidence_digest != request.evidence_digest or not evidence.intact(request):
            raise Refused(STALE)
        made = Assessment.objects.create(
            request=request,
            round=request.round,
            version=request.version,
            evidence_digest=evidence_digest,
            assessor=assessor,
            author=request.author,
            **{aspect: judgement for aspect, (judgement, _) in given.items()},
            **{f"{aspect}_reason": reason for aspect, (_, reason) in given.items()},
            assessed_at=timezone.now(),
        )
        codes = {aspect: judgement for aspect, (judgement, _) in given.items()}
        audit.record(assessor, "assess", request, assessment=made.pk, judgements=codes, evidence=evidence_digest, round=request.round)
    return made


def _judged(aspect: str, given: tuple[str, str]) -> tuple[str, str]:
    judgement, reason = given[0], _plain(given[1])
    if judgement not in Assessment.Judgement.values:
        raise InputError(f"{aspect}: choose one of: {', '.join(Assessment.Judgement.labels)}")
    if not reason:
        raise InputError(f"{aspect}: say why")
    if len(reason) > LONGEST:
        raise InputError(f"{aspect}: that is longer than {LONGEST:,} characters")
    return judgement, reason


def _answers(form: dpias.Form, answers: Mapping[str, Any]) -> dpias.Answers:
    """What was answered to this form's questions, in its order. InputError for another question, an unknown rating, a text too long."""
    risks = {f"risk-{identity}" for identity, _ in form.risks}
    texts = {question.id for question in form.questions}
    if strange := sorted(set(answers) - risks - texts):
        raise InputError(f"the assessment has no question {strange[0]}")
    found: dpias.Answers = {}
    for name in sorted(answers):
        if name in texts:
            found[name] = _short(name, answers[name])
            continue
        rated = answers[name]
        if not isinstance(rated, Mapping) or set(rated) - {*dpias.RATINGS, "measures"}:
            raise InputError(f"{name}: give likelihood, severity, measures and what is left")
        for rating in dpias.RATINGS:
            if (value := rated.get(rating, "")) and value not in dict(form.ratings[rating]):
                raise InputError(f"{name}: the {rating} must be one of: {', '.join(dict(form.ratings[rating]))}")
        found[name] = {
            **{rating: str(rated.get(rating, "")) for rating in dpias.RATINGS},
            "measures": _short(name, rated.get("measures", "")),
        }
    return found


def _short(name: str, text: Any) -> str:
    whole = _plain(str(text))
    if len(whole) > dpias.LONGEST:
        raise InputError(f"{name}: that is longer than {dpias.LONGEST:,} characters")
    return whole


def _plain(text: str) -> str:
    """As a browser sends it back: one kind of line end, nothing around it."""
    return text.replace("\r\n", "\n").strip()
