"""Addresses of the catalogue. A version's files keep their address for ever; what lies behind it never changes."""

from __future__ import annotations

import re

from django.urls import path, register_converter
from django.urls.converters import IntConverter, StringConverter

from releases.catalogue.access_urls import urlpatterns as access_urls
from releases.catalogue.standards.formats import FORMATS
from releases.catalogue.views import changes, dataset, figures, files, giving, interface, loading, pages, register, results, rows, standards


class VersionNumber(IntConverter):
    """1 to 999,999, written one way only."""

    regex = "[1-9][0-9]{0,5}"


class FormatName(StringConverter):
    """The last part of the address of a version in a format of others."""

    regex = "|".join(re.escape(name) for name in FORMATS)


class GraphSuffix(StringConverter):
    """How the catalogue is written in DCAT."""

    regex = "ttl|jsonld"


register_converter(VersionNumber, "version")
register_converter(FormatName, "format")
register_converter(GraphSuffix, "dcat")

app_name = "catalogue"
urlpatterns = [
    path("", pages.front, name="front"),
    path("datasets/", results.results, name="results"),
    path("datasets/<slug:slug>/", standards.negotiated(dataset.dataset), name="dataset"),
    path("datasets/<slug:slug>/v<version:version>/", standards.negotiated(dataset.version), name="version"),
    path("datasets/<slug:slug>/changes/", changes.log, name="changes"),
    path("datasets/<slug:slug>/v<version:version>/columns/", figures.columns, name="columns"),
    path("datasets/<slug:slug>/v<version:version>/column/", figures.column, name="column"),
    path("datasets/<slug:slug>/v<version:version>/rows/", rows.look, name="rows"),
    path("datasets/<slug:slug>/v<version:version>/load/", loading.load, name="load"),
    path("datasets/<slug:slug>/v<version:version>/capsule.zip", files.capsule, name="capsule"),
    path("datasets/<slug:slug>/v<version:version>/files/<path:path>", files.file, name="file"),
    path("datasets/<slug:slug>/v<version:version>/<format:name>", standards.document, name="format"),
    path("catalog.<dcat:suffix>", standards.catalogue, name="dcat"),
    path("feed.atom", standards.feed, name="feed"),
    path("oai", standards.harvest, name="oai-pmh"),
    path("sitemap.xml", standards.sitemap_index, name="sitemap"),
    path("sitemap-<version:number>.xml", standards.sitemap_part, name="sitemap-part"),
    path("api/", interface.read, name="interface"),
    path("api/v1/openapi.json", interface.openapi, name="openapi"),
    path("robots.txt", standards.robots, name="robots"),
    path("datasets/<slug:slug>/v<version:version>/report/", giving.report, name="report"),
    path("datasets/<slug:slug>/uses/", giving.used, name="uses"),
    path("datasets/<slug:slug>/uses/tell/", giving.tell, name="tell-use"),
    path("hold/<str:link>/", giving.hold_by_link, name="hold"),
    path("officer/reports/", giving.desk, name="reports"),
    path("officer/reports/<uuid:key>/", giving.one_report, name="report-at-hand"),
    path("officer/reports/<uuid:key>/hold/", giving.hold, name="hold-report"),
    path("officer/holds/<uuid:key>/", giving.lift, name="lift-hold"),
    path("officer/uses/<uuid:key>/", giving.decide_use, name="decide-use"),
    path("patients/", pages.patients, name="patients"),
    path("register/", register.page, name="register"),
    path("register.json", register.statement, name="register-json"),
    *access_urls,
]
