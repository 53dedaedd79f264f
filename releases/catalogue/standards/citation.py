"""How to cite a version: BibTeX, RIS and CSL-JSON. Each value stays one value, whatever characters a title is made of."""

from __future__ import annotations

from typing import Any

from releases.catalogue.standards.described import Described, line

_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def bibtex(said: Described) -> str:
    """An entry for BibTeX and biber; braces keep an organisation's name whole and a title's capitals."""
    fields = {
        "author": f"{{{_tex(said.organisation)}}}",
        "title": f"{{{_tex(said.title)}}}",
        "year": str(said.issued.year),
        "version": str(said.version),
        "publisher": _tex(said.site.publisher),
        "url": said.address,
        **({"doi": _tex(said.doi)} if said.doi else {}),
        "note": f"Synthetic dataset, version {said.version}. Manifest SHA-256 {said.manifest_sha256}",
    }
    written = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@misc{{{said.slug}-v{said.version},\n{written}}}\n"


def ris(said: Described) -> str:
    """A record for reference managers (RIS): one line a value, CRLF."""
    issued = said.issued.date()
    lines = [
        ("TY", "DATA"),
        ("AU", said.organisation),
        ("TI", said.title),
        ("PY", str(issued.year)),
        ("DA", f"{issued:%Y/%m/%d}/"),
        ("ET", str(said.version)),
        ("PB", said.site.publisher),
        ("UR", said.address),
        *((("DO", said.doi),) if said.doi else ()),
        ("M3", "Synthetic dataset"),
        ("AB", said.abstract),
        *(("KW", each) for each in said.keywords),
        ("ER", ""),
    ]
    return "".join(f"{tag}  - {line(value)}\r\n" for tag, value in lines)


def csl(said: Described) -> list[dict[str, Any]]:
    """One item of CSL-JSON (Zotero, pandoc, citeproc)."""
    issued = said.issued.date()
    return [
        {
            "id": f"{said.slug}-v{said.version}",
            "type": "dataset",
            "title": said.title,
            "author": [{"literal": said.organisation}],
            "issued": {"date-parts": [[issued.year, issued.month, issued.day]]},
            "version": str(said.version),
            "publisher": said.site.publisher,
            "URL": said.address,
            **({"DOI": said.doi} if said.doi else {}),
            "genre": "synthetic dataset",
            "abstract": said.abstract,
        }
    ]


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
