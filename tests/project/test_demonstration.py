"""`synthportal demo`: the first start fills it, later ones serve what is there."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from generators.errors import InputError
from synthportal import demonstration
from synthportal.cli import demo_command
from tests.project.running import Running, ended, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SMALL = {"SYNTHPORTAL_DEMONSTRATION_VISITS": "3000"}


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("d") / "v"


@pytest.fixture(scope="module")
def filled(var: Path) -> Iterator[Running]:
    """A small demonstration whose first filling was killed half-way, and which was then started again."""
    with started("demo", var, **SMALL) as first:
        first.until("summarising under the public disclosure policy")
        first.process.kill()
        first.process.wait()
    with started("demo", var, **SMALL) as second:
        second.until("Stop with Ctrl-C")
        yield second


def states(var: Path) -> dict[str, str]:
    """Each request's title and state, as the secure site's database has them."""
    with sqlite3.connect(f"file:{var}/secure/db.sqlite3?mode=ro", uri=True) as database:
        rows = dict(database.execute("select title, state from releases_releaserequest"))
    database.close()
    return rows


@pytest.mark.promise("install.11")
@pytest.mark.promise("install.12")
def test_a_filling_that_was_killed_is_begun_again_and_holds_each_thing_once(filled: Running, var: Path) -> None:
    assert sorted(states(var).values()) == ["draft", "published", "published", "returned", "submitted"]
    assert json.loads((var / "demonstration.json").read_text())["state"] == "filled"


@pytest.mark.promise("install.11")
def test_the_published_release_is_in_the_public_catalogue(filled: Running) -> None:
    status, page = filled.get(filled.public_port, "/")

    assert status == 200
    assert "Emergency department visits" in page


@pytest.mark.promise("install.14")
def test_safeguarded_data_have_an_access_officer_a_researcher_with_access_and_one_who_waits(
    filled: Running, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(f"file:{var}/public/db.sqlite3?mode=ro", uri=True) as database:
        found = database.execute(
            "select account.email, application.state from catalogue_application application "
            "join catalogue_catalogueaccount account on account.id = application.account_id order by 1"
        ).fetchall()
        (until,) = database.execute("select ends_at from catalogue_grant where ended_at is null").fetchone()
    database.close()
    assert found == [("researcher@university.example", "granted"), ("student@university.example", "submitted")]
    assert until > datetime.now(UTC).isoformat(" ")
    assert "Emergency department waits, learned from records" in filled.get(filled.public_port, "/datasets/?access=safeguarded")[1]
    assert "access@demonstration.example" in "".join(filled.said)
    monkeypatch.setenv("SYNTHPORTAL_VAR", str(var))
    assert re.fullmatch(r"\d{6}\n", CliRunner().invoke(demo_command.command, ["--code"]).output)
    monkeypatch.setenv("SYNTHPORTAL_VAR", str(var / "none"))
    with pytest.raises(InputError, match="no access officer"):
        demonstration.code()


@pytest.mark.promise("install.11")
def test_every_page_says_that_this_is_a_demonstration(filled: Running) -> None:
    for port, path in ((filled.public_port, "/"), (filled.public_port, "/no-such-page"), (filled.secure_port, "/sign-in/")):
        assert "Demonstration." in filled.get(port, path)[1], path


@pytest.mark.promise("install.11")
def test_the_accounts_are_printed_and_their_password_lies_in_a_private_file(filled: Running, var: Path) -> None:
    said = "".join(filled.said)
    password = json.loads((var / "demonstration.json").read_text())["password"]

    assert f"The password of every account is  {password}" in said
    for account in ("steward", "ig", "sdat", "ppi", "auditor", "administrator", "administrator2"):
        assert f"{account}@demonstration.example" in said
    assert stat.S_IMODE((var / "demonstration.json").stat().st_mode) == 0o600


@pytest.mark.promise("install.12")
def test_a_later_start_keeps_the_data_and_whoever_serves_them_says_that_they_are_a_demonstration(filled: Running, var: Path) -> None:
    before = states(var)
    filled.process.terminate()
    filled.process.wait(20)

    with started("serve", var) as later:
        later.until("Stop with Ctrl-C")
        assert "Demonstration." in later.get(later.secure_port, "/sign-in/")[1]

    assert states(var) == before
    assert "Filling" not in "".join(later.said)


@pytest.mark.promise("install.6")
def test_a_demonstration_ends_with_the_command_that_started_it(tmp_path: Path) -> None:
    with started("demo", tmp_path / "v", inside_a_shell=True) as running:
        running.until("Filling the demonstration")
        pid = int(Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text())

        running.process.kill()

        assert ended(pid)


@pytest.mark.promise("install.13")
def test_a_folder_with_other_data_is_never_filled(tmp_path: Path) -> None:
    (tmp_path / "secure").mkdir()
    (tmp_path / "secure" / "db.sqlite3").write_bytes(b"somebody's")

    with started("demo", tmp_path) as running:
        said = running.rest()

    assert running.process.returncode == 2
    assert "holds data that are no demonstration's; name another folder in SYNTHPORTAL_VAR" in said
    assert (tmp_path / "secure" / "db.sqlite3").read_bytes() == b"somebody's"


@pytest.mark.promise("install.13")
@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        (
            "SYNTHPORTAL_SECURE_DATABASE",
            "postgresql://a@b/c",
            "a demonstration has databases of its own; unset SYNTHPORTAL_SECURE_DATABASE",
        ),
        ("SYNTHPORTAL_DEMONSTRATION_VISITS", "12", "SYNTHPORTAL_DEMONSTRATION_VISITS must be a whole number of at least 3,000"),
    ],
)
def test_a_setting_a_demonstration_cannot_use_is_refused_in_one_line(tmp_path: Path, setting: str, value: str, sentence: str) -> None:
    with started("demo", tmp_path / "v", **{setting: value}) as running:
        said = running.rest()

    assert running.process.returncode == 2
    assert sentence in said
    assert not (tmp_path / "v" / "demonstration.json").exists()
