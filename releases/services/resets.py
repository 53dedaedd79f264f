"""Helping somebody back in: a link to set a new password, or their second factors set aside.

It takes two administrators, neither of them that person: one administrator alone could otherwise become any reviewer.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit
from releases.models import Account, AccountReset, PasswordLink
from releases.permissions import Refused
from releases.services import factors, links, sign_ins
from releases.services.recorded import locked, permit, recorded


@recorded("propose_reset")
def propose_reset(actor: Account, account: Account, *, what: str) -> AccountReset:
    """Ask that `account` gets a link to set a new password ("password"), or loses its second factors ("factors")."""
    if what not in AccountReset.What.values:
        raise InputError("say whether a password or second sign-in steps are to be reset")
    with transaction.atomic():
        account = locked(account)
        administrator = permit(actor, "propose_reset", account)
        if account.resets.filter(what=what, confirmed_at__isnull=True, dropped_at__isnull=True).exists():
            raise Refused("That is asked for already; another administrator must confirm it.")
        reset = AccountReset.objects.create(account=account, what=what, proposed_by=administrator, proposed_at=timezone.now())
        audit.record(administrator, "propose_reset", account, what=what, reset=reset.pk)
    return reset


@recorded("confirm_reset")
def confirm_reset(actor: Account, reset: AccountReset) -> tuple[AccountReset, str]:
    """Do what another administrator asked for. The secret of the link, "" when there is none or it goes by mail."""
    with transaction.atomic():
        reset = locked(reset)
        administrator = permit(actor, "confirm_reset", reset)
        account, secret = locked(reset.account), ""
        if reset.what == AccountReset.What.PASSWORD:
            by_mail = not settings.SYNTHPORTAL_MAIL_IN_FILES
            _, secret = links.open_link(account, PasswordLink.Purpose.RESET, asked_by=administrator, by_mail=by_mail)
        else:
            factors.set_aside_all(account)
            sign_ins.end_all(account, "second sign-in steps were set aside by administrators")
        reset.confirmed_by, reset.confirmed_at = administrator, timezone.now()
        reset.save()
        audit.record(administrator, "confirm_reset", account, what=reset.what, reset=reset.pk, proposed_by=reset.proposed_by_id)
    return reset, secret


@recorded("drop_reset")
def drop_reset(actor: Account, reset: AccountReset) -> AccountReset:
    """Not after all."""
    with transaction.atomic():
        reset = locked(reset)
        administrator = permit(actor, "drop_reset", reset)
        reset.dropped_at = timezone.now()
        reset.save()
        audit.record(administrator, "drop_reset", reset.account, what=reset.what, reset=reset.pk)
    return reset
