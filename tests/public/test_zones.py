"""The public process and the secure zone have nothing of each other."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from synthportal import zones

ROOT = Path(__file__).resolve().parents[2]

SERVE = """
import io, os, sys
sys.path.insert(0, os.getcwd())
os.environ["DJANGO_SETTINGS_MODULE"] = "synthportal.settings.public"
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from synthportal.wsgi_public import application
for address in ("/", "/datasets/", "/patients/"):
    said = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": address, "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.input": io.BytesIO(),
               "wsgi.url_scheme": "http", "HTTP_HOST": "localhost"}
    page = b"".join(application(environ, lambda status, headers: said.append(status)))
    print(address, said[0], b"Synthetic data catalogue" in page)
secure = ("releases.", "generators", "evaluation")
print(sorted(name for name in sys.modules if name.startswith(secure) and not name.startswith("releases.ca")))
print(os.path.dirname(sys.modules["releases"].__file__) == os.path.join(os.getcwd(), "releases"))
"""


def public_process(code: str, folder: Path, var: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` in a new process that is told what the public site is told, and no more."""
    environment = {"PATH": os.environ["PATH"], "SYNTHPORTAL_VAR": str(var), "SYNTHPORTAL_LAKE": str(var / "lake")}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.promise("zones.1")
def test_with_everything_of_the_secure_zone_absent_the_public_site_serves(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    for folder in (
        "releases/capsule",
        "releases/catalogue",
        "synthportal",
        "templates/shared",
        "templates/catalogue",
        "static/shared",
        "static/catalogue",
    ):
        shutil.copytree(ROOT / folder, bare / folder, ignore=shutil.ignore_patterns("__pycache__", "secure*.py", "*_secure.py", "cli"))
    for page in (ROOT / "templates").glob("*.html"):
        shutil.copy(page, bare / "templates" / page.name)
    shutil.copy(ROOT / "releases/__init__.py", bare / "releases/__init__.py")
    done = public_process(SERVE, bare, tmp_path / "var")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["/ 200 OK True", "/datasets/ 200 OK True", "/patients/ 200 OK True", "[]", "True"]
    assert not (tmp_path / "var/secure").exists()


def workflow_modules() -> list[str]:
    """Every module there is of the secure zone's packages."""
    found = []
    for package in ("generators", "evaluation", "releases"):
        for file in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if name != "releases" and not name.startswith(("releases.capsule", "releases.catalogue")):
                found.append(name)
    return found


@pytest.mark.promise("zones.2")
@pytest.mark.parametrize("name", [*workflow_modules(), "synthportal.settings.secure", "synthportal.urls_secure", "synthportal.wsgi_secure"])
def test_importing_a_module_of_the_workflow_raises_with_a_sentence(name: str) -> None:
    with pytest.raises(ImportError, match=r"belongs to the secure zone; the public site's process may not load it"):
        importlib.import_module(name)


@pytest.mark.promise("zones.2")
def test_a_process_that_has_loaded_the_workflow_cannot_become_the_public_site(tmp_path: Path) -> None:
    done = public_process(
        "import sys; sys.path.insert(0, '.')\nimport generators.schema\nimport synthportal.settings.public", ROOT, tmp_path
    )
    assert done.returncode != 0
    assert "has loaded generators" in done.stderr


def test_what_the_public_site_is_made_of_may_be_loaded() -> None:
    for name in (
        "releases",
        "releases.capsule",
        "releases.capsule.verify",
        "releases.catalogue.views",
        "synthportal.settings.public",
        "django",
        "json",
    ):
        assert not zones.barred(name)
    for name in ("releases.models", "releases.capsules", "releases.catalogue_admin", "generators", "evaluation.gates"):
        assert zones.barred(name)


def patterns(resolver: URLResolver) -> list[URLPattern]:
    found: list[URLPattern] = []
    for each in resolver.url_patterns:
        found += patterns(each) if isinstance(each, URLResolver) else [each]
    return found


@pytest.mark.promise("zones.3")
def test_the_public_sites_addresses_and_apps_hold_nothing_of_the_workflow() -> None:
    assert settings.ROOT_URLCONF == "synthportal.urls_public"
    views = {each.callback.__module__ for each in patterns(get_resolver())}
    ours = {each for each in views if each.split(".")[0] not in ("functools", "ninja")}  # wrapped views, and the interface's operations
    assert {each.split(".views.")[0] for each in ours} == {"releases.catalogue"}
    # Accounts and sessions are those of who applies for safeguarded data: see docs/decisions/0027.
    assert {each.name for each in apps.get_app_configs() if each.name.startswith(("releases", "generators", "evaluation"))} == {
        "releases.catalogue"
    }
    for absent in ("django.contrib.admin", "django_rq"):
        assert not apps.is_installed(absent)
    homes = {each.__module__.split(".models")[0] for each in apps.get_models()}
    assert homes == {"releases.catalogue", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"}
    assert settings.AUTH_USER_MODEL == "catalogue.CatalogueAccount"


@pytest.mark.promise("zones.3")
def test_the_public_sites_settings_name_nothing_of_the_secure_zone() -> None:
    secure = str(Path(settings.SYNTHPORTAL_VAR) / "secure")
    for name in dir(settings):
        if name.isupper():
            assert secure not in repr(getattr(settings, name)), name
            assert not name.startswith("SYNTHPORTAL_SECURE"), name
    assert list(settings.DATABASES) == ["default"]
