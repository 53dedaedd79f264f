"""Second factors of one's own account, and showing them when signing in. Nothing that was shown once works again."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from generators.errors import InputError
from releases import audit, second_factors
from releases.models import Account, Authenticator, RecoveryCode, SignIn
from releases.services import sign_ins
from releases.services.recorded import locked, permit, recorded

LONGEST_NAME = 60


@recorded("add_factor")
def add_app(actor: Account, *, name: str, secret: str, code: str, sign_in: SignIn | None) -> Authenticator:
    """An app that shows codes, once it showed the right one: `sign_in` has then a second factor.

    InputError when it did not, or there is an app already.
    """
    name = _named(name)
    with transaction.atomic():
        account = permit(actor, "add_factor", sign_in=_now(sign_in))
        if second_factors.held(account).filter(kind=Authenticator.Kind.APP).exists():
            raise InputError("there is an authenticator app already; remove that one first")
        step = second_factors.step_of(secret, code, after=0)
        if step is None:
            raise InputError(
                "that code is not the one the app shows now; check that the clock of the telephone is right and try the next code"
            )
        made = Authenticator.objects.create(
            account=account,
            kind=Authenticator.Kind.APP,
            name=name,
            sealed_secret=second_factors.sealed(secret),
            counter=step,
            made_at=timezone.now(),
        )
        _strengthened(account, sign_in)
        audit.record(account, "add_factor", account, kind=made.kind, factor=made.pk)
    return made


@recorded("add_factor")
def add_key(actor: Account, *, name: str, answer: str, challenge: bytes, sign_in: SignIn | None) -> Authenticator:
    """A security key that answered `challenge`: `sign_in` has then a second factor.

    InputError when it did not, or is known already.
    """
    name = _named(name)
    with transaction.atomic():
        account = permit(actor, "add_factor", sign_in=_now(sign_in))
        try:
            key = second_factors.registered(answer, challenge)
        except second_factors.UNUSABLE:
            raise InputError("the security key's answer could not be used; try again") from None
        if Authenticator.objects.filter(credential=key.credential).exists():
            raise InputError("this security key is in use already")
        made = Authenticator.objects.create(
            account=account,
            kind=Authenticator.Kind.KEY,
            name=name,
            credential=key.credential,
            public_key=key.public_key,
            counter=key.counter,
            made_at=timezone.now(),
        )
        _strengthened(account, sign_in)
        audit.record(account, "add_factor", account, kind=made.kind, factor=made.pk)
    return made


@recorded("remove_factor")
def remove_factor(actor: Account, factor: Authenticator, *, sign_in: SignIn | None) -> Authenticator:
    """Remove a second factor of one's own; other sign-ins than this one end. The last one not, where a role asks for one."""
    with transaction.atomic():
        factor = locked(factor)
        account = permit(actor, "remove_factor", factor, sign_in=_now(sign_in))
        _set_aside(Authenticator.objects.filter(pk=factor.pk))
        if not second_factors.held(account).exists():
            second_factors.open_codes(account).update(ended_at=timezone.now())
        sign_ins.end_all(account, "a second sign-in step was removed", but=sign_in)
        audit.record(account, "remove_factor", account, kind=factor.kind, factor=factor.pk)
    return factor


@recorded("make_recovery_codes")
def make_recovery_codes(actor: Account, *, sign_in: SignIn | None) -> list[str]:
    """Ten new recovery codes in place of those there were. They are shown once; only their digests are kept."""
    with transaction.atomic():
        account = permit(actor, "make_recovery_codes", sign_in=_now(sign_in))
        if not second_factors.held(account).exists():
            raise InputError("recovery codes stand in for a second sign-in step; set one up first")
        now = timezone.now()
        second_factors.open_codes(account).update(ended_at=now)
        codes = [second_factors.new_code() for _ in range(second_factors.RECOVERY_CODES)]
        RecoveryCode.objects.bulk_create(
            RecoveryCode(account=account, digest=second_factors.code_digest(code), made_at=now) for code in codes
        )
        audit.record(account, "make_recovery_codes", account, codes=len(codes))
    return codes


@recorded("show_factor", by_system=True)
def show_code(account: Account, code: str) -> str | None:
    """How somebody who gave the right password is known by `code` (of their app, or a recovery code): a `SignIn.How`; None when not."""
    with transaction.atomic():
        account = locked(account)
        app = second_factors.held(account).filter(kind=Authenticator.Kind.APP).first()
        if app is not None:
            step = second_factors.step_of(second_factors.unsealed(app.sealed_secret), code, after=app.counter)
            if step is not None and _used(app, step):
                return _shown(account, SignIn.How.CODE)
        recovery = second_factors.open_codes(account).filter(digest=second_factors.code_digest(code))
        if recovery.update(used_at=timezone.now()):
            return _shown(account, SignIn.How.RECOVERY)
    return None


@recorded("show_factor", by_system=True)
def show_key(account: Account, answer: str, challenge: bytes) -> str | None:
    """The same by a security key's answer to `challenge`."""
    with transaction.atomic():
        account = locked(account)
        key = second_factors.held(account).filter(kind=Authenticator.Kind.KEY, credential=second_factors.answered_by(answer)).first()
        if key is None:
            return None
        try:
            count = second_factors.new_count(key, answer, challenge)
        except second_factors.UNUSABLE:
            return None
        Authenticator.objects.filter(pk=key.pk).update(counter=count, used_at=timezone.now())
        return _shown(account, SignIn.How.KEY)


def set_aside_all(account: Account) -> int:
    """Every second factor and recovery code of an account, as part of the service that records it; how many factors there were."""
    second_factors.open_codes(account).update(ended_at=timezone.now())
    return _set_aside(second_factors.held(account))


def _now(sign_in: SignIn | None) -> SignIn | None:
    """The sign-in as the database knows it: one that was ended a moment ago changes nothing."""
    return None if sign_in is None else SignIn.objects.filter(pk=sign_in.pk).first()


def _strengthened(account: Account, sign_in: SignIn | None) -> None:
    if sign_in is not None:
        SignIn.objects.filter(pk=sign_in.pk, account=account).update(second_factor=True)


def _set_aside(rows: object) -> int:
    return int(rows.update(removed_at=timezone.now(), sealed_secret=""))  # type: ignore[attr-defined]


def _used(app: Authenticator, step: int) -> bool:
    """Whether the code of `step` is used now for the first time."""
    return bool(Authenticator.objects.filter(pk=app.pk, counter__lt=step).update(counter=step, used_at=timezone.now()))


def _shown(account: Account, how: SignIn.How) -> str:
    audit.record(account, "show_factor", account, how=how.value)
    return how.value


def _named(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise InputError(f"give it a name of at most {LONGEST_NAME} characters, by which you know it again")
    return name
