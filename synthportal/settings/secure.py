"""The secure site: the governed workflow, inside the hospital's network."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from synthportal import logs
from synthportal.settings import base, environment
from synthportal.settings.base import *  # noqa: F403 - the shared settings are settings of this module

SYNTHPORTAL_SITE = "secure"
ZONE_FOLDER = environment.private_folder(environment.path("SYNTHPORTAL_SECURE_VAR", base.SYNTHPORTAL_VAR / SYNTHPORTAL_SITE))
SECRET_KEY = environment.secret(ZONE_FOLDER / "secret_key")
ALLOWED_HOSTS = environment.listed("SYNTHPORTAL_SECURE_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = environment.listed("SYNTHPORTAL_SECURE_ORIGINS")
ROOT_URLCONF = "synthportal.urls_secure"
WSGI_APPLICATION = "synthportal.wsgi_secure.application"

# Files of the zone. Only the publisher is told where the signing key is.
SYNTHPORTAL_SECURE_FILES = environment.private_folder(ZONE_FOLDER / "files")
SYNTHPORTAL_SECURE_FOLDERS = [Path(folder).expanduser().absolute() for folder in environment.listed("SYNTHPORTAL_SECURE_FOLDERS")]
"""Folders a steward may point at a file in, instead of uploading it."""
SYNTHPORTAL_TOKENISATION_KEY = environment.path("SYNTHPORTAL_SECURE_TOKENISATION_KEY", ZONE_FOLDER / "tokenisation.key")
SYNTHPORTAL_MAX_UPLOAD_BYTES = environment.integer("SYNTHPORTAL_SECURE_MAX_UPLOAD_BYTES", 20 * 1024**3, minimum=1)
SYNTHPORTAL_SIGNING_KEY = environment.text("SYNTHPORTAL_SIGNING_KEY")
SYNTHPORTAL_PINNED_KEYS = environment.path("SYNTHPORTAL_SECURE_KEYS", ZONE_FOLDER / "keys")
"""Folder of the publisher's public keys: with them the audit trail is compared with what published releases carry."""
SYNTHPORTAL_RUN_LOST_AFTER = environment.integer("SYNTHPORTAL_SECURE_RUN_LOST_AFTER", 60, minimum=1)
"""Seconds without a heartbeat after which a run's worker counts as dead."""
SYNTHPORTAL_REAUDIT_AFTER_DAYS = environment.integer("SYNTHPORTAL_SECURE_REAUDIT_AFTER_DAYS", 90, minimum=1)
"""Days after its last evaluation at which a published release is re-audited."""
SYNTHPORTAL_MODEL_DAYS = environment.integer("SYNTHPORTAL_SECURE_MODEL_DAYS", 90, minimum=1)
"""Days after which a model learned from records is destroyed, whatever its request."""
SYNTHPORTAL_UPLOAD_DAYS = environment.integer("SYNTHPORTAL_SECURE_UPLOAD_DAYS", 30, minimum=1)
"""Days after which a raw upload is destroyed of which no working copy was made."""
SYNTHPORTAL_WORKING_COPY_DAYS = environment.integer("SYNTHPORTAL_SECURE_WORKING_COPY_DAYS", 0, minimum=0)
"""Days after which the working copy of a superseded snapshot is destroyed, when nothing needs it any more; 0: it is kept."""
SYNTHPORTAL_MODEL_DAYS_AFTER_RELEASE = environment.integer("SYNTHPORTAL_SECURE_MODEL_DAYS_AFTER_RELEASE", 14, minimum=0)
"""Days after the publication of its request at which a model is destroyed."""
SYNTHPORTAL_REAUDIT_AT = environment.text("SYNTHPORTAL_SECURE_REAUDIT_AT", "30 2 * * *")
"""When the releases that are due are looked for: a cron expression, in local time."""

# Mail: titles and links, no value. Without a server each mail is a file of the zone, to be looked at or handed on.
SYNTHPORTAL_URL = environment.text("SYNTHPORTAL_SECURE_URL", "http://localhost:8000").rstrip("/")
"""Where people reach this site, as https://…: what links in mails begin with, and what security keys are bound to."""
SYNTHPORTAL_MAIL_FROM = environment.text("SYNTHPORTAL_SECURE_MAIL_FROM", "synthportal@localhost")
SYNTHPORTAL_MAIL_IN_FILES = not environment.text("SYNTHPORTAL_SECURE_MAIL")
EMAIL_BACKEND = f"django.core.mail.backends.{'filebased' if SYNTHPORTAL_MAIL_IN_FILES else 'smtp'}.EmailBackend"
EMAIL_FILE_PATH = str(environment.private_folder(ZONE_FOLDER / "mail"))
_MAIL = environment.mail_server("SYNTHPORTAL_SECURE_MAIL")
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL
EMAIL_TIMEOUT = 5

