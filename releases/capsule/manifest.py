"""The manifest: what a release is, and every file of it by SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from releases.capsule import layout
from releases.capsule.layout import CapsuleRefused

_OPTIONAL_TEXTS = ("organisation", "data_model")


@dataclass(frozen=True)
class Made:
    """How the data were made.

    rows: synthetic rows of all tables; disclosure_policy: its name, None where nothing was observed (structural);
    attempts: how many versions were generated before this one was chosen, itself included: choosing among many is a disclosure choice.
    """

    generator: str
    version: str
    mechanism_digest: str
    seed: int
    rows: int
    disclosure_policy: str | None
    attempts: int = 1


@dataclass(frozen=True)
class Event:
    """One line of the release's time line before sign-off: what ("summarised"), when (ISO 8601, UTC)."""

    what: str
    at: str


@dataclass(frozen=True)
class Override:
    """A condition that should be met, was not, and was answered by the data steward before the sign-offs.

    gate: its id; although: what was not met, without a figure about real people; code: the coded reason, meaning: the same in words;
    because: the steward's own sentence.
    """

    gate: str
    although: str
    code: str
    meaning: str
    because: str

    @property
    def sentence(self) -> str:
        """The whole in one sentence: "Released although ..., because ..."."""
        although = f"{self.although[:1].lower()}{self.although[1:]}".rstrip(".")
        return f"Released although {although}, because {self.meaning}: {self.because}"


@dataclass(frozen=True)
class CapsuleDescription:
    """All that the manifest says besides its files.

    version: counts from 1; purpose: the use case ("training"); variables: column → why it was needed (variable minimisation), may be
    empty; history: what happened before sign-off, for the time line; overrides: conditions not met, and why it was released all the same
    (a manifest without any does not have the field); organisation: the data controller's name; data_model: the common data model the tables
    follow ("OMOP CDM 5.4"); a manifest without one of these two does not have that field.
    """

    slug: str
    version: int
    title: str
    description: str
    subject: str
    tier: str
    access_level: str
    licence: str
    purpose: str
    made: Made
    variables: Mapping[str, str] = field(default_factory=dict)
    history: tuple[Event, ...] = ()
    overrides: tuple[Override, ...] = ()
    organisation: str = ""
    data_model: str = ""


