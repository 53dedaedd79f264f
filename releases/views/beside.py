"""What is written beside a request (agreement, DPIA, assessments, plain-English account), as lines with links for its pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from releases import agreement_guards, agreements, dpias, plain_account
from releases.blindness import Sight
from releases.models import ReleaseRequest
from releases.templatetags.plain_words import day


@dataclass(frozen=True)
class Beside:
    """One thing: its name, how it stands, where it is; action: words of a further link, empty when this person can do nothing about it."""

    title: str
    text: str
    href: str = ""
    action: str = ""
    action_href: str = ""


def beside(asked: ReleaseRequest, answers: dict[str, str | None], sight: Sight) -> list[Beside]:
    """What there is, or what the release policy asks for and is still missing. answers: `permissions.allowed`; sight: of who reads it."""
    found = [_agreement(asked, answers), _account(asked, answers), _dpia(asked, answers), _assessments(asked, answers, sight)]
    return [each for each in found if each is not None]


def _agreement(asked: ReleaseRequest, answers: dict[str, str | None]) -> Beside | None:
    last = agreements.last(asked)
    if last is None and asked.state != ReleaseRequest.State.PROPOSED:
        return None
    words = f"{last.get_decision_display().capitalize()} by {last.reviewer}, {day(last.decided_at)}" if last else "Waits for its agreement"
    if last and asked.state == ReleaseRequest.State.PROPOSED:
        words = f"Proposed again; {words[0].lower()}{words[1:]}"
    return Beside("Agreement of the use case", words, reverse("agreement", args=[asked.pk]))


def _account(asked: ReleaseRequest, answers: dict[str, str | None]) -> Beside | None:
    account, tier = plain_account.current(asked), agreement_guards.tier_of(asked)
    if account is None and not (tier and tier.needs_account):
        return None
    href = reverse("account-text", args=[asked.pk])
    if account is None:
        words, href = "Not written yet", ""
    elif plain_account.approved(account):
        words = f"Version {account.number}, approved by {account.approval.approver}, {day(account.approval.approved_at)}"
    else:
        words = f"Version {account.number}, written by {account.writer}; not approved by a patient and public involvement member"
    writing = answers["write_account"] is None
    return Beside("Plain-English account", words, href, "Write it" if writing else "", reverse("write-account", args=[asked.pk]))


def _dpia(asked: ReleaseRequest, answers: dict[str, str | None]) -> Beside | None:
    dpia, tier = dpias.current(asked), agreement_guards.tier_of(asked)
    writing = answers["write_dpia"] is None
    if dpia is None and not writing and not (tier and tier.needs_dpia):
        return None
    words = "Not begun" if dpia is None else f"Version {dpia.number}, {'complete' if dpia.complete else 'not complete'}, by {dpia.writer}"
    href = reverse("dpia", args=[asked.pk]) if dpia else ""
    return Beside("Data protection impact assessment", words, href, "Write it" if writing else "", reverse("write-dpia", args=[asked.pk]))


def _assessments(asked: ReleaseRequest, answers: dict[str, str | None], sight: Sight) -> Beside | None:
    tier = agreement_guards.tier_of(asked)
    rows = asked.assessments.filter(evidence_digest=asked.evidence_digest).select_related("assessor")
    made = sight.assessments(rows) if asked.evidence_digest else []
    if not made and not (tier and tier.needs_assessment and asked.evidence_digest):
        return None
    words = "; ".join(f"{a.assessor}: {', '.join(f'{name} {judgement}' for name, judgement, _ in a.lines)}" for a in made)
    writing = answers["assess"] is None
    return Beside(
        "Assessment by the Synthetic Data Audit Team",
        words or "Nobody has assessed this evidence yet",
        "",
        "Assess it" if writing else "",
        reverse("assess", args=[asked.pk]),
    )
