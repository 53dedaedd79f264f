"""The report as one HTML file: opens offline, escapes whatever a column or category is called, and runs no script but its own.

The content security policy names the hash of each inlined script and style, so that nothing slipped into a name could run. Charts are drawn
by the vendored plotly.js; without scripts the tables that carry the same numbers stand in for them. Print has both.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from evaluation.gates import Verdict
from evaluation.report import sections
from evaluation.report.publication import public
from evaluation.results import AUDIENCES, Chart, Evaluation
from generators.errors import InputError

PLOTLY = Path(__file__).resolve().parents[2] / "static" / "shared" / "plotly"
_FOLDER = Path(__file__).parent


def html(
    evaluation: Evaluation, verdict: Verdict, audience: str = "reviewers", title: str | None = None, *, attempts: int | None = None
) -> str:
    """The whole page. audience: "reviewers", or "public", for which the evaluation is first made public for the verdict's tier.

    attempts: how many versions were made to choose from, when that is known.
    Raises InputError for another audience, or when reviewers ask for the report of an evaluation of which only the public form is left.
    """
    if audience not in AUDIENCES:
        raise InputError(f"a report is for one of: {', '.join(AUDIENCES)}")
    if audience == "public":
        evaluation = public(evaluation, verdict.tier, version=verdict.gates)
    elif evaluation.audience != "reviewers":
        raise InputError("only the public form of this evaluation is at hand; make the report for the public")
    heading = title or f"Evaluation of the synthetic {'tables' if evaluation.tables else 'table'} {evaluation.table}"
    found = (
        ("attacks", "If someone attacked it", sections.attacked(evaluation, verdict)),
        ("use", "Is it any good for …", sections.used(evaluation)),
        ("conditions", "Conditions for a release", sections.conditions(evaluation, verdict)),
        ("searched", "What was looked for", sections.searched(evaluation)),
        ("alike", "How much alike", sections.alike(evaluation)),
        ("useful", "What models learn from it", sections.useful(evaluation)),
        ("fair", "Is everybody served alike", sections.fair(evaluation)),
        ("together", "How the tables hang together", sections.together(evaluation)),
        ("columns", "Column by column, side by side", sections.columns(evaluation)),
        ("detail", "Detail", sections.detail(evaluation)),
        ("methods", "Methods", sections.methods(evaluation, verdict)),
    )
    shown = [(name, head, text) for name, head, text in found if text]
    links = "".join(f'<li><a href="#{name}">{escape(head)}</a></li>' for name, head, _ in shown)
    body = "\n".join(
        (
            sections.top(evaluation, verdict, heading, attempts),
            f'<nav aria-label="On this page"><ul>{links}</ul></nav>',
            *(
                f'<section id="{name}" aria-labelledby="{name}-head">\n<h2 id="{name}-head">{escape(head)}</h2>\n{text}\n</section>'
                for name, head, text in shown
            ),
        )
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
