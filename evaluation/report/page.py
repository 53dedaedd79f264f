"""The report as one HTML file: opens offline, escapes whatever a column or category is called, and runs no script but its own.

The content security policy names the hash of each inlined script and style, so that nothing slipped into a name could run. Charts are drawn
by the vendored plotly.js; without scripts, and in print, the tables that carry the same numbers stand in for them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from evaluation.definitions import DEFINITIONS
from evaluation.gates import Outcome, Verdict, written
from evaluation.report.publication import public
from evaluation.results import AUDIENCES, Chart, Evaluation, MetricResult
from generators.errors import InputError

DISCLAIMER = "These data are artificially generated, any resemblance to real patients is coincidental."
PLOTLY = Path(__file__).resolve().parents[2] / "static" / "shared" / "plotly"
_FOLDER = Path(__file__).parent
_LEVELS = {"hard": "must be met", "soft": "to weigh", "advisory": "for information"}
_NO_VALUE = "–"


def html(evaluation: Evaluation, verdict: Verdict, audience: str = "reviewers", title: str | None = None) -> str:
    """The whole page. audience: "reviewers", or "public", for which the evaluation is first made public for the verdict's tier.

    Raises InputError for another audience, or when reviewers ask for the report of an evaluation of which only the public form is left.
    """
    if audience not in AUDIENCES:
        raise InputError(f"a report is for one of: {', '.join(AUDIENCES)}")
    if audience == "public":
        evaluation = public(evaluation, verdict.tier)
    elif evaluation.audience != "reviewers":
        raise InputError("only the public form of this evaluation is at hand; make the report for the public")
    heading = title or f"Evaluation of the synthetic {'tables' if evaluation.tables else 'table'} {evaluation.table}"
    body = "\n".join(
        part
        for part in (
            _top(evaluation, verdict, heading),
            _safe(evaluation, verdict),
            _good(evaluation),
            _charts(evaluation.charts),
            _detail(evaluation),
            _methods(evaluation, verdict),
        )
        if part
    )
    return _document(heading, body, evaluation.charts)


@cache
def _asset(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _document(heading: str, body: str, charts: tuple[Chart, ...]) -> str:
    plotly = _asset(PLOTLY / "plotly-basic.min.js") if charts else ""
    own_style, plotly_style = _asset(_FOLDER / "report.css"), _asset(PLOTLY / "plotly-global.css")
    styles = f"<style>{own_style}</style>"
    allowed = [_hash(own_style)]
    scripts, runnable = "", []
    if plotly:
        # plotly.js leaves its own style rules out when it finds an element of this name and class
        styles += f'\n<style id="plotly.js-style-global" class="no-inline-styles">{plotly_style}</style>'
        allowed.append(_hash(plotly_style))
        own_script = _asset(_FOLDER / "report.js")
        runnable = [plotly, own_script]
        figures = _script_json({chart.id: chart.figure for chart in charts})
        scripts = f'<script type="application/json" id="figures">{figures}</script>\n' + "\n".join(
            f"<script>{s}</script>" for s in runnable
        )
    policy = "; ".join(
        (
            "default-src 'none'",
            "script-src " + (" ".join(_hash(s) for s in runnable) or "'none'"),
            "style-src " + " ".join(allowed),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return f"""<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(heading)}</title>
{styles}
</head>
<body>
<main>
{body}
</main>
{scripts}
</body>
</html>
"""


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _top(evaluation: Evaluation, verdict: Verdict, heading: str) -> str:
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
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f"""<p class="tag">Synthetic data</p>
<h1>{escape(heading)}</h1>
<section class="verdict {state}" aria-label="Verdict">
<p class="word">{word}</p>
<p>{escape(verdict.sentences[0])}</p>
<p>{escape(verdict.sentences[1])}</p>
</section>
<p class="disclaimer">{DISCLAIMER}</p>
<dl class="facts">{shown}</dl>"""


def _safe(evaluation: Evaluation, verdict: Verdict) -> str:
    outcomes = "".join(_outcome(o, evaluation.audience) for o in verdict.outcomes)
    gates = _table("Conditions for a release", ("Condition", "Weight", "Result"), [outcomes])
    return f"<h2>How safe</h2>\n{_figures(evaluation, 'safe', 'What was looked for')}\n{gates}"


def _outcome(o: Outcome, audience: str) -> str:
    state = "met" if o.passed else "not met"
    sentence = o.public if audience == "public" else o.sentence
    mark = "✓" if o.passed else "✗"
    return (
        f'<tr><th scope="row">{escape(sentence)}</th><td>{_LEVELS[o.level]}</td>'
        f'<td class="{"met" if o.passed else "unmet"}"><span aria-hidden="true">{mark}</span> {state}</td></tr>'
    )


def _good(evaluation: Evaluation) -> str:
    if evaluation.tier == "structural" and evaluation.audience == "public":
        text = "The columns, their kinds, formats and keys are those of the real table; the values are not meant to be like real ones."
        return f"<h2>How good</h2>\n<p>{text}</p>\n{_figures(evaluation, 'structure', 'Structure')}"
    key = (
        "<p>Each figure stands between two others measured in the same way: a <b>naive shuffle</b>, in which every real column is mixed by "
        "itself, and <b>real people held out</b>, the best that chance allows.</p>"
    )
    return f"<h2>How good</h2>\n{key}\n{_figures(evaluation, 'good', 'Likeness')}\n{_figures(evaluation, 'structure', 'Structure')}"


def _figures(evaluation: Evaluation, group: str, caption: str) -> str:
    """The figures of whole tables, a table each where there are several, and those of the keys between them."""
    chosen = [r for r in evaluation.results if r.scope.kind == "table" and DEFINITIONS[r.metric].group == group]
    if not evaluation.tables:
        return _numbers(caption, [_row(r, DEFINITIONS[r.metric].title) for r in chosen])
    between = [r for r in evaluation.results if r.scope.kind == "relationship" and DEFINITIONS[r.metric].group == group]
    keys = [_row(r, f"{r.scope.names[0]}, {' '.join(r.scope.names[1:])}: {DEFINITIONS[r.metric].title}", meaning=False) for r in between]
    parts = [_numbers(f"{caption}: keys between tables", keys)]
    for name in evaluation.names:
        rows = [_row(r, DEFINITIONS[r.metric].title) for r in chosen if r.scope.names[0] == name]
        parts.append(_folded(name, _numbers(f"{caption}: {name}", rows)))
    return "\n".join(part for part in parts if part)


def _numbers(caption: str, rows: list[str]) -> str:
    return _table(caption, ("What", "Synthetic", "Naive shuffle", "Real people held out"), rows) if rows else ""


def _folded(name: str, content: str) -> str:
    """What is about one table of several: opened by whoever wants it."""
    return f"<details><summary>{escape(name)}</summary>\n{content}\n</details>" if content else ""


def _row(r: MetricResult, name: str, meaning: bool = True) -> str:
    value = _value(r)
    remarks = [x for x in (r.remark if r.value is not None else None, r.subsampled) if x]
    if r.interval is not None and r.value is not None:
        remarks.insert(0, f"95% interval {written(r.metric, r.interval[0])} to {written(r.metric, r.interval[1])}")
    more = f'<span class="more">{escape(r.meaning)}</span>' if meaning else ""
    under = "".join(f'<span class="more">{escape(x)}</span>' for x in remarks)
    words = in_words(r)
    said = f'<span class="more">{escape(words)}</span>' if words else ""
    twins = "".join(f'<td class="number">{_NO_VALUE if x is None else escape(written(r.metric, x))}</td>' for x in (r.floor, r.ceiling))
    return f'<tr><th scope="row">{escape(name)}{more}</th><td class="number">{escape(value)}{said}{under}</td>{twins}</tr>'


def _value(r: MetricResult) -> str:
    if r.value is not None:
        return written(r.metric, r.value)
    return r.remark or "" if r.failed is None else f"Not measured: {r.failed}"


def in_words(r: MetricResult) -> str:
    """What a figure means, where words help: a share as one in so many, an AUC as a chance of being found out."""
    if r.value is None:
        return ""
    if DEFINITIONS[r.metric].form == "share" and 0 < r.value < 0.2:
        return f"about 1 in {round(1 / r.value):,}"
    if r.metric == "discriminator_auc":
        bands = ((0.55, "no better than guessing"), (0.7, "sometimes told apart"), (0.9, "often told apart"))
        return next((word for most, word in bands if r.value <= most), "almost always told apart")
    return ""


def _charts(charts: tuple[Chart, ...]) -> str:
    if not charts:
        return ""
    names = list(dict.fromkeys(chart.table_name for chart in charts))
    if names == [""]:
        return "<h2>Charts</h2>\n" + "\n".join(_chart(chart) for chart in charts)
    parts = (_folded(name, "\n".join(_chart(chart) for chart in charts if chart.table_name == name)) for name in names)
    return "<h2>Charts</h2>\n" + "\n".join(parts)


def _chart(chart: Chart) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_cell(row[0])}</th>' + "".join(f'<td class="number">{_cell(x)}</td>' for x in row[1:]) + "</tr>"
        for row in chart.table.rows
    )
    table = _table(f"Numbers: {chart.title}", chart.table.columns, [rows])
    return f"""<figure role="group" aria-label="{escape(chart.title)}">
