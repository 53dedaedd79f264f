"""The public catalogue as a Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings


class CatalogueConfig(AppConfig):
    """Of the workflow it knows the capsule alone."""

    name = "releases.catalogue"
    label = "catalogue"
    verbose_name = "Catalogue"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Settings that are files are read at the start: what does not fit is said before anybody is answered."""
        if settings.SYNTHPORTAL_DATA_HOLDER:
            from releases.catalogue.standards.data_holder import written_in

            written_in(settings.SYNTHPORTAL_DATA_HOLDER)
