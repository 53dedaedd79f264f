"""What a process is told by its environment, read once when settings load.

A value that cannot be used raises ImproperlyConfigured naming the variable and what would do.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The variable `name`, stripped; `default` when it is unset or blank."""
    return os.environ.get(name, "").strip() or default


def flag(name: str) -> bool:
    """Whether the variable `name` is switched on: 1, true, yes or on."""
    value = text(name).lower()
    if value in ("", "0", "false", "no", "off"):
        return False
    if value in ("1", "true", "yes", "on"):
        return True
    raise ImproperlyConfigured(f"{name} must be 1 or 0")


def integer(name: str, default: int, minimum: int = 0) -> int:
    """The variable `name` as a whole number of at least `minimum`."""
    value = text(name)
    if not value:
        return default
    if not value.isdecimal() or int(value) < minimum:
        raise ImproperlyConfigured(f"{name} must be a whole number of at least {minimum}")
    return int(value)


def listed(name: str, default: str = "") -> list[str]:
    """The comma-separated parts of the variable `name`, blanks left out."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def among(known: tuple[str, ...], parts: list[str], name: str) -> list[str]:
    """`parts` of the variable `name`, each of which is one of `known`."""
    if unknown := sorted(set(parts) - set(known)):
        raise ImproperlyConfigured(f"{name} names {', '.join(unknown)}; it may name: {', '.join(known)}")
    return parts


def provider(*, issuer: str, client_id: str, secret: str, secret_file: str, **more: Any) -> dict[str, Any] | None:
    """The identity provider at the address `issuer`; its client secret is `secret` or stands in `secret_file`. None without an address."""
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ImproperlyConfigured("SYNTHPORTAL_SECURE_OIDC_ISSUER must be an https:// address")
    if not client_id:
        raise ImproperlyConfigured("SYNTHPORTAL_SECURE_OIDC_CLIENT_ID must be set where SYNTHPORTAL_SECURE_OIDC_ISSUER is")
    if secret_file:
        if not Path(secret_file).is_file():
            raise ImproperlyConfigured("SYNTHPORTAL_SECURE_OIDC_CLIENT_SECRET_FILE names a file that is not there")
        secret = Path(secret_file).read_text().strip()
    return {"issuer": issuer, "client_id": client_id, "client_secret": secret, **more}


def path(name: str, default: Path) -> Path:
    """The variable `name` as an absolute path."""
    return Path(text(name) or default).expanduser().absolute()


def private_folder(folder: Path) -> Path:
    """`folder`, made with mode 0700 when absent."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def secret(file: Path) -> str:
    """The secret in `file`, made (mode 0600) the first time anybody asks.

    Several processes may start at once: the first link wins and all read the same secret.
    """
    if not file.exists():
        private_folder(file.parent)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".secret-")
        try:
            with os.fdopen(handle, "w") as stream:
                stream.write(secrets.token_urlsafe(64))
                stream.flush()
                os.fsync(stream.fileno())
            try:
                os.link(temporary, file)
            except FileExistsError:
                pass
        finally:
            os.unlink(temporary)
    if file.stat().st_mode & 0o077:
        raise ImproperlyConfigured(f"{file} can be read by others; run: chmod 600 {file}")
    return file.read_text()


def database(url: str, sqlite: Path) -> dict[str, Any]:
    """Django's description of the database at `url` (``postgresql://user:password@host:port/name``); of the file `sqlite` without one."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(sqlite),
            "OPTIONS": {
                "timeout": 20,
                # A reader that turns writer half-way would otherwise fail at once instead of waiting its turn.
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ImproperlyConfigured("the database address must look like postgresql://user:password@host:5432/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        # ?host=/folder names the folder of a unix socket, as libpq writes it.
        "HOST": parse_qs(parts.query).get("host", [parts.hostname or ""])[0],
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
    }


def mail_server(name: str) -> tuple[str, int, str, str, bool, bool]:
    """(host, port, user, password, STARTTLS, TLS) of the mail server in the variable `name`: ``smtp://user:password@host:587?tls=1``
    (STARTTLS), ``smtps://host:465``; this machine's own server when unset.
    """
    parts = urlsplit(text(name, "smtp://localhost:25"))
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ImproperlyConfigured(f"{name} must look like smtp://user:password@host:587?tls=1 or smtps://user:password@host:465")
    encrypted = parts.scheme == "smtps"
    starttls = not encrypted and parse_qs(parts.query).get("tls", ["0"])[0] == "1"
    port = parts.port or (465 if encrypted else 587 if starttls else 25)
    return parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), starttls, encrypted
