"""The sections of the report, from the answer to the evidence: verdict, attacks, uses, conditions, then figures and charts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from evaluation.definitions import DEFINITIONS
from evaluation.gates import OVERRIDE_CODES, Outcome, Verdict, written
from evaluation.report import parts
from evaluation.report.uses import use_lines
from evaluation.report.words import LEVELS, attack_lines
from evaluation.results import Chart, Evaluation, MetricResult

DISCLAIMER = "These data are artificially generated, any resemblance to real patients is coincidental."
PLACES = {
    "safe": ("attack-risks", "attack-roc"),
    "useful": ("predictions",),
    "fair": ("subgroups",),
    "good": ("column-agreement", "association-map", "association-differences", "plane", "propensity-scores", "discriminator-scores"),
}
"""The charts of each section; all others are of single columns."""
_GOOD = {"yes": "good", "roughly": "", "no": "bad", "unknown": ""}
_OF_TABLE = re.compile(r"^t\d+-")


def top(evaluation: Evaluation, verdict: Verdict, heading: str, attempts: int | None) -> str:
    """The verdict in two sentences, and what it is about."""
    state, word = ("passed", "Passed") if verdict.passed else ("failed", "Failed")
    facts = [
        ("Tables" if evaluation.tables else "Table", evaluation.table),
        ("Tier", verdict.tier),
        ("Synthetic rows", _count(evaluation.rows.get("synthetic"))),
    ]
    for side, name in (("train", "learned from"), ("holdout", "held out")):
        if side in evaluation.rows:
            people = evaluation.persons.get(side)
            about = f" about {people:,} people" if people is not None else ""
            facts.append((f"Real rows {name}", f"{_count(evaluation.rows[side])}{about} (rounded)"))
    if attempts is not None:
        facts.append(("Versions made to choose from", f"{attempts:,}"))
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    choice = (
        "<p>Several versions were made and this one was chosen. To choose among many can itself tell something about the real people, so "
        "their number is told.</p>"
        if attempts is not None and attempts > 1
        else ""
    )
    return f"""<p class="tag">Synthetic data</p>
