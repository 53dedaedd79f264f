"""The public site under test."""

from __future__ import annotations

from synthportal.settings import testing

testing.own_var()

from synthportal.settings import public  # noqa: E402 - reads the environment set above
from synthportal.settings.public import *  # noqa: E402, F403

ALLOWED_HOSTS = ["*"]
DATABASES = {"default": testing.file_database(public.DATABASES["default"])}
TEMPLATES = testing.strict(public.TEMPLATES)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
SYNTHPORTAL_KEEP_PAGES = 0  # tests change what stands behind a page; those of kept pages set it
SYNTHPORTAL_RATE = 0  # a test asks more often than a person; those of the rate set it
