"""The catalogue's sentences about kinds of data, purposes and capacities, in words a ward sister would use."""

from __future__ import annotations

TIER_NAMES = {
    "structural": "Structural",
    "publicly-sourced": "Publicly-sourced",
    "privately-sourced": "Privately-sourced",
}
TIER_COLOURS = {"structural": "green", "publicly-sourced": "blue", "privately-sourced": "purple"}

TIER_SUMMARY = {
    "structural": "Made from the names, kinds and formats of columns alone: nothing observed in any record went in.",
    "publicly-sourced": "Made column by column from aggregate statistics that passed disclosure control.",
    "privately-sourced": "Made by a model trained on real records, then tested for what it might give away.",
}

GOOD_FOR = {
    "structural": (
        "Writing and testing code before you may see the real data",
        "Trying out a data pipeline, a database load or a report",
        "Seeing what such a table holds: its columns, kinds and formats",
    ),
    "publicly-sourced": (
        "Writing and testing code before you may see the real data",
        "Teaching, with tables that look like a hospital's",
        "Seeing what the real data hold: how common each value is, column by column",
        "Planning a study: judging sizes and what is often missing",
    ),
    "privately-sourced": (
        "Developing and comparing methods before applying for the real data",
        "Exploring relationships that are then checked on the real data",
    ),
}
NOT_GOOD_FOR = {
    "structural": (
        "Any finding about people: the values are arbitrary",
        "Judging how common anything is",
        "Training or testing a model that will be used in care",
    ),
    "publicly-sourced": (
        "Any finding about how two things go together: each column was made by itself",
        "Anything rare: rare values were pooled or left out",
        "Training or testing a model that will be used in care",
    ),
    "privately-sourced": (
        "Publishing findings about people that were not checked on the real data",
        "Decisions about the care of a patient",
        "Trying to learn about a person: no row is one",
    ),
}

PURPOSE_NAMES = {
    "code development": "Code development",
    "training": "Training and teaching",
    "discovery": "Discovering what data exist",
    "federation": "Preparing a federated study",
    "research": "Research",
}

FACET_NAMES = {
    "subject": "Subject",
    "purpose": "Made for",
    "tier": "How it was made",
    "fidelity": "How like the real data",
    "access_level": "Who may have it",
    "data_model": "Data model",
    "size": "Size",
    "year": "Year of release",
    "organisation": "Organisation",
}
"""Headings of the filters of a search."""
_VALUE_NAMES = {
    "fidelity": {"lowest": "Lowest: names and formats", "low": "Low: each column alone", "higher": "Higher: columns together"},
    "access_level": {"open": "Open to everybody", "safeguarded": "Safeguarded: on application"},
    "data_model": {"none": "The hospital's own"},
    "size": {
        "under-1k": "Under 1,000 rows",
        "1k-100k": "1,000 to 100,000 rows",
        "100k-10m": "100,000 to 10 million rows",
        "over-10m": "10 million rows or more",
    },
}

CAPACITY_NAMES = {
    "ig": "Information Governance",
    "sdat": "the Synthetic Data Audit Team",
    "ppi": "the patient and public involvement group",
}
DECISION_NAMES = {"approve": "Approved", "approved": "Approved", "return": "Returned", "reject": "Rejected"}

EXAMPLE_SEARCHES = ("emergency department", "diagnosis", "arrival time")


def tier(code: str) -> str:
    return TIER_NAMES.get(code, code.capitalize())


def purpose(code: str) -> str:
    return PURPOSE_NAMES.get(code, code.capitalize())


def value(facet: str, code: str) -> str:
    """The words for a value of a filter of a search."""
    if facet in ("tier", "purpose") and code != "none":
        return tier(code) if facet == "tier" else purpose(code)
    return _VALUE_NAMES.get(facet, {}).get(code) or ("Not stated" if code == "none" else code)


def capacity(code: str) -> str:
    """Who decided, as a capacity: never a name."""
    return CAPACITY_NAMES.get(code.lower(), code)


def decision(code: str) -> str:
    return DECISION_NAMES.get(code.lower(), code.capitalize())
