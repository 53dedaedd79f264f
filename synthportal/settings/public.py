"""The public site: the catalogue. It has no workflow app, no accounts, no session, and knows nothing of the secure zone."""

from __future__ import annotations

from synthportal import zones

zones.close_off()

from synthportal.settings import base, environment  # noqa: E402
from synthportal.settings.base import *  # noqa: E402, F403 - the shared settings are settings of this module

SYNTHPORTAL_SITE = "public"
ZONE_FOLDER = environment.private_folder(environment.path("SYNTHPORTAL_PUBLIC_VAR", base.SYNTHPORTAL_VAR / SYNTHPORTAL_SITE))
SECRET_KEY = environment.secret(ZONE_FOLDER / "secret_key")
ALLOWED_HOSTS = environment.listed("SYNTHPORTAL_PUBLIC_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.listed("SYNTHPORTAL_PUBLIC_ORIGINS")
ROOT_URLCONF = "synthportal.urls_public"
WSGI_APPLICATION = "synthportal.wsgi_public.application"

SYNTHPORTAL_STORE = environment.private_folder(ZONE_FOLDER / "store")
SYNTHPORTAL_KEYS = environment.path("SYNTHPORTAL_PUBLIC_KEYS", ZONE_FOLDER / "keys")
"""The folder of pinned public keys."""
SYNTHPORTAL_STALE_AFTER = environment.integer("SYNTHPORTAL_PUBLIC_STALE_AFTER", 15 * 60, minimum=1)
"""Seconds since the feed's heartbeat after which pages say that the catalogue may be out of date."""
SYNTHPORTAL_REFUSE_AFTER = environment.integer("SYNTHPORTAL_PUBLIC_REFUSE_AFTER", 24 * 3600, minimum=1)
"""Seconds since the feed's heartbeat after which nothing is handed out: a withdrawal may have been missed."""

INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "releases.catalogue",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = base.templates("catalogue", [])

STATICFILES_DIRS = base.static_folders("catalogue")
STATIC_ROOT = environment.private_folder(ZONE_FOLDER / "static")
STORAGES = base.STORAGES
WHITENOISE_USE_FINDERS = not base.COLLECTED_STATIC

DATABASES = {"default": environment.database(environment.text("SYNTHPORTAL_PUBLIC_DATABASE"), ZONE_FOLDER / "db.sqlite3")}

# Ports share a cookie jar: each site has its own names.
SESSION_COOKIE_NAME = "synthportal_public_session"
CSRF_COOKIE_NAME = "synthportal_public_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = base.HTTPS

LOGGING = base.logging(environment.private_folder(ZONE_FOLDER / "logs"))
