"""The texts that travel with the data: dictionary, README, licence, disclaimer."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from releases.capsule import layout
from releases.capsule.manifest import CapsuleDescription, FileEntry

_FIELDS = ("table", "column", "kind", "storage", "nullable", "unique", "decimals", "format", "codes", "description")
_UNITS = ("unit", "unit_words")

WHAT_IT_IS = {
    "structural": "Made from the names, kinds and formats of columns alone. Nothing observed in any record went into it.",
    "publicly-sourced": "Made column by column from aggregate statistics that passed statistical disclosure control. "
    "Relationships between columns were not kept.",
    "privately-sourced": "Made by a model trained on real records, then tested for disclosure.",
}
"""One sentence per tier, the same in the README and on the site."""


def dictionary(schema: Mapping[str, Any], unit_words: Mapping[str, str] = MappingProxyType({})) -> list[dict[str, Any]]:
    """One entry a column, in order, from a dataset schema as parsed JSON; CapsuleRefused when it is not one.

    A column with a unit has it as the code of the schema (`unit`) and as people read it (`unit_words`, by code); others have neither field.
    """
    try:
        return [
            {
                "table": str(table["name"]),
                "column": str(column["name"]),
                "kind": str(column["kind"]),
                "storage": str(column["storage"]),
                "nullable": bool(column.get("nullable", True)),
                "unique": bool(column.get("unique", False)),
                "decimals": column.get("decimals"),
                "format": column.get("format"),
                "codes": list(column["codes"]) if column.get("codes") is not None else None,
                "description": str(column.get("description") or ""),
                **({"unit": str(unit), "unit_words": unit_words.get(str(unit), str(unit))} if (unit := column.get("unit")) else {}),
            }
            for table in schema["tables"]
            for column in table["columns"]
        ]
    except (KeyError, TypeError, AttributeError):
        raise layout.CapsuleRefused("the schema is not a dataset schema") from None


def dictionary_csv(entries: list[dict[str, Any]]) -> bytes:
    """The dictionary for a spreadsheet: UTF-8, CRLF, no cell that a spreadsheet would run as a formula."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    names = _FIELDS + (_UNITS if any("unit" in entry for entry in entries) else ())
    writer.writerow(names)
    for entry in entries:
        writer.writerow([_cell(entry.get(name)) for name in names])
    return stream.getvalue().encode("utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "; ".join(str(item) for item in value) if isinstance(value, list) else str(value)
    text = text.replace("\x00", "")
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text


def readme(said: CapsuleDescription, data: list[FileEntry]) -> bytes:
    """The capsule's README.md: what it is, the disclaimer, how to load it in pandas and R, how to check it."""
    lines = [
        f"# {said.title}",
        "",
        f"**Synthetic data.** {layout.DISCLAIMER}",
        "",
        said.description.strip(),
        "",
        f"- Short name and version: {said.slug}, version {said.version}",
        f"- Subject: {said.subject}",
        f"- Made for: {said.purpose}",
        f"- Kind: {said.tier}. {WHAT_IT_IS[said.tier]}",
        f"- Access: {said.access_level}",
        f"- Licence: {licence_name(said.licence)} (LICENCE.txt)",
        f"- Generator: {said.made.generator} {said.made.version}, seed {said.made.seed}, {said.made.rows} rows",
        *(f"- {override.sentence}" for override in said.overrides),
        "",
        "## Load it",
    ]
    for entry in data:
        if entry.path.endswith(".parquet"):
            lines += [
                "",
                f"### {entry.table}",
                "",
                "pandas:",
                "",
                "```python",
                "import pandas as pd",
                f'table = pd.read_parquet("{entry.path}")',
                "```",
                "",
                "R:",
                "",
                "```r",
                f'table <- arrow::read_parquet("{entry.path}")',
                "```",
            ]
    lines += [
        "",
        "## Files",
        "",
        "- `data/`: the tables as Parquet and CSV. In the CSV a cell that a spreadsheet could run as a formula starts with an apostrophe.",
        *(f"- `{entry.path}`: trains a model on these data, to begin with." for entry in data if entry.role == "example"),
        *("- `account.md`: for patients, in plain English." for entry in data if entry.path == layout.ACCOUNT),
        "- `dictionary.csv`, `dictionary.json`: every column. `schema.json`: the same for programs, with keys and rules.",
        "- `report.html`, `report.json`: how good and how safe, as measured.",
        "- `manifest.json`: every file with its SHA-256. `attestation.dsse.json`: who signed off, and the publisher's signature.",
        "",
        "## Check it",
        "",
        "`synthportal verify FOLDER --key publisher.pub` checks the signature and every file, offline.",
        "",
    ]
    return "\n".join(lines).encode("utf-8")


def licence_name(licence: str) -> str:
    """The licence's full name; the text itself where it is not one of `layout.LICENCES`."""
    return layout.LICENCES[licence][0] if licence in layout.LICENCES else licence


def licence_text(said: CapsuleDescription) -> bytes:
    """LICENCE.txt: the name, where its full text is, and the disclaimer."""
    lines = [f'The data "{said.title}", version {said.version}, are available under this licence:', "", licence_name(said.licence)]
    if said.licence in layout.LICENCES:
        lines += [f"SPDX identifier: {said.licence}", f"Full text: {layout.LICENCES[said.licence][1]}"]
    return "\n".join([*lines, "", layout.DISCLAIMER, ""]).encode("utf-8")


def disclaimer_text(said: CapsuleDescription) -> bytes:
    """DISCLAIMER.txt: the standing sentence, then what this kind of data is."""
    advice = "Do not use these data to decide about the care of a patient, and do not report findings from them as findings about people."
    return "\n".join([layout.DISCLAIMER, "", WHAT_IT_IS[said.tier], advice, ""]).encode("utf-8")


def account_parts(text: str) -> list[tuple[str, list[str]]]:
    """A plain-English account as (heading, paragraphs): `## ` begins a heading, an empty line a paragraph; nothing else is markup."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for block in text.replace("\r\n", "\n").split("\n\n"):
        first, _, rest = block.strip().partition("\n")
        if first.startswith("#"):
            parts.append((first.lstrip("# "), []))
            block = rest
        if words := " ".join(block.split()):
            parts[-1][1].append(words)
    return [part for part in parts if part[0] or part[1]]
