"""The sealing key exchanged while the site runs, and what the store has lost taken in again from the lake."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from releases.capsule.layout import CapsuleRefused
from releases.catalogue.access import keys, outbox, rotation, second_factor, training
from releases.catalogue.giving import reports
from releases.catalogue.models import AccessEvent, CatalogueAccount, ReleaseVersion, StoredFile, TrainingProof
from releases.catalogue.serving import sealed, store
from releases.catalogue.taking_in import again
from tests.capsule.world import Publisher
from tests.public import access_world as build
from tests.public.test_downloads import TakeIn

TWO = {"one": build.SLUG, "two": "other-visits"}


@pytest.fixture
def own_key(settings: Settings, tmp_path: Path) -> Path:
    """A sealing key of this test alone."""
    settings.SYNTHPORTAL_SEALING_KEY = tmp_path / "sealing.key"
    settings.SYNTHPORTAL_SEALING_KEY.write_text("the first key")
    return Path(settings.SYNTHPORTAL_SEALING_KEY)


@pytest.fixture
def world(own_key: Path, publisher: Publisher, take_in: TakeIn) -> tuple[CatalogueAccount, bytes]:
    """Two safeguarded releases, a researcher with an app, a grant and a certificate; a report; and the bytes of the rows."""
    for slug in TWO.values():
        notice = publisher.publish(**{**build.SAFEGUARDED, "slug": slug}, rows=50)
    take_in()
    ada = build.person()
    build.granted(ada, build.officer())
    reports.report(StoredFile.objects.filter(version__release__slug=build.SLUG)[0].version, "problem", "A column is empty.")
    return build.with_app(ada), (publisher.lake / notice.place / "data/visits.parquet").read_bytes()


def said(command: str, *arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def rows() -> list[StoredFile]:
    """The sealed files, Parquet first."""
    return list(StoredFile.objects.exclude(sealed_as="").order_by("-path", "pk"))


@pytest.mark.promise("grant.18")
def test_the_sealing_key_is_exchanged_while_the_site_runs_and_goes_on_where_it_was_killed(
    world: tuple[CatalogueAccount, bytes], own_key: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, content = world
    browser, before = build.signed_in(ada), [each.sealed_as for each in rows()]
    opened_before = store.opened(StoredFile.objects.get(sealed_as=before[0]))

    def serves() -> bool:
        return build.body(browser.get(build.FILE)) == content and training.content(TrainingProof.objects.get()) == build.PDF

    class Killed(BaseException):
        pass

    for name in ("forget_sealed", "sealed_place"):  # after a file's row was changed; before anything of the next was written
        real: Callable[..., Any] = getattr(store, name)

        def killed(*arguments: Any, **options: Any) -> Any:
            raise Killed

        monkeypatch.setattr(store, name, killed)
        with pytest.raises(Killed):
            call_command("rotate_sealing_key", stdout=StringIO())
        monkeypatch.setattr(store, name, real)
        assert own_key.read_text() != "the first key"
        assert keys.earlier_file().read_text() == "the first key"
        assert keys.earlier_file().stat().st_mode & 0o077 == 0
        assert serves()
    told = said("rotate_sealing_key")
    assert "going on with the exchange" in told
    assert "done: the key before is destroyed" in told
    assert not rotation.under_way()
    assert serves()
    now = [each.sealed_as for each in rows()]
    assert not set(now) & set(before)
    lying = [path for path in (Path(settings.SYNTHPORTAL_STORE) / "sealed").rglob("*") if path.is_file()]
    assert {path.name for path in lying} == set(now)  # nothing is left of the old, nothing half made
    assert not list((Path(settings.SYNTHPORTAL_STORE) / ".incoming").iterdir())
    with opened_before as stream:
        assert stream.read() == content  # a download that was under way
    own_key.write_text("the first key")
    for each in rows():
        with pytest.raises(OSError, match="another key"):
            store.opened(each).read()
    with pytest.raises(sealed.SealBroken):
        training.content(TrainingProof.objects.get())
    assert AccessEvent.objects.filter(action="exchange sealing key").count() == 1


@pytest.mark.promise("grant.18")
def test_every_sealed_text_opens_with_the_new_key_and_a_row_read_before_still_finds_its_file(
    world: tuple[CatalogueAccount, bytes], own_key: Path
) -> None:
    ada, content = world
    outbox.post("ada@uni.ac.uk", "One", "A secret link")
    stale = rows()[0]
    said("rotate_sealing_key", make_only=True)
    said("rotate_sealing_key", make_only=True)  # once more makes no third key
    assert rotation.under_way()
    assert "texts sealed anew" in said("rotate_sealing_key")
    assert store.opened(stale).read() == content
    account = CatalogueAccount.objects.get(pk=ada.pk)
    assert keys.unsealed(second_factor.SECRETS, account.sealed_secret, current=True) == ada.app  # type: ignore[attr-defined]
    assert second_factor.codes_left(account) == 10
    assert build.signed_in(ada).get("/account/").status_code == 200
    assert reports.said(reports.waiting()[0]) == "A column is empty."
    build.links()
    assert outbox.OutgoingMail.objects.filter(sent_at__isnull=True).count() == 0


@pytest.mark.promise("grant.18")
def test_a_file_that_is_damaged_keeps_the_key_before_until_it_is_mended_from_the_lake(
    world: tuple[CatalogueAccount, bytes], publisher: Publisher, take_in: TakeIn
) -> None:
    damaged, gone = (store.held(each) for each in rows()[:2])
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    gone.unlink()
    with pytest.raises(CommandError, match=f"take_in_again {build.SLUG} 1") as told:
        said("rotate_sealing_key")
    assert "is kept until these are mended" in str(told.value)
    assert rotation.under_way()
    assert said("take_in_again").count("taken in again") == 2
    outbox.post("ada@uni.ac.uk", "One", "A link")
    outbox.OutgoingMail.objects.filter(sent_at__isnull=True).update(sealed_body="AAAA" * 9)  # sealed with a key nobody has
    with pytest.raises(CommandError, match="opens with neither key"):
        said("rotate_sealing_key")
    outbox.OutgoingMail.objects.all().delete()
    assert "done: the key before is destroyed" in said("rotate_sealing_key")
    assert "whole" in said("take_in_again", check=True)


@pytest.mark.promise("grant.19")
def test_what_the_store_has_lost_comes_back_from_the_lake_and_from_nowhere_else(
    world: tuple[CatalogueAccount, bytes], own_key: Path, publisher: Publisher, take_in: TakeIn, settings: Settings
) -> None:
    ada, content = world
    publisher.publish()
    take_in()
    shutil.rmtree(settings.SYNTHPORTAL_STORE)  # the disk is new, and the sealing key with it
    own_key.write_text("another key")
    CatalogueAccount.objects.filter(pk=ada.pk).update(sealed_secret="")
    with pytest.raises(CommandError, match=r"data/visits\.parquet is missing or damaged"):
        said("take_in_again", "ed-visits", 1, check=True)
    with pytest.raises(CommandError, match="no files of such a version"):
        said("take_in_again", "ed-visits", 2)
    other = publisher.lake / "safeguarded" / TWO["two"] / "1"
    kept = other.with_name("kept")
    other.rename(kept)
    shutil.copytree(publisher.lake / "safeguarded" / TWO["one"] / "1", other)
    with pytest.raises(CommandError, match="not the one that was taken in"):
        said("take_in_again")
    shutil.rmtree(other)
    kept.rename(other)
    said("take_in_again")
    del ada.app  # type: ignore[attr-defined]
    assert build.body(build.signed_in(ada).get(build.FILE)) == content
    open_file = StoredFile.objects.get(path="data/visits.csv", version__access_level="open")
    place = store.held(open_file)
    place.chmod(0o644)
    place.write_bytes(b"damaged")
    assert "data/visits.csv taken in again" in said("take_in_again", "ed-visits")
    assert build.body(Client().get("/datasets/ed-visits/v1/files/data/visits.csv")) == place.read_bytes() != b"damaged"
    version = open_file.version
    ReleaseVersion.objects.filter(pk=version.pk).update(state=ReleaseVersion.State.WITHDRAWN)
    with pytest.raises(CapsuleRefused, match="was withdrawn"):
        again.take_in_again(version, publisher.lake, publisher.keys, Path(settings.SYNTHPORTAL_STORE))
