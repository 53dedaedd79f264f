"""Addresses of the public site."""

from __future__ import annotations

from django.urls import include, path

from releases.catalogue.interface.endpoints import interface

urlpatterns = [path("", include("releases.catalogue.urls")), path("api/v1/", interface.urls)]
