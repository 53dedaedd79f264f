"""The examples of docs/deploy fit the product: their commands exist, their settings are read, and no zone is told another's secrets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from releases.capsule.object_lake import store_of

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs/deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def settings(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if line and not line.startswith("#"))


def commands() -> dict[str, list[str]]:
    """Every command that a unit or a container runs, as words without the folder of the program."""
    found = {}
    for unit in UNITS:
        (line,) = re.findall(r"^ExecStart=/opt/synthportal/.venv/bin/(.*)$", unit.read_text(), re.MULTILINE)
        found[unit.name] = line.split()
    for name, service in SERVICES.items():
        words = service.get("command", [])
        parts = [each.split() for each in words[2].split("&&")] if words[:2] == ["sh", "-c"] else [words]
        found |= {f"{name} {number}": part for number, part in enumerate(parts) if part}
    return found


@pytest.mark.promise("outgrown.8")
@pytest.mark.parametrize("words", commands().values(), ids=commands().keys())
def test_every_command_of_the_examples_is_one_there_is(words: list[str]) -> None:
    if words[0] == "granian":
        assert words[-1] in ("synthportal.wsgi_public:application", "synthportal.wsgi_secure:application")
        assert (ROOT / f"{words[-1].split(':')[0].replace('.', '/')}.py").is_file()
        asked = [sys.executable, "-m", "granian", "--help"]
    else:
        assert words[:2] == ["synthportal", "manage"]
        asked = [sys.executable, "manage.py", words[3], "--help"]
    done = subprocess.run(
        asked,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": f"synthportal.settings.test_{'public' if 'public' in ' '.join(words) else 'secure'}",
        },
    )
    assert [option for option in words if option.startswith("--") and option not in done.stdout and option != "--noinput"] == []


@pytest.mark.promise("outgrown.8")
def test_every_setting_of_the_examples_is_one_there_is_and_each_zone_hears_of_its_own() -> None:
    listed = set(re.findall(r"`((?:SYNTHPORTAL|REDIS)_[A-Z_]+)`", (ROOT / "docs/deploy.md").read_text()))
    files = {name: settings(DEPLOY / f"{name}.env") for name in ("public", "secure", "publisher")}
    for name, said in files.items():
        assert set(said) - listed <= {"DJANGO_SETTINGS_MODULE"}, name
    assert not [each for each in files["public"] if "SECURE" in each or "SIGNING" in each or "REDIS" in each]
    assert not [each for each in files["secure"] if "SIGNING" in each or "STORE" in each or "PUBLIC" in each]
    assert "SYNTHPORTAL_SIGNING_KEY" in files["publisher"]


@pytest.mark.promise("outgrown.8")
def test_the_units_hold_up_and_nothing_runs_as_root() -> None:
    for unit in UNITS:
        text = unit.read_text()
        assert re.search(r"^User=synthportal-(public|secure)$", text, re.MULTILINE)
        assert re.search(r"^EnvironmentFile=/etc/synthportal/(public|secure|publisher)\.env$", text, re.MULTILINE)
        assert ("publisher.env" in text) == (unit.name == "synthportal-publisher.service")
    checker = shutil.which("systemd-analyze")
    if checker:
        done = subprocess.run([checker, "verify", "--man=no", *map(str, UNITS)], capture_output=True, text=True, timeout=60, check=False)
        told = [line for line in done.stderr.splitlines() if "docs/deploy" in line and "is not executable" not in line]
        assert told == []


@pytest.mark.promise("outgrown.8")
def test_the_example_of_credentials_is_one_that_is_read(tmp_path: Path) -> None:
    file = tmp_path / "lake-open.json"
    file.touch(mode=0o600)
    file.write_text((DEPLOY / "lake-open.json").read_text())
    assert store_of(file) is not None
    assert {mount.split(":")[0] for mount in SERVICES["nginx"]["volumes"]} >= {"./nginx-public.conf"}
    assert json.loads(file.read_text())["address"].startswith("s3://")
