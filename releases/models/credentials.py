"""By what somebody is known again: links to set a password, second factors, the trust's identity, and every sign-in with its end."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class PasswordLink(Keyed):
    """A link that lets one person set their password once. Only its SHA-256 is kept, from the moment the link itself was handed on."""

    class Purpose(models.TextChoices):
        INVITATION = "invitation", "invitation"
        RESET = "reset", "new password"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="links")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    digest = models.CharField(max_length=64, unique=True, null=True, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    by_mail = models.BooleanField()
    used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("asked_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("account",), condition=models.Q(used_at__isnull=True, ended_at__isnull=True), name="one_open_link_per_account"
            ),
            models.CheckConstraint(
                condition=models.Q(used_at__isnull=True) | models.Q(digest__isnull=False), name="link_used_was_handed_on"
            ),
        )


class Authenticator(Keyed):
    """A second factor of an account: an app that shows codes, or a security key. A removed one keeps its row without its secret."""

    class Kind(models.TextChoices):
        APP = "app", "authenticator app"
        KEY = "key", "security key"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="authenticators")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    name = models.CharField(max_length=60)
    sealed_secret = models.TextField(blank=True)
    credential = models.CharField(max_length=1400, blank=True)
    public_key = models.TextField(blank=True)
    counter = models.BigIntegerField(default=0)
    """Of an app the last time step whose code was used; of a key its own count of uses. Neither goes back: nothing works twice."""
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("made_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("account",), condition=models.Q(kind="app", removed_at__isnull=True), name="one_authenticator_app"
            ),
            models.UniqueConstraint(fields=("credential",), condition=~models.Q(credential=""), name="security_key_once"),
            models.CheckConstraint(
                condition=models.Q(removed_at__isnull=True) | models.Q(sealed_secret=""), name="removed_factor_keeps_no_secret"
            ),
        )

    def __str__(self) -> str:
        return self.name


class RecoveryCode(Keyed):
    """A code that stands in once for a lost second factor; only its SHA-256 is kept (it has 80 random bits)."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)


class ProviderIdentity(Keyed):
    """Who somebody is at the trust's identity provider, kept at their first sign-in from there: one person, one account."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    since = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("issuer", "subject"), name="provider_identity_once"),
            models.UniqueConstraint(fields=("account", "issuer"), name="one_identity_per_provider"),
        )


class SignIn(Keyed):
    """One time somebody signed in: how, when last seen, and how it ended. The session's cookie is worth nothing once this has ended."""

    class How(models.TextChoices):
        PASSWORD = "password", "password"
        CODE = "code", "password and a code from an app"
        KEY = "key", "password and a security key"
        RECOVERY = "recovery", "password and a recovery code"
        PROVIDER = "provider", "the trust's sign-in"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sign_ins")
    how = models.CharField(max_length=10, choices=How.choices)
    second_factor = models.BooleanField()
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    """When this person last showed who they are once more, signed in already."""
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 (null: all or none)

    class Meta:
        ordering = ("-began_at",)
        indexes = (models.Index(fields=("account", "ended_at"), name="open_sign_ins"),)
        constraints = (models.CheckConstraint(condition=all_or_none("ended_at", "ended_because"), name="sign_in_ended_whole"),)


class FailedAttempts(models.Model):
    """Failed attempts in a row of one e-mail address, one network address, or both together; the key is a keyed hash of which."""

    key = models.CharField(max_length=64, primary_key=True)
    failures = models.PositiveIntegerField()
    last_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.failures} failed attempts"


class AccountReset(Keyed):
    """An administrator asks that somebody may set a new password, or sets aside their second factors. Who asks does not confirm."""

    class What(models.TextChoices):
        PASSWORD = "password", "a link to set a new password"
        FACTORS = "factors", "second sign-in steps set aside"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="resets")
    what = models.CharField(max_length=10, choices=What.choices)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-proposed_at",)
        constraints = (
            models.CheckConstraint(condition=all_or_none("confirmed_by", "confirmed_at"), name="reset_confirmed_whole"),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True) | ~models.Q(confirmed_by=models.F("proposed_by")),
                name="reset_by_two_administrators",
            ),
            models.CheckConstraint(
                condition=~models.Q(account=models.F("proposed_by"))
                & (models.Q(confirmed_by__isnull=True) | ~models.Q(account=models.F("confirmed_by"))),
                name="reset_not_for_oneself",
            ),
            models.UniqueConstraint(
                fields=("account", "what"), condition=models.Q(confirmed_at__isnull=True, dropped_at__isnull=True), name="one_open_reset"
            ),
        )
