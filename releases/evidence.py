"""The evidence of a submission: the unsigned capsule, and the digest that sign-offs are given to."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from django.utils.text import slugify

from generators.errors import InputError
from generators.reading.tables import write_csv
from generators.schema import DatasetSchema
from releases import conditions, data_models, dpias, examples, files, overrides, plain_account, selection, stored
from releases.capsule import layout
from releases.capsule.build import CapsuleTable, build
from releases.capsule.layout import CapsuleRefused
from releases.capsule.manifest import CapsuleDescription, Event, Made, Manifest
from releases.capsule.publish import DRILL
from releases.capsule.verify import check_unsigned
from releases.models import ReleaseRequest, SyntheticVersion


def slug(request: ReleaseRequest) -> str:
    """The public name a request's title gives; never one that begins as a drill's does."""
    name = slugify(request.title)[:77].strip("-_").replace("_", "-") or f"dataset-{str(request.pk)[:8]}"
    return f"a-{name}" if name.startswith(DRILL) else name


def digest(request: ReleaseRequest, manifest_sha256: str) -> str:
    """The evidence digest: SHA-256 over the manifest (and through it every file), the DPIA, the requester and the round."""
    parts = {"manifest": manifest_sha256, "dpia": dpias.digest(request), "requester": str(request.author_id), "round": request.round}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def intact(request: ReleaseRequest) -> bool:
    """Whether the submitted capsule's manifest is still the one the evidence digest is over. (Publishing checks every file.)"""
    manifest = files.folder("capsules") / str(request.capsule) / layout.MANIFEST
    return manifest.is_file() and files.sha256(manifest) == request.manifest_sha256


def whole(request: ReleaseRequest) -> bool:
    """Whether every file of the submitted capsule is still the one the evidence digest is over. Reads them all."""
    try:
        _, manifest = check_unsigned(files.folder("capsules") / str(request.capsule))
    except CapsuleRefused:
        return False
    return hashlib.sha256(manifest).hexdigest() == request.manifest_sha256


def check_published(request: ReleaseRequest) -> None:
    """InputError unless the version's files on record are those of the capsule that was published. (Reading them checks their bytes.)"""
    version = request.version
    place = files.folder("capsules") / str(request.capsule) / layout.MANIFEST
    if version is None or not place.is_file():
        raise InputError("the capsule that was published is not in the secure zone any more")
    content = place.read_bytes()
    if hashlib.sha256(content).hexdigest() != request.publication.manifest_sha256:
        raise InputError("the capsule in the secure zone is not the one that was published")
    published = {f.table: f.sha256 for f in Manifest.from_bytes(content).files if f.role == "data" and f.path.endswith(".parquet")}
    if published != {f["table"]: f["sha256"] for f in version.files}:
        raise InputError("the version's files are not those that were published")


def build_capsule(request: ReleaseRequest, folder: Path, *, slug: str, version: int) -> str:
    """Build the unsigned capsule of the chosen version into the new `folder`; the SHA-256 of its manifest. InputError when it cannot be."""
    from evaluation import report  # not before it is needed: it loads the charting library

    chosen = request.version
    if chosen is None:
        raise InputError("no version is chosen")
    if not hasattr(request, "drill") and hasattr(chosen.request, "drill"):
        raise InputError("a drill is never published: that version was made for one")
    if hasattr(request, "drill") != slug.startswith(DRILL):
        raise InputError("the capsule of a drill bears the name of a drill, and no other capsule does")
    schema = DatasetSchema.from_dict(chosen.schema)
    evaluation = stored.evaluation(chosen.evaluation)
    verdict = overrides.verdict(request)
    public = report.public(evaluation, chosen.tier, version=verdict.gates)
    taught = chosen.tier != "structural"
    answered = tuple(override.sentence for override in overrides.answered(request))
    which = conditions.told(conditions.of_version(chosen))
    public = replace(public, notes=(*public.notes, *([which] if which else []), *answered))
    spare = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    spare.mkdir(parents=True, mode=0o700)
    try:
        tables: list[CapsuleTable] = []
        for name, parquet in stored.data(chosen).items():
            rows = next(f["rows"] for f in chosen.files if f["table"] == name)
            csv = spare / f"{len(tables)}.csv"
            write_csv(parquet, csv, schema.table(name))
            tables.append(CapsuleTable(name, parquet, csv, rows))
        return build(
            folder,
            _description(request, chosen, slug, version),
            tables=tables,
            schema=schema.as_dict(),
            report_json=public.to_json(),
            report_html=report.html(public, verdict, "public", title=request.title, attempts=request.versions.count()),
            summary=released_summary(chosen),
            examples=examples.scripts(schema, layout.data_names(table.name for table in tables), evaluation) if taught else {},
            account=account.text if (account := plain_account.current(request)) else None,
            unit_words={column.unit: column.unit_words for table in schema.tables for column in table.columns if column.unit},
        )
    except CapsuleRefused as refusal:
        raise InputError(f"the release cannot be put together: {refusal.reason}") from None
    finally:
        files.discard(spare)


def released_summary(version: SyntheticVersion) -> str | None:
    """The summary a version was made from, as it would be published: without the variables nobody asked for. None when it had none."""
    if version.summary is None:
        return None
    whole = stored.working_schema(version.snapshot)
    return selection.selected_summary(stored.summary(version.summary), whole, DatasetSchema.from_dict(version.schema)).to_json()


def _description(request: ReleaseRequest, chosen: SyntheticVersion, slug: str, version: int) -> CapsuleDescription:
    whole = stored.working_schema(chosen.snapshot)
    names = {selection.variable(whole, table["name"], column["name"]) for table in chosen.schema["tables"] for column in table["columns"]}
    history = [Event("generated", _moment(chosen.made_at)), Event("evaluated", _moment(chosen.evaluation.made_at))]
    if chosen.summary is not None:
        history.insert(0, Event("summarised", _moment(chosen.summary.made_at)))
    return CapsuleDescription(
        slug=slug,
        version=version,
        title=request.title,
        description=request.description,
        subject=request.source.subject,
        tier=request.tier,
        access_level=request.access_level,
        licence=request.licence,
        purpose=request.purpose,
        made=Made(
            generator=chosen.generator,
            version=chosen.generator_version,
            mechanism_digest=chosen.mechanism_digest,
            seed=chosen.seed,
            rows=sum(f["rows"] for f in chosen.files),
            disclosure_policy=chosen.summary.policy_name if chosen.summary else None,
            attempts=request.versions.count(),
        ),
        variables={name: why for name, why in sorted(request.variables.items()) if name in names},
        history=tuple(history),
        overrides=overrides.answered(request),
        organisation=" ".join(request.source.controller.split()),
        data_model=data_models.followed(chosen.snapshot, DatasetSchema.from_dict(chosen.schema)),
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
