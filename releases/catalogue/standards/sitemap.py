"""sitemap.xml and robots.txt, for search engines (sitemaps.org protocol 0.9, RFC 9309)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as tree

from releases.catalogue.standards.described import Site
from releases.catalogue.standards.markup import child, moment, written

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST = 50_000
"""Addresses of one file, by the protocol."""
PAGES = ("/", "/datasets/", "/patients/", "/register/")


def pages_of(site: Site, datasets: Sequence[tuple[str, datetime]]) -> list[tuple[str, datetime | None]]:
    """Every address with when it last changed: the site's pages, then (path, moment) of each dataset."""
    return [(site.at(path), None) for path in PAGES] + [(site.at(path), at) for path, at in datasets]


def urls(addresses: Sequence[tuple[str, datetime | None]]) -> bytes:
    """One file of addresses."""
    return _listed("urlset", "url", addresses)


def index(site: Site, files: int) -> bytes:
    """The file that lists the others, where one is not enough."""
    return _listed("sitemapindex", "sitemap", [(site.at(f"/sitemap-{number}.xml"), None) for number in range(1, files + 1)])


def _listed(outer: str, inner: str, addresses: Sequence[tuple[str, datetime | None]]) -> bytes:
    root = tree.Element(outer, {"xmlns": NAMESPACE})
    for address, at in addresses:
        entry = child(root, inner)
        child(entry, "loc", address)
        if at is not None:
            child(entry, "lastmod", moment(at))
    return written(root)


def robots(site: Site) -> str:
    """Every page may be read; whole downloads are for people, not for crawlers."""
    return f"User-agent: *\nDisallow: /datasets/*/capsule.zip$\nDisallow: /datasets/*/files/data/\n\nSitemap: {site.at('/sitemap.xml')}\n"
