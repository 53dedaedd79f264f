"""Addresses of the public site."""

from __future__ import annotations

from django.urls import include, path

from releases.catalogue.interface.endpoints import interface
from releases.catalogue.views.interface import unknown

urlpatterns = [
    path("", include("releases.catalogue.urls")),
    path("api/v1/", interface.urls),
    path("api/<path:rest>", unknown, name="unknown"),
]
