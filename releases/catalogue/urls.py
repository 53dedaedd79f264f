"""Addresses of the catalogue. A version's files keep their address for ever; what lies behind it never changes."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from releases.catalogue.views import dataset, files, pages, register, results


class VersionNumber(IntConverter):
    """1 to 999,999, written one way only."""

    regex = "[1-9][0-9]{0,5}"


register_converter(VersionNumber, "version")

app_name = "catalogue"
urlpatterns = [
    path("", pages.front, name="front"),
    path("datasets/", results.results, name="results"),
    path("datasets/<slug:slug>/", dataset.dataset, name="dataset"),
    path("datasets/<slug:slug>/v<version:version>/", dataset.version, name="version"),
    path("datasets/<slug:slug>/v<version:version>/capsule.zip", files.capsule, name="capsule"),
    path("datasets/<slug:slug>/v<version:version>/files/<path:path>", files.file, name="file"),
    path("patients/", pages.patients, name="patients"),
    path("register/", register.page, name="register"),
    path("register.json", register.statement, name="register-json"),
]
