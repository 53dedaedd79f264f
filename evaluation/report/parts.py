"""Pieces of the report's page: tables, figures, charts, folds. Whatever a column or category is called is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from evaluation.definitions import DEFINITIONS
from evaluation.report.words import in_words, shown
from evaluation.results import Chart, MetricResult

NO_VALUE = "–"
FIGURES = ("Figure", "This table", "Shuffle", "Real people")


def table(caption: str, columns: Sequence[str], rows: Sequence[str]) -> str:
    """A table that scrolls by itself where the screen is narrow. rows: as HTML."""
    head = "".join(f'<th scope="col"{"" if k == 0 else _NUMERIC}>{escape(str(c))}</th>' for k, c in enumerate(columns))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


_NUMERIC = ' class="head"'


def numbers(caption: str, rows: Sequence[str]) -> str:
    """A table of figures beside their twins; nothing without a row."""
    return table(caption, FIGURES, rows) if rows else ""


def plain(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of text and numbers; the first column names the row."""
    made = [
        f'<tr><th scope="row">{cell(row[0])}</th>' + "".join(f'<td class="number">{cell(x)}</td>' for x in row[1:]) + "</tr>"
        for row in rows
    ]
    return table(caption, columns, made)


def row(r: MetricResult, name: str, meaning: bool = True) -> str:
    """One figure, with its interval and remarks, beside the shuffle and held-out people."""
    value = value_of(r)
    remarks = [x for x in (r.remark if r.value is not None else None, r.subsampled) if x]
    if r.interval is not None and r.value is not None:
        remarks.insert(0, f"95% interval {shown(r.metric, r.interval[0])} to {shown(r.metric, r.interval[1])}")
    more = f'<span class="more">{escape(r.meaning)}</span>' if meaning else ""
    under = "".join(f'<span class="more">{escape(x)}</span>' for x in remarks)
    words = in_words(r)
    said = f'<span class="more">{escape(words)}</span>' if words else ""
    twins = "".join(f'<td class="number">{NO_VALUE if x is None else escape(shown(r.metric, x))}</td>' for x in (r.floor, r.ceiling))
    return f'<tr><th scope="row">{escape(name)}{more}</th><td class="number">{escape(value)}{said}{under}</td>{twins}</tr>'


def title(r: MetricResult) -> str:
    """What a figure is called: of a column or target, with its name."""
    named = DEFINITIONS[r.metric].title
    return named if r.scope.kind in ("table", "dataset") else f"{named}: {r.scope.label}"


def value_of(r: MetricResult) -> str:
    """The value as people read it, or why there is none."""
    if r.value is not None:
        return shown(r.metric, r.value)
    return r.remark or "" if r.failed is None else f"Not measured: {r.failed}"


def cell(value: Any) -> str:
    if value is None:
        return NO_VALUE
    return escape(f"{value:,}" if isinstance(value, (int, float)) else str(value))


def folded(name: str, body: str) -> str:
    return f"<details><summary>{escape(name)}</summary>\n{body}\n</details>" if body else ""


def chart(c: Chart) -> str:
    """A chart, its words, and the numbers in a table, which stands in for it where scripts do not run."""
    return f"""<figure role="group" aria-label="{escape(c.title)}">
<div class="drawing"><figcaption>{escape(c.title)}</figcaption>
<div class="chart" data-chart="{escape(c.id)}" role="img" aria-label="{escape(c.alternative)}" hidden></div></div>
<details open><summary>The numbers<span class="unseen">: {escape(c.title)}</span></summary>
<p>{escape(c.alternative)}</p>
{plain(f"Numbers: {c.title}", c.table.columns, c.table.rows)}
</details>
</figure>"""


def lines(entries: Iterable[tuple[str, str, str, str, str]]) -> str:
    """Questions with their answers: (question, answer, figure, what follows, state "good", "bad" or "")."""
    found = []
    for question, answer, figure, follows, state in entries:
        under = "".join(f'<span class="more">{escape(x)}</span>' for x in (figure, follows) if x)
        found.append(f'<div class="line {state}"><dt>{escape(question)}</dt><dd><b>{escape(answer)}</b>{under}</dd></div>')
    return f'<dl class="lines">{"".join(found)}</dl>'
