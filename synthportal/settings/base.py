"""What both sites share: strict headers, files of the zone only, value-free logs. Zone modules add the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from synthportal.settings import environment

BASE_DIR = Path(__file__).resolve().parent.parent.parent

DEBUG = False
"""Never on: a debug page shows local variables, which may be a record's values."""

SYNTHPORTAL_VAR = environment.path("SYNTHPORTAL_VAR", BASE_DIR / "var")
SYNTHPORTAL_LAKE = environment.path("SYNTHPORTAL_LAKE", SYNTHPORTAL_VAR / "lake")
SYNTHPORTAL_LAKE_STORE = environment.text("SYNTHPORTAL_LAKE_STORE")
"""The file of address and credentials of the object store that carries the lake; empty: the lake is a folder both zones see."""
SYNTHPORTAL_LAKE_STORE_SAFEGUARDED = environment.text("SYNTHPORTAL_LAKE_STORE_SAFEGUARDED")
"""The same for safeguarded capsules, with credentials of their own."""
SYNTHPORTAL_PROCESS = environment.text("SYNTHPORTAL_PROCESS", "manage")
"""The process's name in its log file's name: web, worker, publisher, ingest."""

DEMONSTRATION = environment.flag("SYNTHPORTAL_DEMONSTRATION")
"""Whether this is the demonstration, with passwords anybody can read. Every page says so."""

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_TZ = True
USE_I18N = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
APPEND_SLASH = True

COLLECTED_STATIC = environment.flag("SYNTHPORTAL_COLLECTED_STATIC")
"""Whether static files are served from where `manage.py collectstatic` put them, by hashed names, cached for ever."""
COMPRESS_STATIC = environment.flag("SYNTHPORTAL_COMPRESS_STATIC")
"""Whether `collectstatic` writes compressed copies as well, which are then served: worth its 10 seconds where people come from afar."""


def _static_storage() -> str:
    if not COLLECTED_STATIC:
        return "django.contrib.staticfiles.storage.StaticFilesStorage"
    if COMPRESS_STATIC:
        return "whitenoise.storage.CompressedManifestStaticFilesStorage"
    return "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _static_storage()},
}
WHITENOISE_MAX_AGE = 300


def templates(zone: str, context_processors: list[str]) -> list[dict[str, Any]]:
    """Django's template setting: `shared/…`, the zone's own folder, and the error pages beside them."""
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.cached.Loader",
                        [("synthportal.zone_templates.ZoneLoader", BASE_DIR / "templates", ("shared", zone))],
                    )
                ],
                "context_processors": ["django.template.context_processors.request", "synthportal.context.site", *context_processors],
            },
        }
    ]


def static_folders(zone: str) -> list[tuple[str, Path]]:
    """Static files by the same names as templates: `shared/…` and the zone's own."""
    return [(name, BASE_DIR / "static" / name) for name in ("shared", zone)]


def logging(folder: Path) -> dict[str, Any]:
    """Logs to standard error and to `folder`. Exceptions appear as types and code locations: their messages may hold values."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"no_values": {"()": "synthportal.logs.NoValues"}},
        "formatters": {
            "line": {"()": "synthportal.logs.LocationsOnly", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_values"]},
            "file": {
                "class": "logging.handlers.WatchedFileHandler",
                "filename": str(folder / f"{SYNTHPORTAL_PROCESS}.log"),
                "delay": True,
                "formatter": "line",
                "filters": ["no_values"],
            },
        },
        "root": {"handlers": ["stderr", "file"], "level": "INFO"},
        # Django's own defaults would mail tracebacks to administrators, with the request's data.
        "loggers": {"django": {"handlers": [], "level": "INFO", "propagate": True}, "django.server": {"handlers": [], "propagate": True}},
    }


# Headers. No inline script or style, nothing from elsewhere, in no frame.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    feature: []
    for feature in (
        "accelerometer",
        "autoplay",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# Behind a proxy that speaks HTTPS: SYNTHPORTAL_HTTPS=1.
HTTPS = environment.flag("SYNTHPORTAL_HTTPS")
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = environment.integer("SYNTHPORTAL_HSTS_SECONDS", 31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # other hosts of the trust's domain are not ours to promise for
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
