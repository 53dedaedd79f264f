"""The plain-English account of a release: a prefilled draft, how easily it reads, and which version counts."""

from __future__ import annotations

import re

from releases import stored
from releases.models import PlainAccount, ReleaseRequest

LONGEST = 10_000
EASY = 60.0
"""Flesch reading ease from which a text counts as plain English."""
FEW = 100
"""Numbers of people are told in whole hundreds, and below the first not at all."""

MADE = {
    "structural": "No patient's record was used. The table has the same columns as a real one, filled with invented values.",
    "publicly-sourced": "A computer was given totals, such as how many visits there were in each month. Each total is about a group of "
    "people, never about one person. It then made up new rows that fit those totals.",
    "privately-sourced": "A computer programme studied real records inside the hospital and learned what they look like as a whole. "
    "It then made up new rows, a little like rolling weighted dice. The real records did not leave the hospital, nor did the programme.",
}
MEANING = {
    "structural": "Nothing about you can be found in these data, since nothing about anybody went into them.",
    "publicly-sourced": "No row is about you or anybody else. Nobody can use these data to decide about your care.",
    "privately-sourced": "No row is about you or anybody else. We tested whether somebody could learn about a real person from them. "
    "The risk is low, but it is never zero, so only people who signed for it may use the data.",
}


def draft(request: ReleaseRequest) -> str:
    """A first text from what the site knows, for a person to make better."""
    version = request.version
    rows = f"about {version.rows:,} made-up rows" if version is not None else "a table of made-up rows"
    whom = _people(request)
    parts = [
        ("What did we make?", f"We made {rows}. They look like “{request.source.title}” of {request.source.controller}. {whom}".strip()),
        ("How did we make them?", MADE.get(request.tier, "Say here how the rows were made.")),
        (
            "What are they for?",
            f"They are for {request.get_purpose_display() or 'a purpose still to be named'}. {request.use_case}".strip(),
        ),
        ("What does it mean for me as a patient?", MEANING.get(request.tier, "Say here what it means for a patient.")),
        (
            "Whom can I ask?",
            f"Ask the Information Governance team of {request.source.controller}. They can tell you more, and they want to hear "
            "from you if something worries you.",
        ),
    ]
    return "\n\n".join(f"## {heading}\n\n{text}" for heading, text in parts) + "\n"


def _people(request: ReleaseRequest) -> str:
    """From how many people, in whole hundreds; nothing where nothing was observed or too few may be told of."""
    record = getattr(request.version, "evaluation", None)
    if record is None or request.tier == ReleaseRequest.Tier.STRUCTURAL:
        return ""
    people = (stored.evaluation(record).persons.get("train") or 0) // FEW * FEW
    return f"They were learned from the records of about {people:,} people, as a whole." if people else ""


def reading_ease(text: str) -> float:
    """Flesch reading ease: 206.835 - 1.015 words per sentence - 84.6 syllables per word (R. Flesch, A new readability yardstick, 1948).

    About 100 is very easy, 60 to 70 plain English, below 30 for specialists; 0 for a text without words. Syllables are groups of
    vowels, less a silent e at the end.
    """
    prose = [line for line in text.splitlines() if not line.startswith("#")]
    words = re.findall(r"[A-Za-z]+(?:['\u2019][a-z]+)?", " ".join(prose))
    if not words:
        return 0.0
    sentences = len(re.findall(r"[.!?]+(?=\s|$)", "\n".join(prose))) or 1
    return 206.835 - 1.015 * len(words) / sentences - 84.6 * sum(_syllables(word.lower()) for word in words) / len(words)


def _syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1
    return max(groups - silent, 1)


def ease_in_words(ease: float) -> str:
    """What a reading ease means."""
    for least, words in ((80, "very easy to read"), (EASY, "plain English"), (50, "fairly hard to read"), (30, "hard to read")):
        if ease >= least:
            return words
    return "very hard to read"


def current(request: ReleaseRequest) -> PlainAccount | None:
    """The newest version of the text: the one that is published."""
    return request.plain_accounts.order_by("-number").first()


def approved(account: PlainAccount | None) -> bool:
    """Whether a PPI member who did not write it found it right."""
    return account is not None and hasattr(account, "approval")
