"""The public site: the catalogue. It has no workflow app and knows nothing of the secure zone.

Accounts and sessions are for those who apply for safeguarded data: who only reads has none and gets no cookie.
"""

from __future__ import annotations

from datetime import timedelta

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
SYNTHPORTAL_ACCEL = environment.text("SYNTHPORTAL_PUBLIC_ACCEL")
"""The internal address under which nginx finds the store ("/stored/"); empty: this process sends files itself."""
SYNTHPORTAL_FETCHED_LOG = environment.text("SYNTHPORTAL_PUBLIC_FETCHED_LOG")
"""The log that nginx writes of open files it sends by itself, from which they are counted; empty: it sends none by itself."""
SYNTHPORTAL_STALE_AFTER = environment.integer("SYNTHPORTAL_PUBLIC_STALE_AFTER", 15 * 60, minimum=1)
"""Seconds since the feed's heartbeat after which pages say that the catalogue may be out of date."""
SYNTHPORTAL_REFUSE_AFTER = environment.integer("SYNTHPORTAL_PUBLIC_REFUSE_AFTER", 24 * 3600, minimum=1)
"""Seconds since the feed's heartbeat after which nothing is handed out: a withdrawal may have been missed."""

SYNTHPORTAL_KEEP_PAGES = environment.integer("SYNTHPORTAL_PUBLIC_KEEP_PAGES", 60)
"""Seconds that a page which is the same for everybody is kept ready, unless the catalogue changes before; 0: never."""

# Safeguarded data: who may have them, and how they lie here.
SYNTHPORTAL_SAFEGUARDED_LAKE = environment.text("SYNTHPORTAL_PUBLIC_SAFEGUARDED_LAKE")
"""The folder that holds `safeguarded/<release>/<version>/`, a mount of its own that only ingest can read; empty: the lake."""
SYNTHPORTAL_SEALING_KEY = environment.path("SYNTHPORTAL_PUBLIC_SEALING_KEY", ZONE_FOLDER / "sealing.key")
environment.secret(SYNTHPORTAL_SEALING_KEY)
"""What safeguarded files, proofs of training and waiting mails are sealed with; the file is made on the first start (0600)."""
SYNTHPORTAL_TRAINING = environment.private_folder(ZONE_FOLDER / "training")
SYNTHPORTAL_LICENCES = environment.path("SYNTHPORTAL_PUBLIC_LICENCES", base.BASE_DIR / "releases" / "catalogue" / "access" / "licences")
"""The folder of End User Licences: `<version>--<first day>.txt`."""
SYNTHPORTAL_LICENCE_GRACE = timedelta(days=environment.integer("SYNTHPORTAL_PUBLIC_LICENCE_GRACE_DAYS", 90))
"""How long grants under an older licence still count after a newer one came into force."""
SYNTHPORTAL_INSTITUTIONS = environment.listed("SYNTHPORTAL_PUBLIC_INSTITUTIONS", ".ac.uk,.nhs.uk,nhs.net,.nhs.net,.gov.uk,.edu")
if base.DEMONSTRATION:
    SYNTHPORTAL_INSTITUTIONS.append(".example")  # whoever is made up for a demonstration has an address that nobody else can have
"""Ends of e-mail addresses by which an institution is known: ".ac.uk" is every host below it, "nhs.net" that host."""
SYNTHPORTAL_SECOND_STEP_REQUIRED = environment.flag("SYNTHPORTAL_PUBLIC_SECOND_STEP_REQUIRED")
"""Whether grants open anything only for researchers who sign in with a second step; access officers always do."""
SYNTHPORTAL_LONGEST_GRANT = environment.integer("SYNTHPORTAL_PUBLIC_LONGEST_GRANT_DAYS", 730, minimum=1)
SYNTHPORTAL_HANDOUTS_A_DAY = environment.integer("SYNTHPORTAL_PUBLIC_DOWNLOADS_A_DAY", 5_000, minimum=1)
"""Downloads, parts included, that one grant is good for in 24 hours."""
SYNTHPORTAL_REMIND_AFTER = timedelta(days=environment.integer("SYNTHPORTAL_PUBLIC_REMIND_AFTER_DAYS", 7, minimum=1))
SYNTHPORTAL_REMINDERS = environment.integer("SYNTHPORTAL_PUBLIC_REMINDERS", 4)
"""How often somebody is reminded to confirm that withdrawn files are deleted."""

SYNTHPORTAL_PROXIES = environment.integer("SYNTHPORTAL_PUBLIC_PROXIES", 0)
"""Proxies in front of this site, each of which adds to X-Forwarded-For: a visitor's network address is that many from its end."""

