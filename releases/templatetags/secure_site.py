"""The menu of the secure site, and how many notices are not read."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.template import Context
from django.urls import reverse

register = template.Library()

ENTRIES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("Home", "home", frozenset()),
    ("Datasets", "sources", frozenset({"steward", "auditor"})),
    ("Requests", "requests", frozenset({"steward", "sdat", "ig", "ppi", "auditor"})),
    ("Policy", "policies", frozenset({"steward", "sdat", "ig", "ppi", "auditor"})),
    ("Releases", "releases", frozenset({"sdat", "ig", "auditor"})),
    ("Ledgers", "ledgers", frozenset({"steward", "sdat", "ig", "auditor"})),
    ("Drills", "drills", frozenset({"administrator", "sdat", "ig", "auditor"})),
    ("Audit trail", "audit", frozenset({"auditor"})),
    ("Accounts", "accounts", frozenset({"administrator", "auditor"})),
)
"""(words, name of the address, roles that see it; none: everybody who signed in)."""


@dataclass(frozen=True)
class MenuEntry:
    """One entry; `current` on the pages under its address."""

    text: str
    href: str
    current: bool


@register.simple_tag(takes_context=True)
def menu(context: Context) -> list[MenuEntry]:
    """The entries this person's roles show."""
    request = context["request"]
    here, roles = request.path, request.user.roles
    entries = []
    for text, name, shown_to in ENTRIES:
        if shown_to and not shown_to & roles:
            continue
        href = reverse(name)
        entries.append(MenuEntry(text, href, here == href if name == "home" else here.startswith(href)))
    return entries


@register.simple_tag(takes_context=True)
def unread_notices(context: Context) -> int:
    """How many notices this person has not read."""
    return int(context["request"].user.notices.filter(read_at__isnull=True).count())
