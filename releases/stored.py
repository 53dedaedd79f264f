"""Reading back what the rows point at, each file checked against the SHA-256 its row recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.results import Evaluation
from generators.errors import InputError
from generators.schema import DatasetSchema
from generators.summarising.exposure import Exposure
from generators.summary import MetadataSummary
from releases import files
from releases.models import EvaluationRecord, Snapshot, SummaryRecord, SyntheticVersion, TrainedModel
from releases.selection import lessened

if TYPE_CHECKING:
    from generators.fitting.fitted import FittedModel


def checked(area: str, path: str, sha256: str) -> Path:
    """The file at `path` of one of the zone's folders; InputError when it is missing or not the one that was recorded."""
    whole = files.folder(area) / path
    if not whole.is_file():
        raise InputError(f"a file this needs ({whole.name}) is missing from the secure zone; ask an administrator")
    if files.sha256(whole) != sha256:
        raise InputError(f"a file this needs ({whole.name}) was changed after it was recorded; ask an administrator")
    return whole


def working_schema(snapshot: Snapshot) -> DatasetSchema:
    """The de-identified schema of the snapshot's working copy."""
    return DatasetSchema.from_dict(snapshot.working_copy.schema)


def side(snapshot: Snapshot, which: str) -> dict[str, Path]:
    """The files of one side ("train", "holdout") of the snapshot's split, by table."""
    return {table: checked("working", f["path"], f["sha256"]) for table, f in getattr(snapshot.split, which).items()}


def vocabularies(snapshot: Snapshot, schema: DatasetSchema) -> dict[str, Path] | None:
    """The files of the schema's public tables, by table, from the snapshot's working copy; None when it has none."""
    public = {table.name for table in schema.tables if table.public}
    found = {t["name"]: checked("working", t["path"], t["sha256"]) for t in snapshot.working_copy.tables if t["name"] in public}
    return found or None


def summary(record: SummaryRecord) -> MetadataSummary:
    """The summary itself."""
    text = checked("summaries", record.path, record.sha256).read_text(encoding="utf-8")
    return MetadataSummary.from_json(text, record.digest)


def summarised_schema(record: SummaryRecord) -> DatasetSchema:
    """The schema a summary was made of: the working copy's, less what was left out."""
    return lessened(working_schema(record.snapshot), [(table, column) for table, column in record.without])


def exposure(record: SummaryRecord) -> Exposure | None:
    """What the summary exposed; None when that is not on record, was changed, or cannot be read: then nothing can be compared with it."""
    try:
        return Exposure.read(checked("exposures", record.exposure_path, record.exposure_sha256)) if record.exposure_path else None
    except InputError:
        return None


def evaluation(record: EvaluationRecord) -> Evaluation:
    """The evaluation itself, as reviewers may see it."""
    return Evaluation.from_json(checked("runs", record.path, record.sha256).read_text(encoding="utf-8"))


def model(trained: TrainedModel) -> FittedModel:
    """The model itself. InputError when it was destroyed, or its files are not those that were recorded."""
    from generators.fitting.files import load  # not before it is needed

    if trained.destroyed_at is not None:
        raise InputError("the model was destroyed; generate with the same choices again, and it is learned anew")
    paths = [checked("models", each["path"], each["sha256"]) for each in trained.files]
    fitted = load(paths[0].parent)
    if fitted.digest != trained.digest:
        raise InputError("a model this needs is not the one that was recorded; ask an administrator")
    return fitted


def data(version: SyntheticVersion) -> dict[str, Path]:
    """The generated files by table."""
    return {f["table"]: checked("runs", f["path"], f["sha256"]) for f in version.files}
