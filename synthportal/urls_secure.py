"""Addresses of the secure site."""

from django.urls import include, path

urlpatterns = [path("", include("releases.urls"))]
