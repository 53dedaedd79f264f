"""The generation mechanism: everything that decides what a generator can reveal, as one value with one digest.

A standing approval is given to this digest: while it is unchanged, further generations need no new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from generators.digests import digest, readable
from generators.disclosure import DisclosurePolicy
from generators.errors import InputError
from generators.schema import DatasetSchema
from generators.summary import MetadataSummary

FORMAT = 1


@dataclass(frozen=True)
class TableRule:
    """A rule and the table it is about."""

    table: str
    name: str
    text: str


@dataclass(frozen=True)
class Mechanism:
    """A generator with all it is given, save seed and number of rows.

    parameters: sorted (name, value) pairs; summary_digest and disclosure_policy are None for generators that observe nothing.
    """

    generator: str
    version: str
    schema_digest: str
    summary_digest: str | None = None
    disclosure_policy: DisclosurePolicy | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    rules: tuple[TableRule, ...] = ()
    allowed_uses: tuple[str, ...] = ()
    format: int = FORMAT

    def as_dict(self) -> dict[str, Any]:
        policy = None if self.disclosure_policy is None else self.disclosure_policy.as_dict()
        return {**asdict(self), "disclosure_policy": policy}

    def to_json(self) -> str:
        """Readable JSON, the same bytes for the same mechanism."""
        return readable(self.as_dict())

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON."""
        return digest(self.as_dict())

    @staticmethod
    def from_dict(raw: Any) -> Mechanism:
        """A mechanism from parsed JSON; InputError when a part is missing or of a newer format."""
        if not isinstance(raw, Mapping) or raw.get("format") != FORMAT:
            raise InputError(f"not a mechanism of format {FORMAT}")
        policy = raw.get("disclosure_policy")
        try:
            return Mechanism(
                generator=str(raw["generator"]),
                version=str(raw["version"]),
                schema_digest=str(raw["schema_digest"]),
                summary_digest=None if raw["summary_digest"] is None else str(raw["summary_digest"]),
                disclosure_policy=None if policy is None else DisclosurePolicy.from_dict(dict(policy)),
                parameters=tuple((str(k), str(v)) for k, v in raw["parameters"]),
                rules=tuple(TableRule(str(r["table"]), str(r["name"]), str(r["text"])) for r in raw["rules"]),
                allowed_uses=tuple(str(u) for u in raw["allowed_uses"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("the mechanism lacks a part") from None


def mechanism(
    generator: str,
    version: str,
    schema: DatasetSchema,
    summary: MetadataSummary | None = None,
    *,
    parameters: Mapping[str, str] | None = None,
    allowed_uses: Sequence[str] = (),
) -> Mechanism:
    """The mechanism of a generator given this (de-identified) schema and, where it needs one, this summary.

    Raises InputError when the summary was made with another schema.
    """
    if summary is not None and summary.schema_digest != schema.digest:
        raise InputError("the summary was made with another schema; summarise again, or use the schema it was made with")
    return Mechanism(
        generator=generator,
        version=version,
        schema_digest=schema.digest,
        summary_digest=None if summary is None else summary.digest,
        disclosure_policy=None if summary is None else summary.policy,
        parameters=tuple(sorted((parameters or {}).items())),
        rules=tuple(TableRule(t.name, r.name, r.text) for t in schema.tables for r in t.rules),
        allowed_uses=tuple(sorted(allowed_uses)),
    )
