"""What every service has in common: it asks a permission, writes an audit event, and a refusal of it is recorded too."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

from django.db import models

from releases import audit
from releases.models import Account
from releases.permissions import Refused, explain

Service = TypeVar("Service", bound=Callable[..., Any])
Row = TypeVar("Row", bound=models.Model)
_asked: ContextVar[int] = ContextVar("permissions_asked", default=0)


def recorded(action: str, *, by_system: bool = False) -> Callable[[Service], Service]:
    """Decorates a service. One that ends well without having asked (`permit`) and recorded (`audit.record`) is a defect: RuntimeError.

    by_system: a service of the worker, the publisher or the installation, which has no actor to ask about.
    """

    def decorate(service: Service) -> Service:
        @wraps(service)
        def done(*args: Any, **kwargs: Any) -> Any:
            asked, written = _asked.get(), audit.written.get()
            try:
                result = service(*args, **kwargs)
            except Refused as refusal:
                if not by_system:
                    target = args[1] if len(args) > 1 and isinstance(args[1], models.Model) else None
                    actor = args[0] if isinstance(args[0], Account) else None
                    audit.record_refusal(actor, action, target, str(refusal))
                raise
            if not by_system and _asked.get() == asked:
                raise RuntimeError(f"service {service.__name__} changed state without asking a permission")
            if result is not None and audit.written.get() == written:
                raise RuntimeError(f"service {service.__name__} changed state without an audit event")
            return result

        done.action = action  # type: ignore[attr-defined] # read by the test that finds every service
        done.by_system = by_system  # type: ignore[attr-defined]
        return cast(Service, done)

    return decorate


def refuse(actor: Account, action: str, target: models.Model, sentence: str) -> NoReturn:
    """Refused, recorded like a service's own refusal: for a page that must say no before it reads what was sent."""
    audit.record_refusal(actor, action, target, sentence)
    raise Refused(sentence)


def permit(actor: Any, action: str, target: models.Model | None = None, **context: Any) -> Account:
    """The actor as the database knows them now, if they may; Refused otherwise.

    Call it inside the transaction: a role withdrawn a moment ago counts, and on PostgreSQL the actor's own actions queue up.
    """
    _asked.set(_asked.get() + 1)
    account = Account.objects.select_for_update(no_key=True).filter(pk=getattr(actor, "pk", None)).first()
    sentence = explain(account, action, target, **context)
    if sentence is not None or account is None:
        raise Refused(sentence or "Sign in first.")
    return account


def locked(row: Row) -> Row:
    """The row as it is now, locked until the transaction ends (SQLite: the whole file is, since the transaction is IMMEDIATE)."""
    return type(row)._default_manager.select_for_update(no_key=True).get(pk=row.pk)
