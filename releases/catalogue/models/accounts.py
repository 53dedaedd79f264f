"""People who sign in to the catalogue, the links and mails they get, and a record of who did what."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower


class Keyed(models.Model):
    """A row addressed by an opaque UUID: an address tells nobody how many there are or guesses the next."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


def all_or_none(*fields: str) -> models.Q:
    """A CHECK under which these nullable columns are filled together or not at all: no half decision."""
    filled = models.Q(**{f"{name}__isnull": False for name in fields})
    empty = models.Q(**{f"{name}__isnull": True for name in fields})
    return filled | empty


class AccountManager(BaseUserManager["CatalogueAccount"]):
    """Accounts are found by e-mail, whatever its capitals."""

    use_in_migrations = False

    def get_by_natural_key(self, username: str | None) -> CatalogueAccount:
        return self.get(email__iexact=username or "")


class CatalogueAccount(Keyed, AbstractBaseUser):
    """A researcher, or an access officer (`officer`), who decides on applications and holds no data.

    person_key: the person behind the address (`access.institutions.canonical`), one account each; confirmed_at: when a link mailed to the
    address was used; sealed_secret: of the authenticator app, sealed; step: the last time step whose code was used; sealed_codes: the
    recovery codes that are left, sealed.
    """

    email = models.EmailField("e-mail", unique=True)
    person_key = models.CharField(max_length=254, unique=True)
    full_name = models.CharField(max_length=200)
    organisation = models.CharField(max_length=200, blank=True)
    post = models.CharField(max_length=200, blank=True)
    officer = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    made_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    sealed_secret = models.TextField(blank=True)
    step = models.BigIntegerField(default=0)
    sealed_codes = models.TextField(blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="catalogue_email_once"),)

    def __str__(self) -> str:
        return self.full_name or self.email


class MailedLink(Keyed):
    """A link that was mailed: one use, for some days. Only the SHA-256 of its secret is kept. `subject`: key of what it is about."""

    class Purpose(models.TextChoices):
        CONFIRM = "confirm", "confirm an e-mail address"
        PASSWORD = "password", "choose a password"
        REFEREE = "referee", "act as referee"
        DELETION = "deletion", "confirm a deletion"
        HOLD = "hold", "take a release off display"

    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    subject = models.UUIDField(db_index=True)
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)


class OutgoingMail(Keyed):
    """A mail that waits to be sent, sealed: it may hold a link. Once sent its text is gone. `once`: a mail of this key is posted once."""

    recipient = models.EmailField()
    subject = models.CharField(max_length=200)
    sealed_body = models.TextField(blank=True)
    once = models.CharField(max_length=120, unique=True, null=True, blank=True)
    made_at = models.DateTimeField()
    next_try_at = models.DateTimeField(db_index=True)
    tries = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)


class FailedAttempts(models.Model):
    """Attempts in a row, by a keyed hash of who or where: see `access.attempts`."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.failures} in a row"


class AccessEvent(models.Model):
    """What somebody did about access, for good: the database lets no row be changed or removed."""

    at = models.DateTimeField()
    actor = models.ForeignKey(CatalogueAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    action = models.CharField(max_length=40)
    about = models.CharField(max_length=120)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.action} {self.about}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, force_insert=True)