<figcaption>{escape(chart.title)}</figcaption>
<div class="chart" data-chart="{escape(chart.id)}" role="img" aria-label="{escape(chart.alternative)}" hidden></div>
<details open><summary>The numbers</summary>
<p>{escape(chart.alternative)}</p>
{table}
</details>
</figure>"""


def _cell(value: Any) -> str:
    if value is None:
        return _NO_VALUE
    return escape(f"{value:,}" if isinstance(value, (int, float)) else str(value))


def _detail(evaluation: Evaluation) -> str:
    if evaluation.tables:
        parts = [_folded(name, _lines(evaluation.part(name))) for name in evaluation.names]
    else:
        parts = [_lines(evaluation)]
    found = "\n".join(part for part in parts if part)
    return f"<h2>Detail</h2>\n{found}" if found else ""


def _lines(evaluation: Evaluation) -> str:
    parts = []
    for kind, caption in (("column", "Column by column"), ("pair", "The pairs of columns that agree least"), ("rule", "Rule by rule")):
        rows = [
            _row(r, f"{r.scope.label}: {DEFINITIONS[r.metric].title}", meaning=False) for r in evaluation.results if r.scope.kind == kind
        ]
        parts.append(_numbers(caption, rows))
    return "\n".join(part for part in parts if part)


def _methods(evaluation: Evaluation, verdict: Verdict) -> str:
    used = list(dict.fromkeys(r.metric for r in evaluation.results))
    known = [DEFINITIONS[m] for m in used]
    rows = [f'<tr><th scope="row">{escape(d.title)}</th><td>{escape(d.meaning)}</td><td>{escape(d.source)}</td></tr>' for d in known]
    methods = _table("How each figure is computed", ("Figure", "Meaning", "Formula or source"), rows) if rows else ""
    policy = evaluation.policy
    minimum = (
        f"Disclosure policy “{policy.get('name')}”, version {policy.get('version')}: no figure about fewer than {policy.get('minimum')} "
        f"people, counts rounded to {policy.get('rounding')}."
    )
    versions = ", ".join(f"{name} {number}" for name, number in evaluation.versions.items())
    notes = "".join(
        f"<li>{escape(note)}</li>"
        for note in (*evaluation.notes, minimum, f"Gates version {verdict.gates}; seed {evaluation.seed}.", f"Computed with {versions}.")
    )
    return f"<h2>Methods</h2>\n<ul>{notes}</ul>\n{methods}"


def _table(caption: str, columns: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f'<th scope="col"{"" if k == 0 else _NUMERIC}>{escape(str(c))}</th>' for k, c in enumerate(columns))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


_NUMERIC = ' class="head"'


def _count(value: int | None) -> str:
    return "too few to tell" if value is None else f"{value:,}"
