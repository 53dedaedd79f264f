"""The governed workflow, a Django app of the secure site only."""

from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "releases"
    label = "releases"
    verbose_name = "Governed releases"
    default_auto_field = "django.db.models.BigAutoField"
