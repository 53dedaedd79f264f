"""Addresses of the secure site: its pages, and the interface for machines."""

from django.urls import include, path

from releases.views.interface.endpoints import interface

urlpatterns = [path("", include("releases.urls")), path("api/v1/", interface.urls)]
