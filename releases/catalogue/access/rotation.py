"""The sealing key exchanged: a new one made, everything that was sealed sealed with it, and only then the one before destroyed.

Nothing is asked to stop meanwhile: everything opens with either key until all of it is done. What was broken off, also by a kill, is gone
on with by doing it once more; a file is sealed anew beside the old one and takes its place at once or not at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import models

from releases.capsule import files
from releases.catalogue.access import journal, keys, outbox, second_factor, training
from releases.catalogue.giving import reports
from releases.catalogue.models import CatalogueAccount, OutgoingMail, ProblemReport, ReleaseVersion, StoredFile, TrainingProof
from releases.catalogue.serving import sealed, store

_TEXTS: tuple[tuple[type[models.Model], str, str], ...] = (
    (CatalogueAccount, "sealed_secret", second_factor.SECRETS),
    (CatalogueAccount, "sealed_codes", second_factor.CODES_SEALED),
    (OutgoingMail, "sealed_body", outbox.SEALED),
    (ProblemReport, "said", reports.SEALED),
    (ProblemReport, "answer", reports.SEALED),
)
"""Every sealed text of the database, and its purpose."""


@dataclass
class Done:
    """What was sealed anew in this run, and what could not be: a sentence each, with the way out."""

    files: int = 0
    texts: int = 0
    left: list[str] = field(default_factory=list)


def under_way() -> bool:
    """Whether an exchange was begun and not finished."""
    return keys.earlier_file().exists()


def make_key() -> None:
    """Make the new key, unless an exchange is under way. From now on everything is sealed with it, and the one before still opens."""
    current, earlier = keys.current_file(), keys.earlier_file()
    with files.alone(_store()):  # ingest names and seals a file with one key
        if not earlier.exists():
            files.replace_durably(earlier, current.read_bytes(), 0o600)
        if earlier.read_bytes() == current.read_bytes():  # not made yet, or broken off between the two
            files.replace_durably(current, secrets.token_urlsafe(64).encode(), 0o600)


def reseal(tell: Callable[[str], None]) -> Done:
    """Seal with the new key what the one before sealed. `tell` hears of each file."""
    done = Done()
    for model, column, purpose in _TEXTS:
        done.texts += _reseal_texts(model, column, purpose, done.left)
    for proof in TrainingProof.objects.order_by("given_at"):
        _try(partial(_reseal_proof, proof), f"certificate {proof.pk}", "Its person must give it again.", done, tell)
    every = StoredFile.objects.exclude(sealed_as="").select_related("version__release").order_by("pk")
    for stored in every.iterator():
        version = stored.version
        name = f"{version.release.slug} version {version.version}, {stored.path}"
        way_out = f"Mend it: synthportal manage public take_in_again {version.release.slug} {version.version}"
        _try(partial(_reseal_stored, stored), name, way_out, done, tell)
    return done


def finish() -> None:
    """Destroy the key before. Whoever calls it has seen that nothing is left that it alone opens."""
    keys.earlier_file().unlink(missing_ok=True)
    files.sync_folder(keys.earlier_file().parent)
    journal.record(None, "exchange sealing key", "sealing key")


def _try(act: Callable[[], bool], name: str, way_out: str, done: Done, tell: Callable[[str], None]) -> None:
    try:
        if act():
            done.files += 1
            tell(name)
    except OSError as error:
        done.left.append(f"{name}: {error.strerror or error}. {way_out}")


def _reseal_texts(model: type[models.Model], column: str, purpose: str, left: list[str]) -> int:
    count = 0
    for pk, text in model._default_manager.exclude(**{column: ""}).values_list("pk", column):
        try:
            keys.unsealed(purpose, text, current=True)
            continue
        except ValueError:
            pass
        try:
            anew = keys.sealed(purpose, keys.unsealed(purpose, text))
        except ValueError:
            left.append(f"{model._meta.verbose_name} {pk}: {column} opens with neither key. Put back the key it was sealed with.")
            continue
        # Changed meanwhile, it was sealed with the new key by whoever changed it.
        count += model._default_manager.filter(pk=pk, **{column: text}).update(**{column: anew})
    return count


def _reseal_proof(proof: TrainingProof) -> bool:
    place, purpose = training.place(proof), training.SEALED
    try:
        with sealed.Sealed(place, keys.key(purpose)) as stream:
            stream.read()
        return False
    except sealed.SealBroken:
        pass
    temporary = place.with_name(f".{place.name}.{secrets.token_hex(6)}")
    _sealed_anew(place, temporary, place, purpose, proof.sha256)
    return True


def _reseal_stored(stored: StoredFile) -> bool:
    with files.alone(_store()):
        stored.refresh_from_db(fields=["sealed_as"])
        version = stored.version
        place = f"{version.release.slug}/{version.version}/{stored.path}"
        names = [keys.digest_with(one, place) for one in keys.opening(store.NAMES)]
        if stored.sealed_as == names[0]:
            for name in names[1:]:
                store.forget_sealed(_store(), name)  # killed before it was removed
            return False
        before = stored.sealed_as
        there = version.state != ReleaseVersion.State.WITHDRAWN
        if there:
            target = store.sealed_place(_store(), names[0])
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = store.incoming(_store())
            _sealed_anew(store.held(stored), temporary, target, store.FILES, stored.sha256)
        StoredFile.objects.filter(pk=stored.pk).update(sealed_as=names[0])
        store.forget_sealed(_store(), before)
        return there


def _sealed_anew(source: Path, temporary: Path, target: Path, purpose: str, sha256: str) -> None:
    """`source` sealed with the new key at `target`, checked against its digest before it takes its place."""
    try:
        with sealed.Sealed(source, *keys.opening(purpose)) as stream:
            _, digest = sealed.seal(_pieces(stream), temporary, keys.key(purpose))
        if digest != sha256:
            raise sealed.SealBroken("a sealed file is not what it was")
        temporary.replace(target)
        files.sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _pieces(stream: sealed.Sealed) -> Iterator[bytes]:
    while piece := stream.read(sealed.CHUNK):
        yield piece


def _store() -> Path:
    return Path(settings.SYNTHPORTAL_STORE)
