"""What people must hear, by page and by mail; releases taken back for good; releases looked at again by people."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed


class Withdrawal(Keyed):
    """A release taken back for good. Append-only; never by its author.

    reason: coded, `said` with it published in the feed and on the page that keeps the release's address; why: for people inside.
    """

    class Reason(models.TextChoices):
        DISCLOSURE = "disclosure", "A disclosure risk was found"
        ERROR = "error", "There is an error in the data"
        AGREEMENT = "agreement", "The agreement it rested on has ended"
        SUPERSEDED = "superseded", "A newer release takes its place"
        CONTROLLER = "controller", "The data controller asked for it"
        OTHER = "other", "Another reason"

    request = models.OneToOneField("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="withdrawal")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=20, choices=Reason.choices)
    said = models.CharField(max_length=200)
    why = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~models.Q(by=models.F("author")), name="nobody_withdraws_their_own"),
            models.CheckConstraint(condition=~models.Q(said="") & ~models.Q(why=""), name="a_withdrawal_has_its_reasons"),
        )

    def __str__(self) -> str:
        return f"{self.request}, withdrawn: {self.get_reason_display()}"


class Rereview(Keyed):
    """That somebody of IG looked at a published release again and found that it may stay. Append-only; never by its author."""

    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, related_name="rereviews")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    why = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at",)
        constraints = (
            models.CheckConstraint(condition=~models.Q(by=models.F("author")), name="nobody_reviews_their_own_again"),
            models.CheckConstraint(condition=~models.Q(why=""), name="a_review_says_why"),
        )

    def __str__(self) -> str:
        return f"{self.request}, looked at again"


class Notification(Keyed):
    """One thing one person must hear of. Never a figure, never a value.

    key: what it is about; the same person is told the same thing once. link: an address of this site. urgent: mailed at once to those
    who must know, whatever they chose. mail: whether it waits to be mailed, was mailed, or is not mailed because the person chose so.
    """

    class Mail(models.TextChoices):
        WAITING = "waiting", "waits to be mailed"
        MAILED = "mailed", "mailed"
        UNWANTED = "unwanted", "on this page only"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=40)
    request = models.ForeignKey("releases.ReleaseRequest", on_delete=models.PROTECT, null=True, blank=True, related_name="notices")
    title = models.CharField(max_length=200)
    sentence = models.TextField()
    link = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    urgent = models.BooleanField(default=False)
    made_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    mail = models.CharField(max_length=10, choices=Mail.choices, default=Mail.WAITING)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-made_at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("account", "key"), name="told_once"),
            models.CheckConstraint(
                condition=models.Q(mail="mailed", mailed_at__isnull=False) | (~models.Q(mail="mailed") & models.Q(mailed_at__isnull=True)),
                name="notice_mailed_whole",
            ),
        )
        indexes = (
            models.Index(fields=("account", "read_at"), name="notices_unread"),
            models.Index(fields=("mail", "account"), name="notices_to_mail"),
        )

    def __str__(self) -> str:
        return self.title


class MailChoice(Keyed):
    """How somebody wants to hear by mail; nobody's row: at once. digest_at: when their last daily mail went."""

    class When(models.TextChoices):
        AT_ONCE = "at once", "at once"
        DAILY = "daily", "once a day, together"
        NONE = "none", "not by mail"

    account = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mail_choice")
    when = models.CharField(max_length=10, choices=When.choices, default=When.AT_ONCE)
    digest_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.account}: {self.get_when_display()}"
