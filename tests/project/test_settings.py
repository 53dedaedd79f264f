"""What the environment tells a process, the secrets it makes, and what its logs and templates refuse."""

from __future__ import annotations

import io
import logging
import os
import stat
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import TemplateDoesNotExist, engines
from django.template.loader import get_template

from synthportal import logs
from synthportal.settings import environment

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.promise("install.9")
def test_a_secret_is_made_once_whoever_asks_first_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "zone" / "secret_key"
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: environment.secret(file), range(40)))

    assert len(secrets) == 1
    assert len(secrets.pop()) > 60
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir()) == ["secret_key"]


@pytest.mark.promise("install.9")
def test_a_secret_others_can_read_is_refused_with_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    environment.secret(file)
    file.chmod(0o644)

    with pytest.raises(ImproperlyConfigured, match="can be read by others; run: chmod 600"):
        environment.secret(file)


@pytest.mark.parametrize(("value", "on"), [("1", True), ("true", True), ("", False), ("0", False), ("off", False)])
def test_a_flag_is_on_or_off(monkeypatch: pytest.MonkeyPatch, value: str, on: bool) -> None:
    monkeypatch.setenv("SYNTHPORTAL_HTTPS", value)
    assert environment.flag("SYNTHPORTAL_HTTPS") is on


@pytest.mark.promise("install.10")
def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHPORTAL_HTTPS", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="SYNTHPORTAL_HTTPS must be 1 or 0"):
        environment.flag("SYNTHPORTAL_HTTPS")
    monkeypatch.setenv("SYNTHPORTAL_SECURE_MAX_UPLOAD_BYTES", "-1")
    with pytest.raises(ImproperlyConfigured, match="SYNTHPORTAL_SECURE_MAX_UPLOAD_BYTES must be a whole number of at least 1"):
        environment.integer("SYNTHPORTAL_SECURE_MAX_UPLOAD_BYTES", 5, minimum=1)
    with pytest.raises(ImproperlyConfigured, match="the database address must look like postgresql://"):
        environment.database("mysql://somewhere/else", Path("db.sqlite3"))


def test_a_database_address_becomes_what_django_takes() -> None:
    described = environment.database("postgresql://portal:p%40ss@db.trust.example:5433/synthportal", Path("db.sqlite3"))
    by_socket = environment.database("postgresql://postgres@/postgres?host=/run/Postgres", Path("db.sqlite3"))

    assert {key: described[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")} == {
        "NAME": "synthportal",
        "USER": "portal",
        "PASSWORD": "p@ss",
        "HOST": "db.trust.example",
        "PORT": "5433",
    }
    assert by_socket["HOST"] == "/run/Postgres"
    assert environment.database("", Path("db.sqlite3"))["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def logged(emit: object) -> str:
    """What a logger with the sites' filter and formatter writes when `emit(logger)` runs."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.NoValues())
    handler.setFormatter(logs.LocationsOnly("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("somewhere")
    logger.propagate = False
    logger.handlers = [handler]
    emit(logger)  # type: ignore[operator]
    return stream.getvalue()


def failing() -> ValueError:
    """An exception as a library raises one: with a value in its message, and in that of its cause."""
    try:
        try:
            float("Smith-2201")
        except ValueError as error:
            raise ValueError("row 88 holds Smith-2201") from error
    except ValueError as error:
        return error


@pytest.mark.promise("zones.21")
@pytest.mark.parametrize(
    "emit",
    [
        lambda log: log.error("could not read", exc_info=failing()),
        lambda log: log.error("could not read: %s", failing()),
        lambda log: log.error(failing()),
        lambda log: log.error("job: %s", "".join(traceback.format_exception(failing()))),
        lambda log: log.error("".join(traceback.format_exception(failing()))),
        lambda log: log.error("%(why)s", {"why": failing()}),
    ],
)
def test_no_exceptions_message_reaches_a_log(emit: object) -> None:
    text = logged(emit)

    assert "Smith" not in text
    assert text.startswith("ERROR somewhere")


@pytest.mark.promise("zones.21")
def test_a_log_says_where_in_the_code_it_happened() -> None:
    text = logged(lambda log: log.error("could not read", exc_info=failing()))

    assert "ValueError at test_settings.py:" in text
    assert "in failing" in text
    assert "\n  from ValueError at test_settings.py:" in text


def test_a_site_finds_its_own_templates_and_the_shared_ones_and_no_others() -> None:
    assert get_template("shared/base.html")
    assert get_template("404.html")
    for other in ("catalogue/dataset.html", "nowhere/page.html", "shared/../catalogue/dataset.html", "secure/no_such.html"):
        with pytest.raises(TemplateDoesNotExist):
            get_template(other)


def test_an_undefined_template_variable_is_an_error_in_tests() -> None:
    template = engines["django"].from_string("{{ known }} {{ forgotten }}")
    with pytest.raises(AssertionError, match='the undefined variable "forgotten"'):
        template.render({"known": 1})


@pytest.mark.slow
@pytest.mark.promise("zones.22")
@pytest.mark.parametrize("site", ["secure", "public"])
def test_djangos_own_deployment_check_finds_nothing_behind_https(site: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SYNTHPORTAL_VAR": str(tmp_path),
            "SYNTHPORTAL_HTTPS": "1",
            "DJANGO_SETTINGS_MODULE": f"synthportal.settings.{site}",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
