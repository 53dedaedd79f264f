"""What a dataset's page tells in sentences and lists: how good, how safe, who approved it, when, how it was made."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime

from releases.capsule.manifest import Override
from releases.catalogue.models import ReleaseVersion
from releases.catalogue.showing import contents, words


def how_good(version: ReleaseVersion, report: contents.Measured) -> str:
    """Two sentences on fidelity."""
    if version.tier == "structural":
        return (
            "The columns, their kinds, formats and keys are those of the real table. "
            "The values are not like the real ones, nor meant to be."
        )
    sentences = [words.TIER_SUMMARY.get(version.tier, "")]
    difference, pairs = report.values.get("tvd_mean"), report.values.get("pairwise_accuracy")
    if difference is not None:
        sentences.append(f"On average a column's shares differ from the real ones by {difference:.0%}.")
    if pairs is not None:
        sentences.append(f"Two columns taken together agree to {pairs:.0%}.")
    return " ".join(sentences)


def how_safe(version: ReleaseVersion) -> str:
    """Two sentences on privacy."""
    if version.tier == "structural":
        return "Nothing observed in any record went into these data, so they can tell nothing about a person."
    least = contents.minimum(version)
    if version.tier == "publicly-sourced" and least is not None:
        return (
            f"Only aggregate statistics left the hospital, and every figure among them is about at least {least:,} people. "
            "The data were then checked for copied rows and rare values before they were signed off."
        )
    return "The data were tested for what they might give away about a person before they were signed off; the risk is low, never zero."


def how_fair(version: ReleaseVersion, report: contents.Measured) -> str:
    """Whether groups of people are served alike: what was found, or how to judge it."""
    if version.tier == "structural":
        return "The values are arbitrary, so no group of people is described well or badly."
    worst = report.bands.get("subgroup_worst")
    found = f"Groups of people were compared by themselves. For the worst served of them: {worst.rstrip('.')}. " if worst else ""
    if version.tier == "publicly-sourced":
        return f"{found}Each column follows the real one over all people, not within groups: do not compare groups with these data."
    return f"{found}A small group is followed less well than a large one: before you compare groups, check the finding on the real data."


def signoffs(version: ReleaseVersion) -> list[dict[str, Any]]:
    """Who approved it, in what capacity, when: never a name."""
    return [
        {"who": words.capacity(each["capacity"]), "what": words.decision(each["decision"]), "at": parse_datetime(each["at"])}
        for each in version.attestation.get("signoffs", [])
    ]


def overrides(version: ReleaseVersion) -> list[str]:
    """What was not met, and why it was released all the same."""
    return [Override(**each).sentence for each in version.manifest.get("overrides", [])]


def timeline(version: ReleaseVersion) -> list[dict[str, Any]]:
    """What happened when: made, signed off, published, and what notices said since."""
    lines: list[dict[str, Any]] = []
    for event in version.manifest.get("history", []):
        lines.append({"what": event["what"][:1].upper() + event["what"][1:], "at": _moment(event["at"])})
    lines += [{"what": f"{each['what']} by {each['who']}", "at": each["at"]} for each in signoffs(version)]
    lines.append({"what": "Signed and published", "at": version.published_at})
    if version.reaudited_at:
        lines.append({"what": "Audited again", "at": version.reaudited_at})
    if version.state == ReleaseVersion.State.SUSPENDED:
        lines.append({"what": "Suspended", "at": version.state_at})
    return lines


def policies(version: ReleaseVersion) -> str:
    """Under which policies it was approved and let out, in a sentence or two; the figures and digests are `facts`."""
    release, disclosure = version.attestation.get("release_policy"), version.made.get("disclosure_policy")
    said = [f"It was approved under the release policy “{release}”."]
    if disclosure:
        said.append(f"What left the real data was held to the disclosure policy “{disclosure}”.")
    return " ".join(said if release else said[1:])


def _moment(text: str) -> Any:
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def facts(version: ReleaseVersion) -> list[tuple[str, str]]:
    """How it was made: (name, value)."""
    made = version.made
    policy = made.get("disclosure_policy")
    return [
        ("Generator", f"{made.get('generator')} {made.get('version')}"),
        ("Mechanism (SHA-256)", str(made.get("mechanism_digest"))),
        ("Seed", str(made.get("seed"))),
        ("Versions generated before this one was chosen", str(made.get("attempts", 1))),
        ("Disclosure policy", str(policy) if policy else "none needed: nothing observed went in"),
        ("Release policy", str(version.attestation.get("release_policy"))),
        ("Evidence that was signed off (SHA-256)", str(version.attestation.get("evidence_digest"))),
        ("Manifest (SHA-256)", version.manifest_sha256),
        ("Signed with key", version.key_id),
    ]


def citation(version: ReleaseVersion, address: str) -> str:
    """One line to cite it by: by its DOI, or else by `address`."""
    year, address = version.published_at.year, version.doi_address or address
    return (
        f"{version.title}, version {version.version} [synthetic dataset]. {year}. {address} (manifest SHA-256 {version.manifest_sha256})."
    )
