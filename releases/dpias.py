"""The data protection impact assessment: its questions as versioned data, what the site fills in, what is missing, its exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from generators.digests import digest as digest_of
from releases import conditions, stored
from releases.models import Dpia, ReleaseRequest

IN_FORCE = "dpia-1"
"""The questions new versions answer. Those of earlier versions stay readable."""
FOLDER = Path(__file__).parent / "policies"
FORMAT = "synthportal-dpia/1"
LONGEST = 10_000
RATINGS = ("likelihood", "severity", "residual")

Answers = dict[str, Any]
"""{question: text}, and {"risk-" + id: {likelihood, severity, measures, residual}}."""


@dataclass(frozen=True)
class Question:
    """One question. automatic: the site fills it in from what it knows; only_if_high: needed only where a risk stays high."""

    id: str
    question: str
    help: str
    automatic: bool = False
    only_if_high: bool = False


@dataclass(frozen=True)
class Section:
    """Questions under one heading."""

    title: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Form:
    """One version of the questions. risks: (id, sentence); ratings: for each of `RATINGS` its (code, words)."""

    id: str
    title: str
    sections: tuple[Section, ...]
    risks: tuple[tuple[str, str], ...]
    ratings: Mapping[str, tuple[tuple[str, str], ...]]
    closing: Section

    @property
    def questions(self) -> tuple[Question, ...]:
        return tuple(q for section in (*self.sections, self.closing) for q in section.questions)


@cache
def form(identity: str = IN_FORCE) -> Form:
    """The questions of that id. KeyError when the product holds no such form."""
    if identity not in {path.stem for path in FOLDER.glob("dpia-*.json")}:
        raise KeyError(f"no DPIA form {identity}")
    raw = json.loads((FOLDER / f"{identity}.json").read_text(encoding="utf-8"))
    return Form(
        id=raw["id"],
        title=raw["title"],
        sections=tuple(_section(each) for each in raw["sections"]),
        risks=tuple((r["id"], r["risk"]) for r in raw["risks"]),
        ratings={name: tuple((code, words) for code, words in raw[name]) for name in RATINGS},
        closing=_section(raw["closing"]),
    )


def _section(raw: Mapping[str, Any]) -> Section:
    return Section(raw["title"], tuple(Question(**question) for question in raw["questions"]))


def prefilled(request: ReleaseRequest) -> dict[str, str]:
    """What the site knows, by question. Nothing of it is about one person."""
    return {"nature": _nature(request), "scope": _scope(request), "purposes": _purposes(request), "minimisation": _minimisation(request)}


def _nature(request: ReleaseRequest) -> str:
    source, version = request.source, request.version
    lines = [
        f"The dataset “{source.title}” of {source.controller} is held in the secure zone. Direct identifiers are dropped and keys "
        "replaced before anything is learned from it; the working copy and the learned model never leave the zone."
    ]
    if version is not None:
        lines.append(
            f"Version {version.number} was made by the method {version.generator} ({version.generator_version}): "
            f"{version.rows:,} made-up rows."
        )
        if which := conditions.told(conditions.of_version(version)):
            lines.append(which)
        if version.trained is not None:
            private = (
                f"with differential privacy (ε = {version.trained.epsilon:g})"
                if version.trained.epsilon
                else "without differential privacy"
            )
            lines.append(f"It learned from records {private}. The model is destroyed on schedule.")
        attempts = request.versions.count()
        lines.append(f"{attempts} version{'s were' if attempts != 1 else ' was'} made before this one was chosen.")
    return "\n".join(lines)


def _scope(request: ReleaseRequest) -> str:
    record = getattr(request.version, "evaluation", None)
    people = stored.evaluation(record).persons.get("train") if record is not None else None
    about = (
        f"Records of about {people:,} people were learned from" if people else "The number of people is too small to tell, or not known yet"
    )
    asked = f"Field of care: {request.source.subject}. {len(request.variables)} variables are asked for."
    return f"{about}; others were held out to test with. {asked}"


def _purposes(request: ReleaseRequest) -> str:
    who = "anybody" if request.access_level == ReleaseRequest.AccessLevel.OPEN else "registered users who signed the End User Licence"
    return f"Purpose: {request.get_purpose_display()}. {request.use_case}\nThe data go to {who}."


def _minimisation(request: ReleaseRequest) -> str:
    reasons = [f"{name}: {why}" for name, why in sorted(request.variables.items())]
    return "\n".join([*reasons, "Every other variable is dropped before anything is learned."])


def missing(questions: Form, answers: Answers) -> tuple[str, ...]:
    """Sentences on what a complete assessment still needs."""
    found = []
    risks = {identity: answers.get(f"risk-{identity}", {}) for identity, _ in questions.risks}
    high = any(rated.get("residual") == "high" for rated in risks.values())
    for question in questions.questions:
        if (high or not question.only_if_high) and not str(answers.get(question.id, "")).strip():
            found.append(f"“{question.question}” is not answered.")
    for identity, sentence in questions.risks:
        rated = risks[identity]
        if any(not rated.get(name) for name in RATINGS) or not rated.get("measures", "").strip():
            found.append(f"The risk “{sentence}” lacks its likelihood, severity, measures, or what is left of it.")
    return tuple(found)


def digest_over(request: ReleaseRequest, identity: str, answers: Answers, complete: bool) -> str:
    """The digest of one version: what was answered to which questions, and whether it was declared complete."""
    return digest_of({"request": str(request.pk), "form": identity, "answers": answers, "complete": complete})


def current(request: ReleaseRequest) -> Dpia | None:
    """The newest version."""
    return request.dpias.order_by("-number").first()


def complete(request: ReleaseRequest) -> bool:
    """Whether the newest version is complete."""
    found = current(request)
    return found is not None and found.complete


def digest(request: ReleaseRequest) -> str | None:
    """The digest of the newest version, part of the evidence digest; None when there is none."""
    found = current(request)
    return found.digest if found else None


def told(dpia: Dpia) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """The whole assessment for a reader: (heading, [(question, answer, whether the site filled it in)])."""
    questions = form(dpia.form)
    words = {(name, code): text for name in RATINGS for code, text in questions.ratings[name]}

    def lines(section: Section) -> tuple[str, list[tuple[str, str, bool]]]:
        return section.title, [(q.question, dpia.answers.get(q.id) or "Not answered.", q.id in dpia.automatic) for q in section.questions]

    risks = []
    for identity, sentence in questions.risks:
        rated = dpia.answers.get(f"risk-{identity}", {})
        given = {name: words.get((name, rated.get(name, "")), "not rated") for name in RATINGS}
        risks.append(
            (
                sentence,
                f"Likelihood: {given['likelihood']}. Severity: {given['severity']}.\n"
                f"Measures: {rated.get('measures') or 'none named'}\nWhat is left: {given['residual']}.",
                False,
            )
        )
    return [*(lines(section) for section in questions.sections), ("4. What could go wrong", risks), lines(questions.closing)]


def as_json(dpia: Dpia) -> dict[str, Any]:
    """The assessment for programs."""
    return {
        "format": FORMAT,
        "request": {"id": str(dpia.request_id), "title": dpia.request.title},
        "version": dpia.number,
        "form": dpia.form,
        "complete": dpia.complete,
        "digest": dpia.digest,
        "written_by": str(dpia.writer),
        "written_at": dpia.written_at.isoformat(timespec="seconds"),
        "answers": dpia.answers,
        "automatic": dpia.automatic,
    }


def as_markdown(dpia: Dpia) -> str:
    """The assessment for people, as Markdown."""
    state = "complete" if dpia.complete else "not complete"
    lines = [
        f"# {form(dpia.form).title}: {dpia.request.title}",
        "",
        f"Version {dpia.number}, {state}; written by {dpia.writer} on {dpia.written_at:%d %B %Y}. "
        f"Questions: {dpia.form}. SHA-256: {dpia.digest}",
    ]
    for heading, answers in told(dpia):
        lines += ["", f"## {heading}"]
        for question, answer, automatic in answers:
            lines += ["", f"**{question}**{' (filled in by the site)' if automatic else ''}", "", *answer.splitlines()]
    return "\n".join([*lines, ""])
