"""The Atom feed: new, changed and withdrawn releases (RFC 4287)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as tree

from releases.catalogue.models import ReleaseVersion
from releases.catalogue.standards.changes import told
from releases.catalogue.standards.described import Site, described
from releases.catalogue.standards.markup import child, moment, written

NAMESPACE = "http://www.w3.org/2005/Atom"
ENTRIES = 100
"""Of one feed; the interface's notices and OAI-PMH have all."""


def feed(site: Site, address: str, versions: Sequence[ReleaseVersion], now: datetime) -> bytes:
    """The feed of these versions, newest change first; `now` stands where there is none."""
    root = tree.Element("feed", {"xmlns": NAMESPACE, "xml:lang": "en"})
    child(root, "title", f"{site.name}: what is new, changed or withdrawn")
    child(root, "id", address)
    child(root, "link", attributes={"rel": "self", "type": "application/atom+xml", "href": address})
    child(root, "link", attributes={"rel": "alternate", "type": "text/html", "href": site.at("/datasets/")})
    child(child(root, "author"), "name", site.publisher)
    entries = [(described(each, site, with_tables=False), each) for each in versions]
    child(root, "updated", moment(max((said.modified for said, _ in entries), default=now)))
    for said, version in entries:
        entry = child(root, "entry")
        child(entry, "title", f"{told(version)}: {said.title}, version {said.version}")
        child(entry, "id", said.address)
        child(entry, "link", attributes={"rel": "alternate", "type": "text/html", "href": said.address})
        child(entry, "updated", moment(said.modified))
        child(entry, "published", moment(said.issued))
        child(entry, "category", attributes={"term": version.state})
        reason = " ".join(part for part in (version.refusal or "", version.state_reason) if part)
        open_ = version.on_show
        child(entry, "summary", said.abstract if open_ else reason)
    return written(root)
