"""What the signed register says."""

from __future__ import annotations

from releases.catalogue.models import RegisterStatement

COUNTS = {
    "approved": "Approved",
    "at_once": "… of these at once, by a standing approval",
    "returned": "Returned for changes",
    "rejected": "Refused",
    "published": "Released",
    "suspended": "Suspended now",
    "withdrawn": "Withdrawn",
}
MEDIANS = {
    "turnaround_days": "Working days from submission to decision of the others (median)",
    "attempts": "Versions made before one was released (median)",
    "most_attempts": "Most versions made for one release",
}


def newest() -> RegisterStatement | None:
    """The newest register that the publisher signed; None before one was taken in."""
    return RegisterStatement.objects.filter(pk=1).first()


def totals() -> dict[str, int] | None:
    """The counts over all kinds of data; None before a register was taken in."""
    said = newest()
    return None if said is None else {name: sum(each[name] for each in said.content["figures"]) for name in COUNTS}
