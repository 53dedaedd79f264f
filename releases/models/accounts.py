"""Accounts of the secure site and the roles they hold."""

from __future__ import annotations

import unicodedata
from functools import cached_property
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from releases.models.keyed import Keyed, all_or_none


class RoleName(models.TextChoices):
    """The roles; each is a Django group of the same name."""

    STEWARD = "steward", "data steward"
    SDAT = "sdat", "Synthetic Data Audit Team"
    IG = "ig", "Information Governance"
    PPI = "ppi", "patient and public involvement"
    AUDITOR = "auditor", "auditor"
    ADMINISTRATOR = "administrator", "administrator"


REVIEWER_ROLES = frozenset({RoleName.SDAT.value, RoleName.IG.value})
"""Roles that sign for a release; granting one takes two administrators."""


def person_key(email: str) -> str:
    """The person behind an e-mail address: capitals, dots and what follows a plus sign before the @ do not make another one."""
    local, _, domain = unicodedata.normalize("NFKC", email).strip().casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain.rstrip('.')}"


class AccountManager(BaseUserManager["Account"]):
    """Accounts are found by e-mail, whatever its capitals."""

    use_in_migrations = False

    def create_user(self, email: str, password: str | None = None, *, full_name: str = "", **extra: Any) -> Account:
        account = self.model(email=email.strip().lower(), full_name=full_name.strip(), **extra)
        account.set_password(password)
        account.save(using=self._db)
        return account

    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(email__iexact=username or "")


class Account(Keyed, AbstractUser):
    """A person who signs in to the secure site. What they may do comes from their roles alone: there is no superuser."""

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField("e-mail", unique=True)
    full_name = models.CharField("full name", max_length=200)
    person_key = models.CharField(max_length=254, null=True, blank=True, editable=False)  # noqa: DJ001 (null: a second account, closed)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    objects: ClassVar[AccountManager] = AccountManager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(Lower("email"), name="account_email_once"),
            models.UniqueConstraint(fields=("person_key",), condition=models.Q(person_key__isnull=False), name="one_account_per_person"),
        )

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.is_active and self._state.adding:
            self.person_key = person_key(self.email)
        super().save(*args, **kwargs)

    def __str__(self) -> str:
        return self.full_name or self.email

    @cached_property
    def roles(self) -> frozenset[str]:
        """Names of the roles held when first asked of this instance. Services re-read the account before they act."""
        if not self.is_active:
            return frozenset()
        return frozenset(self.groups.values_list("name", flat=True))

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name


class RoleGrant(Keyed):
    """A role proposed for an account, confirmed (by somebody else, for reviewer roles) and perhaps removed again."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=20, choices=RoleName.choices)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("proposed_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("removed_by", "removed_at"), name="role_removed_whole"),
            models.CheckConstraint(
                # A null `confirmed_by` beside a date is the installation's own first administrator (proposed_by null too).
                condition=models.Q(confirmed_by__isnull=True) | models.Q(confirmed_at__isnull=False),
                name="role_confirmed_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_at__isnull=True) | models.Q(confirmed_by__isnull=False) | models.Q(role="administrator"),
                name="role_confirmed_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(role__in=("sdat", "ig"))
                | models.Q(confirmed_by__isnull=True)
                | ~models.Q(confirmed_by=models.F("proposed_by")),
                name="reviewer_role_by_two_administrators",
            ),
            models.CheckConstraint(condition=~models.Q(account=models.F("proposed_by")), name="role_not_proposed_for_oneself"),
            models.CheckConstraint(condition=~models.Q(account=models.F("confirmed_by")), name="role_not_confirmed_for_oneself"),
            models.UniqueConstraint(fields=("account", "role"), condition=models.Q(removed_at__isnull=True), name="role_once_per_account"),
        )

    def __str__(self) -> str:
        return f"{self.get_role_display()} for {self.account}"

    @property
    def effective(self) -> bool:
        return self.confirmed_at is not None and self.removed_at is None
