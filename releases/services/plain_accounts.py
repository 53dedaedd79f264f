"""The plain-English account of a release: written by a steward or a PPI member, approved by another PPI member."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, plain_account
from releases.models import Account, PlainAccount, PlainAccountApproval, ReleaseRequest
from releases.permissions import Refused
from releases.services.recorded import locked, permit, recorded

STALE = "The text was changed since you opened the page; read it again before you approve it."


@recorded("write_account")
def write_account(actor: Account, request: ReleaseRequest, *, text: str) -> PlainAccount:
    """Save a new version of the text; what was approved of an earlier one no longer counts."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise InputError("write the account, in words a patient would use")
    if len(text) > plain_account.LONGEST:
        raise InputError(f"the account is longer than {plain_account.LONGEST:,} characters; a patient reads half a page")
    if "\x00" in text:
        raise InputError("the account holds a character that is no text")
    with transaction.atomic():
        request = locked(request)
        writer = permit(actor, "write_account", request)
        last = plain_account.current(request)
        now = timezone.now()
        written = PlainAccount.objects.create(
            request=request, number=last.number + 1 if last else 1, text=f"{text}\n", writer=writer, written_at=now
        )
        request.changed_at = now  # a submission that is being put together notices
        request.save()
        audit.record(writer, "write_account", request, account=written.pk, number=written.number)
    return written


@recorded("approve_account")
def approve_account(actor: Account, request: ReleaseRequest, *, account: PlainAccount) -> PlainAccountApproval:
    """A PPI member finds the text right. account: the version they read; Refused when there is a newer one."""
    with transaction.atomic():
        request = locked(request)
        approver = permit(actor, "approve_account", request)
        current = plain_account.current(request)
        if current is None or current.pk != account.pk:
            raise Refused(STALE)
        approval = PlainAccountApproval.objects.create(
            account=current, approver=approver, writer=current.writer, approved_at=timezone.now()
        )
        audit.record(approver, "approve_account", request, account=current.pk, number=current.number)
    return approval