FILE_UPLOAD_TEMP_DIR = str(environment.private_folder(SYNTHPORTAL_SECURE_FILES / "uploads"))
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_NUMBER_FIELDS = 40_000  # the schema form of a table of 2,000 columns
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024**2

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "django_rq",
    "releases",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "releases.views.session_limits.SessionLimits",
]
TEMPLATES = base.templates(
    SYNTHPORTAL_SITE, ["django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]
)

STATICFILES_DIRS = base.static_folders(SYNTHPORTAL_SITE)
STATIC_ROOT = environment.private_folder(ZONE_FOLDER / "static")
STORAGES = base.STORAGES
WHITENOISE_USE_FINDERS = not base.COLLECTED_STATIC

DATABASES = {"default": environment.database(environment.text("SYNTHPORTAL_SECURE_DATABASE"), ZONE_FOLDER / "db.sqlite3")}

REDIS_URL = environment.text("REDIS_URL", f"unix://{base.SYNTHPORTAL_VAR / 'run' / 'queue.sock'}")
RQ_QUEUES = {
    "default": {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": environment.integer("SYNTHPORTAL_SECURE_JOB_TIMEOUT", 6 * 3600, minimum=1),
        "SERIALIZER": "rq.serializers.JSONSerializer",  # the default is pickle
    }
}

# Accounts.
AUTH_USER_MODEL = "releases.Account"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
SYNTHPORTAL_SECOND_FACTOR_ROLES = environment.among(
    ("steward", "sdat", "ig", "ppi", "auditor", "administrator"),
    environment.listed("SYNTHPORTAL_SECURE_SECOND_FACTOR_ROLES"),
    "SYNTHPORTAL_SECURE_SECOND_FACTOR_ROLES",
)
"""Roles whose people sign in with a second factor."""
SYNTHPORTAL_PROXIES = environment.integer("SYNTHPORTAL_SECURE_PROXIES", 0)
"""Proxies in front of this site, each of which adds to X-Forwarded-For: the network address of a visitor is that many from its end."""
SYNTHPORTAL_SESSION_IDLE = timedelta(minutes=environment.integer("SYNTHPORTAL_SECURE_SESSION_IDLE_MINUTES", 60, minimum=1))
SYNTHPORTAL_SESSION_LONGEST = timedelta(hours=environment.integer("SYNTHPORTAL_SECURE_SESSION_HOURS", 8, minimum=1))
SYNTHPORTAL_CONFIRMED_WITHIN = timedelta(minutes=environment.integer("SYNTHPORTAL_SECURE_CONFIRM_MINUTES", 10, minimum=1))
"""So long after somebody showed who they are, they may change how they sign in; then they are asked again."""
# The trust's identity provider, by OpenID Connect: where people may sign in with the account they have there.
SYNTHPORTAL_PROVIDER = environment.provider(
    issuer=environment.text("SYNTHPORTAL_SECURE_OIDC_ISSUER"),
    client_id=environment.text("SYNTHPORTAL_SECURE_OIDC_CLIENT_ID"),
    secret=environment.text("SYNTHPORTAL_SECURE_OIDC_CLIENT_SECRET"),
    secret_file=environment.text("SYNTHPORTAL_SECURE_OIDC_CLIENT_SECRET_FILE"),
    name=environment.text("SYNTHPORTAL_SECURE_OIDC_NAME", "your trust's account"),
    acr=tuple(environment.listed("SYNTHPORTAL_SECURE_OIDC_ACR")),
    amr=tuple(environment.listed("SYNTHPORTAL_SECURE_OIDC_AMR")),
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
# Ports share a cookie jar: each site has its own names.
SESSION_COOKIE_NAME = "synthportal_secure_session"
SESSION_COOKIE_AGE = int(SYNTHPORTAL_SESSION_LONGEST.total_seconds()) + 3600  # the site ends it before, and says why
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = base.HTTPS
CSRF_COOKIE_NAME = "synthportal_secure_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = base.HTTPS

# Shadow models of an evaluation, where its run does not say how many; 0 for none.
SHADOW_MODELS = 8

LOGGING = base.logging(environment.private_folder(ZONE_FOLDER / "logs"))
logs.keep_values_in()