<h1>{escape(heading)}</h1>
<section class="verdict {state}" aria-label="Verdict">
<p class="word">{word}</p>
<p>{escape(verdict.sentences[0])}</p>
<p>{escape(verdict.sentences[1])}</p>
</section>
<p class="disclaimer">{DISCLAIMER}</p>
<dl class="facts">{shown}</dl>
{choice}"""


def attacked(evaluation: Evaluation, verdict: Verdict) -> str:
    """Four questions of who attacks the release, and their answers."""
    entries = []
    for line in attack_lines(evaluation, verdict):
        state = "bad" if line.met is False else "good" if line.answer.startswith(("No", "Not")) and line.met is not None else ""
        entries.append((line.question, line.answer, line.figure and f"{line.figure[0].upper()}{line.figure[1:]}.", line.gate, state))
    return f"<p>{_ATTACKED}</p>\n{parts.lines(entries)}"


_ATTACKED = (
    "Whoever gets these data may try to find real people in them. What would they get, beyond what they would get about people whose "
    "records were never used?"
)


def used(evaluation: Evaluation) -> str:
    """What the release is good for, and what not."""
    entries = [(u.use, u.answer, u.figure and f"{u.figure}.", "", _GOOD[u.good]) for u in use_lines(evaluation)]
    return f"{parts.lines(entries)}\n<p>Never use these data to decide about the care of a patient.</p>" if entries else ""


def conditions(evaluation: Evaluation, verdict: Verdict) -> str:
    """Every gate, whether it is met, and why one that is not was accepted."""
    rows = [_outcome(o, evaluation.audience) for o in verdict.outcomes]
    return parts.table("Each condition, and whether it is met", ("Condition", "Weight", "Result"), rows)


def _outcome(o: Outcome, audience: str) -> str:
    state = "met" if o.passed else "not met"
    sentence = o.public if audience == "public" else o.sentence
    if o.passed and o.public.startswith(("There was nothing", "It could not")):
        sentence = f"{DEFINITIONS[o.metric].title}: {sentence[0].lower()}{sentence[1:]}"
    mark = "✓" if o.passed else "✗"
    accepted = f'<span class="more">accepted: {escape(OVERRIDE_CODES.get(o.overridden, o.overridden))}</span>' if o.overridden else ""
    return (
        f'<tr><th scope="row">{escape(sentence)}</th><td>{LEVELS[o.level]}</td>'
        f'<td class="{"met" if o.passed else "unmet"}"><span aria-hidden="true">{mark}</span> {state}{accepted}</td></tr>'
    )


def searched(evaluation: Evaluation) -> str:
    """What was looked for, with figures and charts; for the public what may be told of it."""
    if evaluation.audience == "public":
        told = [(parts.title(r), parts.value_of(r)) for r in evaluation.results if DEFINITIONS[r.metric].group == "safe"]
        return parts.plain("What was looked for", ("Looked for", "Found"), told) if told else ""
    return _each(evaluation, lambda e: parts.numbers("What was looked for", _rows(e, "safe", ("table", "column"))) + _charts(e, "safe"))


def alike(evaluation: Evaluation) -> str:
    """How much alike the tables are."""
    if evaluation.tier == "structural" and evaluation.audience == "public":
        text = "The columns, their kinds, formats and keys are those of the real table; the values are not meant to be like real ones."
        return f"<p>{text}</p>\n{_each(evaluation, lambda e: parts.numbers('Structure', _rows(e, 'structure')))}"
    made = _each(
        evaluation,
        lambda e: (
            parts.numbers("Likeness", _rows(e, "good")) + parts.numbers("Structure", _rows(e, "structure")) + "\n" + _charts(e, "good")
        ),
    )
    return f"<p>{_TWINS}</p>\n{made}" if made else ""


_TWINS = (
    "Each figure stands beside two others measured in the same way: of a <b>shuffle</b>, which mixes every real column by itself, and "
    "of <b>real people</b> who were held out, which is the best that chance allows."
)


def useful(evaluation: Evaluation) -> str:
    """Models and conclusions learned from the release, tested on real people."""
    return _each(
        evaluation,
        lambda e: parts.numbers("Learned here, tested on real people", _rows(e, "useful", ("table", "column"))) + _charts(e, "useful"),
    )


def fair(evaluation: Evaluation) -> str:
    """Whether every group of people is served alike; of single groups for reviewers alone."""
    if evaluation.audience == "public":
        told = [(parts.title(r), parts.value_of(r)) for r in evaluation.results if DEFINITIONS[r.metric].group == "fair"]
        return parts.plain("Groups of people", ("Looked at", "Found"), told) if told else ""
    return _each(evaluation, lambda e: parts.numbers("Groups of people", _rows(e, "fair")) + _groups(e) + _charts(e, "fair"))


def _groups(evaluation: Evaluation) -> str:
    """A row for each group, a column for each of its figures, the held-out people's in brackets."""
    found = [r for r in evaluation.results if r.scope.kind == "subgroup"]
    metrics = list(dict.fromkeys(r.metric for r in found))
    names = list(dict.fromkeys(_group(r) for r in found))
    at = {(_group(r), r.metric): r for r in found}
    rows = [(name, *(_beside(at.get((name, metric))) for metric in metrics)) for name in names]
    heads = ("Group", *(DEFINITIONS[metric].title for metric in metrics))
    return parts.plain("Group by group (in brackets: real people)", heads, rows) if rows else ""


def _group(r: MetricResult) -> str:
    return ": ".join(r.scope.names[1:])


