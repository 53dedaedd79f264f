"""The release policy of this installation: one person of IG writes a draft, another puts it in force."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from generators.digests import digest
from generators.errors import InputError
from releases import audit, policy
from releases.models import Account, PolicyRecord
from releases.permissions import Refused
from releases.release_policies import ReleasePolicy
from releases.services.recorded import locked, permit, recorded

LONGEST_NOTE = 2_000


@recorded("draft_policy")
def draft_policy(actor: Account) -> PolicyRecord:
    """A draft that begins as the policy in force."""
    with transaction.atomic():
        writer = permit(actor, "draft_policy")
        began = policy.release_policy()
        number = (PolicyRecord.objects.aggregate(last=Max("number"))["last"] or 0) + 1
        now = timezone.now()
        draft = PolicyRecord(number=number, content={}, based_on=began.id, author=writer, made_at=now, changed_at=now)
        draft.content = {**began.as_dict(), "id": draft.name, "note": ""}
        draft.save(force_insert=True)
        audit.record(writer, "draft_policy", draft, policy=draft.name, based_on=began.id)
    return draft


@recorded("change_policy")
def change_policy(actor: Account, draft: PolicyRecord, *, content: dict[str, Any]) -> PolicyRecord:
    """Another content of the draft. InputError names the kind of data and the field that cannot be so."""
    wanted = ReleasePolicy.from_dict({**content, "id": draft.name})
    if len(wanted.note) > LONGEST_NOTE:
        raise InputError(f"note: at most {LONGEST_NOTE:,} characters")
    with transaction.atomic():
        draft = locked(draft)
        writer = permit(actor, "change_policy", draft)
        draft.content, draft.changed_at = wanted.as_dict(), timezone.now()
        draft.save()
        audit.record(writer, "change_policy", draft, policy=draft.name, content=digest(draft.content))
    return draft


@recorded("discard_policy")
def discard_policy(actor: Account, draft: PolicyRecord) -> PolicyRecord:
    """Give the draft up. It stays on record."""
    with transaction.atomic():
        draft = locked(draft)
        reviewer = permit(actor, "discard_policy", draft)
        draft.discarded_at = timezone.now()
        draft.save()
        audit.record(reviewer, "discard_policy", draft, policy=draft.name)
    return draft


@recorded("put_policy_in_force")
def put_policy_in_force(actor: Account, draft: PolicyRecord, *, read: str) -> PolicyRecord:
    """Put the draft in force, for every decision from now on. read: digest of the content its reader saw; another one is Refused."""
    with transaction.atomic():
        list(PolicyRecord.objects.select_for_update().values_list("pk"))  # two drafts put in force at once would both be the newest
        draft = locked(draft)
        reviewer = permit(actor, "put_policy_in_force", draft)
        if digest(draft.content) != read:
            raise Refused("The draft changed since you opened the page; read it again before you put it in force.")
        wanted = ReleasePolicy.from_dict(draft.content)
        if not wanted.note.strip():
            raise InputError("the draft does not say what it changes and why; its writer adds that note first")
        draft.put_in_force_by, draft.in_force_at = reviewer, timezone.now()
        draft.save()
        audit.record(
            reviewer, "put_policy_in_force", draft, policy=draft.name, before=draft.based_on, content=read, author=str(draft.author_id)
        )
    return draft
