"""Fitted generators as files: `model.json` beside `weights.safetensors`, for their owner alone, with nothing in them that could run.

Both are personal data, as weights are: they stay in the secure zone.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as read_arrays
from safetensors.numpy import save as written_arrays

from generators.atomic import writing
from generators.digests import digest, readable
from generators.disclosure import DisclosurePolicy
from generators.encoding.table import TableEncoding
from generators.errors import InputError
from generators.fitting.context import Context, alike_parts, parent_of, row_parts
from generators.fitting.controls import Controls
from generators.fitting.fitted import FitRecord, FittedModel
from generators.fitting.fitted_table import FittedTable
from generators.generating.layout import layout
from generators.learning.known import learned_generators, learner_of
from generators.learning.model import Model, Saved
from generators.schema import DatasetSchema, Rule
from generators.summary import MetadataSummary

FORMAT = 1
"""Version of the two files; a reader refuses a newer one."""
FACTS, WEIGHTS = "model.json", "weights.safetensors"

_SIZE = struct.Struct("<Q")
_SEALED = "digest"


@dataclass(frozen=True)
class Pieces:
    """A fitted generator as it is stored. facts: JSON; weights: the arrays of its models as safetensors."""

    facts: Mapping[str, Any]
    weights: bytes

    @cached_property
    def text(self) -> bytes:
        """The content of `model.json`: the facts, and their digest."""
        return readable({**self.facts, _SEALED: digest(self.facts)}).encode()

    def to_bytes(self) -> bytes:
        """Both files as one."""
        return _SIZE.pack(len(self.text)) + self.text + self.weights


def pieces(fitted: FittedModel) -> Pieces:
    """What `fitted` is stored as."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    tables = {}
    for name, table in fitted.tables.items():
        models = {}
        for role, model in (("rows", table.model), ("alike", table.of_alike)):
            if model is not None:
                saved = model.saved()
                models[role] = {"facts": dict(saved.facts), "arrays": sorted(saved.arrays)}
                arrays |= {f"{name}/{role}/{each}": np.ascontiguousarray(array) for each, array in saved.arrays.items()}
        tables[name] = {
            "encoding": table.encoding.as_dict(),
            "given": table.context.as_dict(),
            "models": models,
            "rules": [asdict(rule) for rule in table.kept],
        }
    weights = bytes(written_arrays({name: arrays[name] for name in sorted(arrays)}))
    facts = {
        "format": FORMAT,
        "generator": fitted.generator,
        "version": fitted.version,
        "schema": fitted.schema.as_dict(),
        "summary": fitted.summary.as_dict(),
        "policy": fitted.policy.as_dict(),
        "options": dict(fitted.options),
        "controls": fitted.controls.as_dict(),
        "seed": fitted.seed,
        "record": fitted.record.as_dict(),
        "tables": tables,
        "weights": hashlib.sha256(weights).hexdigest(),
    }
    return Pieces(json.loads(json.dumps(facts, allow_nan=False)), weights)


def save(fitted: FittedModel, folder: Path) -> tuple[Path, Path]:
    """Write the two files into `folder`, for their owner alone: each whole or not at all, the facts last."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = folder / FACTS, folder / WEIGHTS
    for path, content in ((written[1], fitted.pieces.weights), (written[0], fitted.pieces.text)):
        with writing(path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
    return written


def load(folder: Path) -> FittedModel:
    """What `save` wrote. InputError when a file is missing, of a newer format, cut short or not as it was written."""
    try:
        return _restored((folder / FACTS).read_bytes(), (folder / WEIGHTS).read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"the saved model lacks the file {Path(error.filename).name}") from None
    except (IsADirectoryError, NotADirectoryError, PermissionError):
        raise InputError(f"the saved model cannot be read; it is a folder with {FACTS} and {WEIGHTS}") from None


def from_bytes(content: bytes) -> FittedModel:
    """What `FittedModel.to_bytes` gave; InputError as `load`."""
    size = _SIZE.unpack(content[:8])[0] if len(content) >= 8 else 0
    return _restored(content[8 : 8 + size], content[8 + size :])


def _restored(text: bytes, weights: bytes) -> FittedModel:
    try:
        facts = json.loads(text)
    except ValueError:
        raise InputError(f"the saved model: {FACTS} is not whole; use the file as it was saved, or fit again") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("format"), int):
        raise InputError(f"the saved model: {FACTS} is not a fitted generator")
    if facts["format"] > FORMAT:
        raise InputError(f"the saved model has format {facts['format']}; this program reads up to {FORMAT}: use a newer version of it")
    sealed = facts.pop(_SEALED, None)
    if sealed != digest(facts):
        raise InputError(f"the saved model: {FACTS} is not as it was saved; use the original file, or fit again")
    if hashlib.sha256(weights).hexdigest() != facts.get("weights"):
        raise InputError(f"the saved model: {WEIGHTS} is not the file that was saved with {FACTS}; use the original, or fit again")
    try:
        return _built(Pieces(facts, weights))
    except (KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the saved model: {FACTS} lacks a piece; use the file as it was saved, or fit again") from None


def _built(stored: Pieces) -> FittedModel:
    facts, arrays = stored.facts, read_arrays(stored.weights)
    generator = str(facts["generator"])
    if generator not in learned_generators():
        raise InputError(f'the saved model is of the generator "{generator}", which is not installed here')
    learner = learner_of(generator, fitting=False)
    schema = DatasetSchema.from_dict(facts["schema"])
    tables: dict[str, FittedTable] = {}
    for place in layout(schema).places.values():
        if place.name not in facts["tables"]:
            continue
        raw = facts["tables"][place.name]
        encoding = TableEncoding.from_dict(raw["encoding"])
        above = parent_of(place)
        theirs = tables[above].encoding.parts if above in tables else ()
        context = Context.from_dict(raw["given"], len(encoding.parts), len(theirs))
        rows, given = row_parts(context, encoding.parts, theirs)
        of_alike: Model | None = None
        if context.alike:
            parts, first = alike_parts(context, encoding.parts, theirs)
            of_alike = learner.load(_saved(raw, place.name, "alike", arrays), parts, first)
        model = learner.load(_saved(raw, place.name, "rows", arrays), rows, given) if context.order else None
        kept = tuple(Rule(str(rule["name"]), str(rule["text"])) for rule in raw["rules"])
        tables[place.name] = FittedTable(encoding, context, model, of_alike, theirs, kept, learner.restricts)
    made = FittedModel(
        generator=generator,
        version=str(facts["version"]),
        schema=schema,
        summary=MetadataSummary.from_dict(facts["summary"]),
        tables={t.name: tables[t.name] for t in schema.tables if t.name in tables},
        options={str(k): str(v) for k, v in facts["options"].items()},
        policy=DisclosurePolicy.from_dict(facts["policy"]),
        seed=int(facts["seed"]),
        record=FitRecord.from_dict(facts["record"]),
        controls=Controls.from_dict(facts["controls"]),
    )
    made.__dict__["pieces"] = stored
    return made


def _saved(raw: Mapping[str, Any], table: str, role: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Saved:
    model = raw["models"][role]
    return Saved(model["facts"], {each: arrays[f"{table}/{role}/{each}"] for each in model["arrays"]})
