"""What machines read in the head of a dataset's page: schema.org, and where the other formats are."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from releases.catalogue.models import ReleaseVersion
from releases.catalogue.standards import schema_org
from releases.catalogue.standards.described import described, site
from releases.catalogue.standards.formats import FORMATS

register = template.Library()
_IN_HTML = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}
"""No text of a release can end the element it stands in."""


@register.simple_tag(takes_context=True)
def structured_data(context: Context, version: ReleaseVersion) -> SafeString:
    """A data block with the version as schema.org Dataset, its canonical address, and links to every other format."""
    said = described(version, site(context["request"]))
    links = format_html_join(
        "\n",
        '<link rel="alternate" type="{}" title="{}" href="{}">',
        ((each.media_type.split(";")[0], each.title, f"{said.address}{each.file}") for each in FORMATS.values()),
    )
    return format_html(
        '<link rel="canonical" href="{}">\n{}\n<script type="application/ld+json">{}</script>',
        said.address,
        links,
        _block(schema_org.dataset(said)),
    )


@register.simple_tag
def description_formats(version: ReleaseVersion) -> list[tuple[str, str]]:
    """The formats a version is described in, for a list: (name, address). Citations have a line of their own."""
    place = [version.release.slug, version.version]
    return [(each.title, reverse("catalogue:format", args=[*place, name])) for name, each in FORMATS.items() if "citation" not in name]


def _block(content: dict[str, Any]) -> SafeString:
    written = json.dumps(content, ensure_ascii=False, allow_nan=False).translate(_IN_HTML)
    return mark_safe(written)  # noqa: S308 - the three characters that HTML reads in a script element are escaped
