"""The secure site under test."""

from __future__ import annotations

from synthportal.settings import testing

testing.own_var()

from synthportal.settings import secure  # noqa: E402 - reads the environment set above
from synthportal.settings.secure import *  # noqa: E402, F403

ALLOWED_HOSTS = ["*"]
DATABASES = {"default": testing.file_database(secure.DATABASES["default"])}
TEMPLATES = testing.strict(secure.TEMPLATES)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
SHADOW_MODELS = 0  # they take seconds; the tests that are about them ask for some
