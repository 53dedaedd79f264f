"""The disclosure ledger of a source: append-only (triggers refuse change and deletion), numbered without a gap."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from releases.models.keyed import Keyed, all_or_none


class LedgerEntry(Keyed):
    """One thing that told, or would have told, something of the source; or a budget for that, proposed or set.

    figures: released figures by table; digest: of what was told; epsilon, delta: spent, under the named composition; budget: the limits
    {"epsilon", "delta", "summaries"}, each None for no limit; detail: names, seeds, digests, [table, column] of conflicts; never a count.
    proposed_by: of a budget that was set, who proposed it: never the one who sets it.
    """

    class What(models.TextChoices):
        SUMMARY = "summary", "Summary released"
        REFUSED = "refused", "Summary refused"
        LEARNED = "learned", "Model learned"
        ATTEMPT = "attempt", "Generation asked for"
        GENERATION = "generation", "Version generated"
        PROPOSED = "proposed", "Budget proposed"
        SET = "set", "Budget set"

    source = models.ForeignKey("releases.SourceDataset", on_delete=models.PROTECT, related_name="ledger")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=20, choices=What.choices)
    run = models.ForeignKey("releases.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="ledger")
    summary = models.ForeignKey("releases.SummaryRecord", on_delete=models.PROTECT, null=True, blank=True, related_name="ledger")
    version = models.ForeignKey("releases.SyntheticVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="ledger")
    figures = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    epsilon = models.FloatField(null=True, blank=True)
    delta = models.FloatField(null=True, blank=True)
    composition = models.CharField(max_length=200, blank=True)
    budget = models.JSONField(null=True, blank=True)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("source", "-number")
        constraints = (
            models.UniqueConstraint(fields=("source", "number"), name="ledger_number_once"),
            models.CheckConstraint(condition=all_or_none("epsilon", "delta"), name="ledger_spent_whole"),
            models.CheckConstraint(
                condition=models.Q(what__in=("proposed", "set"), budget__isnull=False)
                | (~models.Q(what__in=("proposed", "set")) & models.Q(budget__isnull=True)),
                name="ledger_budget_where_it_belongs",
            ),
            models.CheckConstraint(
                condition=(models.Q(what="set", proposed_by__isnull=False) & ~models.Q(actor=models.F("proposed_by")))
                | (~models.Q(what="set") & models.Q(proposed_by__isnull=True)),
                name="ledger_budget_set_by_another",
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.get_what_display()}"