def _beside(r: MetricResult | None) -> str | None:
    if r is None:
        return None
    if r.value is None:
        return r.failed or r.remark
    return written(r.metric, r.value) + ("" if r.ceiling is None else f" ({written(r.metric, r.ceiling)})")


def together(evaluation: Evaluation) -> str:
    """The keys that hold several tables together."""
    found = [r for r in evaluation.results if r.scope.kind == "relationship"]
    rows = [parts.row(r, f"{r.scope.names[0]}, {' '.join(r.scope.names[1:])}: {DEFINITIONS[r.metric].title}", meaning=False) for r in found]
    return parts.numbers("Keys between tables", rows)


def columns(evaluation: Evaluation) -> str:
    """Every column, both tables side by side."""
    placed = {name for names in PLACES.values() for name in names}
    return _each(evaluation, lambda e: "\n".join(parts.chart(c) for c in e.charts if _plain_id(c) not in placed))


def detail(evaluation: Evaluation) -> str:
    """Figures of single columns, pairs and rules."""
    return _each(evaluation, _lines)


def _lines(evaluation: Evaluation) -> str:
    found = []
    for kind, caption in (("column", "Column by column"), ("pair", "The pairs of columns that agree least"), ("rule", "Rule by rule")):
        chosen = [r for r in evaluation.results if r.scope.kind == kind and DEFINITIONS[r.metric].group not in ("safe", "useful")]
        found.append(
            parts.numbers(caption, [parts.row(r, f"{r.scope.label}: {DEFINITIONS[r.metric].title}", meaning=False) for r in chosen])
        )
    return "\n".join(part for part in found if part)


def methods(evaluation: Evaluation, verdict: Verdict) -> str:
    """How each figure is computed, under which policy, by which versions."""
    used_here = list(dict.fromkeys(r.metric for r in evaluation.results))
    known = [DEFINITIONS[m] for m in used_here]
    rows = [f'<tr><th scope="row">{escape(d.title)}</th><td>{escape(d.meaning)}</td><td>{escape(d.source)}</td></tr>' for d in known]
    table = parts.table("How each figure is computed", ("Figure", "Meaning", "Formula or source"), rows) if rows else ""
    policy = evaluation.policy
    minimum = (
        f"Disclosure policy “{policy.get('name')}”, version {policy.get('version')}: no figure about fewer than {policy.get('minimum')} "
        f"people, counts rounded to {policy.get('rounding')}."
    )
    versions = ", ".join(f"{name} {number}" for name, number in evaluation.versions.items())
    told = (*evaluation.notes, minimum, f"Gates version {verdict.gates}; seed {evaluation.seed}.", f"Computed with {versions}.")
    return f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in told)}</ul>\n{table}"


def _each(evaluation: Evaluation, make: Callable[[Evaluation], str]) -> str:
    """Of one table as it is; of several, a fold for each."""
    if not evaluation.tables:
        return make(evaluation).strip()
    found = (parts.folded(name, make(evaluation.part(name)).strip()) for name in evaluation.names)
    return "\n".join(part for part in found if part)


def _rows(evaluation: Evaluation, group: str, kinds: Sequence[str] = ("table",)) -> list[str]:
    chosen = [r for r in evaluation.results if r.scope.kind in kinds and DEFINITIONS[r.metric].group == group]
    seen: set[str] = set()
    rows = []
    for r in chosen:
        # what a figure means is said once, not of each column again
        rows.append(parts.row(r, parts.title(r), meaning=r.metric not in seen))
        seen.add(r.metric)
    return rows


def _charts(evaluation: Evaluation, place: str) -> str:
    order = PLACES[place]
    found = sorted((c for c in evaluation.charts if _plain_id(c) in order), key=lambda c: order.index(_plain_id(c)))
    return "\n".join(parts.chart(c) for c in found)


def _plain_id(chart: Chart) -> str:
    return _OF_TABLE.sub("", chart.id)


def _count(value: int | None) -> str:
    return "too few to tell" if value is None else f"{value:,}"