# Mail. Without a server each mail is a file of the zone.
_PORT = environment.integer("SYNTHPORTAL_PUBLIC_PORT", 8001)
SYNTHPORTAL_URL = environment.text("SYNTHPORTAL_PUBLIC_URL", f"http://localhost:{_PORT}").rstrip("/")
"""Where people reach this site, as https://…: what links in mails begin with."""
SYNTHPORTAL_REPORTS_TO = environment.listed("SYNTHPORTAL_PUBLIC_REPORTS_TO")
"""Addresses of Information Governance, told of every report beside the access officers."""
SYNTHPORTAL_MAIL_FROM = environment.text("SYNTHPORTAL_PUBLIC_MAIL_FROM", "synthportal@localhost")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if environment.text('SYNTHPORTAL_PUBLIC_MAIL') else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = str(environment.private_folder(ZONE_FOLDER / "mail"))
_MAIL = environment.mail_server("SYNTHPORTAL_PUBLIC_MAIL")
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL
EMAIL_TIMEOUT = 5

# Uploads (proofs of training) stay in memory: nothing reaches a disk before it is sealed. Larger ones are not kept at all.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024**2 + 64 * 1024

# What others know this site by, in everything that programs, libraries and search engines read.
SYNTHPORTAL_PERMANENT_URL = environment.text("SYNTHPORTAL_PUBLIC_URL").rstrip("/")
"""As SYNTHPORTAL_URL where it is set; where it is not, addresses begin with the one that was asked."""
SYNTHPORTAL_PUBLISHER = environment.text("SYNTHPORTAL_PUBLIC_PUBLISHER")
"""The organisation that runs the catalogue."""
SYNTHPORTAL_CONTACT = environment.text("SYNTHPORTAL_PUBLIC_CONTACT")
"""An e-mail address for questions about the data."""
SYNTHPORTAL_COUNTRY = environment.text("SYNTHPORTAL_PUBLIC_COUNTRY", "GBR")
"""Three letters (ISO 3166-1)."""
SYNTHPORTAL_DATA_HOLDER = environment.text("SYNTHPORTAL_PUBLIC_DATA_HOLDER")
"""The file in which the organisation says of itself what catalogues of health data in Europe ask; empty: nothing is said."""

SYNTHPORTAL_DOI_PREFIX = environment.text("SYNTHPORTAL_PUBLIC_DOI_PREFIX")
"""What the DOIs of this catalogue begin with; empty: it has none of its own."""

SYNTHPORTAL_RATE = environment.integer("SYNTHPORTAL_PUBLIC_RATE", 300)
"""Requests a minute that one network address may send to the interface for programs; 0: any number."""
SYNTHPORTAL_RATE_FILE = ZONE_FOLDER / "rate"
"""Counts of the running minute, shared by all processes of this machine; no address is in it."""
SYNTHPORTAL_RATE_SERVER = environment.text("SYNTHPORTAL_PUBLIC_RATE_SERVER")
"""The Valkey or Redis that keeps these counts for several machines; empty: each machine counts for itself."""

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "releases.catalogue",
]
MIDDLEWARE = [
    "releases.catalogue.serving.kept_pages.KeptPages",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "releases.catalogue.interface.sharing.Shared",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "releases.catalogue.access.privacy.KeptByNobody",
]
TEMPLATES = base.templates("catalogue", [])

STATICFILES_DIRS = base.static_folders("catalogue")
STATIC_ROOT = environment.private_folder(ZONE_FOLDER / "static")
STORAGES = base.STORAGES
WHITENOISE_USE_FINDERS = not base.COLLECTED_STATIC

DATABASES = {
    # A connection stays for a minute, SQLite's too: opening it and reading the schema anew costs as much as many an answer.
    "default": {"CONN_MAX_AGE": 60, **environment.database(environment.text("SYNTHPORTAL_PUBLIC_DATABASE"), ZONE_FOLDER / "db.sqlite3")}
}

AUTH_USER_MODEL = "catalogue.CatalogueAccount"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "catalogue:sign-in"
SYNTHPORTAL_SESSION_IDLE = timedelta(minutes=environment.integer("SYNTHPORTAL_PUBLIC_SESSION_IDLE_MINUTES", 60, minimum=1))
SYNTHPORTAL_SESSION_LONGEST = timedelta(hours=environment.integer("SYNTHPORTAL_PUBLIC_SESSION_HOURS", 8, minimum=1))

# Ports share a cookie jar: each site has its own names.
SESSION_COOKIE_NAME = "synthportal_public_session"
SESSION_COOKIE_AGE = int(SYNTHPORTAL_SESSION_LONGEST.total_seconds()) + 3600  # the site ends it before
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = base.HTTPS
CSRF_COOKIE_NAME = "synthportal_public_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = base.HTTPS

LOGGING = base.logging(environment.private_folder(ZONE_FOLDER / "logs"))