@dataclass(frozen=True)
class FileEntry:
    """One file: its path in the folder, bytes, SHA-256, media type, role (one of `layout.FILE_ROLES`); of data also table and rows."""

    path: str
    size: int
    sha256: str
    media_type: str
    role: str
    table: str | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` holds."""

    description: CapsuleDescription
    files: tuple[FileEntry, ...]

    def to_bytes(self) -> bytes:
        """The manifest's only accepted bytes."""
        said = asdict(self.description)
        said["history"] = [asdict(event) for event in self.description.history]
        said["variables"] = dict(self.description.variables)
        said["overrides"] = [asdict(override) for override in self.description.overrides]
        for name in ("overrides", *_OPTIONAL_TEXTS):
            if not said[name]:
                del said[name]  # as it was before there were any
        files = [asdict(entry) for entry in self.files]
        return layout.readable_json({"format": layout.FORMAT, **said, "files": files, "disclaimer": layout.DISCLAIMER})

    def file(self, path: str) -> FileEntry:
        """The entry of `path`; KeyError when the capsule has no such file."""
        for entry in self.files:
            if entry.path == path:
                return entry
        raise KeyError(path)

    @staticmethod
    def from_bytes(content: bytes) -> Manifest:
        """Read and check every field; CapsuleRefused names the first that is wrong."""
        if len(content) > layout.MAX_MANIFEST:
            raise CapsuleRefused(f"the manifest is larger than {layout.MAX_MANIFEST} bytes")
        raw = layout.parse_json(content, "the manifest")
        if not isinstance(raw, dict) or raw.get("format") != layout.FORMAT:
            raise CapsuleRefused(f"the manifest is not of format {layout.FORMAT}")
        if raw.get("disclaimer") != layout.DISCLAIMER:
            raise CapsuleRefused("the manifest lacks the standing disclaimer")
        manifest = Manifest(_description(raw), _files(raw.get("files")))
        try:
            same = manifest.to_bytes() == content
        except UnicodeEncodeError:
            same = False
        if not same:
            raise CapsuleRefused("the manifest has fields or an encoding that this format does not have")
        return manifest


def check_description(said: CapsuleDescription) -> None:
    """CapsuleRefused unless the description can stand in a manifest."""
    if not layout.is_slug(said.slug):
        raise CapsuleRefused("the release's short name must be 1 to 80 of a-z, 0-9 and hyphens")
    if not 1 <= said.version < 10**6:
        raise CapsuleRefused("the release's version must be a whole number from 1")
    if said.tier not in layout.TIERS:
        raise CapsuleRefused(f"the tier must be one of: {', '.join(layout.TIERS)}")
    if said.access_level not in layout.ACCESS_LEVELS:
        raise CapsuleRefused(f"the access level must be one of: {', '.join(layout.ACCESS_LEVELS)}")
    for name in ("title", "subject", "licence", "purpose"):
        text = getattr(said, name)
        if not text.strip() or any(ord(c) < 32 or ord(c) == 127 for c in text):
            raise CapsuleRefused(f"the release's {name} must be one line of text")
    for name in _OPTIONAL_TEXTS:
        text = getattr(said, name)
        if text and (not text.strip() or len(text) > layout.MAX_LINE or any(ord(c) < 32 or ord(c) == 127 for c in text)):
            raise CapsuleRefused(f"the release's {name.replace('_', ' ')} must be one line of at most {layout.MAX_LINE} characters")
    for override in said.overrides:
        for text in (override.gate, override.although, override.code, override.meaning, override.because):
            if not text.strip() or len(text) > layout.MAX_LINE or any(ord(c) < 32 or ord(c) == 127 for c in text):
                raise CapsuleRefused(f"an answer to a condition that is not met must be a line of at most {layout.MAX_LINE} characters")
    if "\x00" in said.description:
        raise CapsuleRefused("the release's description holds a NUL character")
    if not layout.is_digest(said.made.mechanism_digest):
        raise CapsuleRefused("the mechanism's digest is not a SHA-256")
    if not 0 <= said.made.seed < 2**63 or not 0 <= said.made.rows < 2**53 or not 1 <= said.made.attempts < 2**31:
        raise CapsuleRefused("the seed, the number of rows or of attempts is not one that can be")


def _typed(raw: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    value = raw.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise CapsuleRefused(f'{where}: "{name}" is missing or of the wrong kind')
    return value


def _description(raw: Mapping[str, Any]) -> CapsuleDescription:
    where = "the manifest"
    made_raw = _typed(raw, "made", dict, where)
    policy = made_raw.get("disclosure_policy")
    if policy is not None and not isinstance(policy, str):
        raise CapsuleRefused(f'{where}: "disclosure_policy" is of the wrong kind')
    made = Made(
        generator=_typed(made_raw, "generator", str, where),
        version=_typed(made_raw, "version", str, where),
        mechanism_digest=_typed(made_raw, "mechanism_digest", str, where),
        seed=_typed(made_raw, "seed", int, where),
        rows=_typed(made_raw, "rows", int, where),
        disclosure_policy=policy,
        attempts=_typed(made_raw, "attempts", int, where),
    )
    history = []
    for event in _typed(raw, "history", list, where):
        if not isinstance(event, dict):
            raise CapsuleRefused(f'{where}: "history" is of the wrong kind')
        history.append(Event(_typed(event, "what", str, where), _typed(event, "at", str, where)))
    variables = _typed(raw, "variables", dict, where)
    if not all(isinstance(why, str) for why in variables.values()):
        raise CapsuleRefused(f'{where}: "variables" is of the wrong kind')
    overrides = []
    for override in _typed(raw, "overrides", list, where) if "overrides" in raw else []:
        if not isinstance(override, dict):
            raise CapsuleRefused(f'{where}: "overrides" is of the wrong kind')
        overrides.append(Override(**{f.name: _typed(override, f.name, str, where) for f in fields(Override)}))
    texts = {
        name: _typed(raw, name, str, where)
        for name in ("slug", "title", "description", "subject", "tier", "access_level", "licence", "purpose")
    }
    said = CapsuleDescription(
        version=_typed(raw, "version", int, where),
        made=made,
        variables=variables,
        history=tuple(history),
        overrides=tuple(overrides),
        **texts,
        **{name: _typed(raw, name, str, where) for name in _OPTIONAL_TEXTS if name in raw},
    )
    check_description(said)
    return said


def _files(raw: Any) -> tuple[FileEntry, ...]:
    if not isinstance(raw, list) or not raw:
        raise CapsuleRefused("the manifest lists no files")
    if len(raw) > layout.MAX_FILES:
        raise CapsuleRefused(f"the manifest lists more than {layout.MAX_FILES} files")
    entries = []
    for item in raw:
        if not isinstance(item, dict):
            raise CapsuleRefused("the manifest's list of files is of the wrong kind")
        where = "a file of the manifest"
        table, rows = item.get("table"), item.get("rows")
        if not (table is None or isinstance(table, str)) or not (rows is None or type(rows) is int):
            raise CapsuleRefused(f'{where}: "table" or "rows" is of the wrong kind')
        entry = FileEntry(
            path=layout.safe_path(_typed(item, "path", str, where)),
            size=_typed(item, "size", int, where),
            sha256=_typed(item, "sha256", str, where),
            media_type=_typed(item, "media_type", str, where),
            role=_typed(item, "role", str, where),
            table=table,
            rows=rows,
        )
        if entry.size < 0 or not layout.is_digest(entry.sha256) or entry.role not in layout.FILE_ROLES:
            raise CapsuleRefused(f"{where}: its size, digest or role is not one that can be")
        if any(ord(c) < 32 or ord(c) > 126 for c in entry.media_type):
            raise CapsuleRefused(f"{where}: its media type is not one that can be")
        if entry.path in (layout.MANIFEST, layout.ATTESTATION):
            raise CapsuleRefused("the manifest lists itself or its signature")
        entries.append(entry)
    paths = [entry.path.lower() for entry in entries]
    if len(set(paths)) != len(paths):
        raise CapsuleRefused("the manifest lists a file twice")
    if [e.path for e in entries] != sorted(e.path for e in entries):
        raise CapsuleRefused("the manifest's files are not in order")
    if sum(entry.size for entry in entries) > layout.MAX_TOTAL:
        raise CapsuleRefused("the capsule is larger than this program accepts")
    return tuple(entries)
