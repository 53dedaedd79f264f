"""Addresses of the catalogue. A version's files keep their address for ever; what lies behind it never changes."""

from __future__ import annotations

from django.urls import path, register_converter
from django.urls.converters import IntConverter

from releases.catalogue import register, views


class VersionNumber(IntConverter):
    """1 to 999,999, written one way only."""

    regex = "[1-9][0-9]{0,5}"


register_converter(VersionNumber, "version")

app_name = "catalogue"
urlpatterns = [
    path("", views.front, name="front"),
    path("datasets/", views.results, name="results"),
    path("datasets/<slug:slug>/", views.dataset, name="dataset"),
    path("datasets/<slug:slug>/v<version:version>/", views.version, name="version"),
    path("datasets/<slug:slug>/v<version:version>/capsule.zip", views.capsule, name="capsule"),
    path("datasets/<slug:slug>/v<version:version>/files/<path:path>", views.file, name="file"),
    path("patients/", views.patients, name="patients"),
    path("register/", register.page, name="register"),
    path("register.json", register.statement, name="register-json"),
]
