"""The governed workflow, a Django app of the secure site only."""

from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "releases"
    label = "releases"
    verbose_name = "Governed releases"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """From here on every event of the audit trail is handed on, so that people hear what concerns them."""
        from releases import audit
        from releases.services import notices

        if notices.tell not in audit.followers:
            audit.followers.append(notices.tell)
        import releases.views.session_limits  # noqa: F401 - hears of every sign-in
