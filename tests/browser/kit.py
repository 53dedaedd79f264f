"""A page with every shared component on it, served under the site's own content security policy."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.template import engines
from django.test import RequestFactory

STATIC = Path(__file__).resolve().parent.parent.parent / "static"

TEMPLATE = """{% extends "shared/base.html" %}
{% block title %}Every component{% endblock title %}
{% block navigation %}
{% include "shared/components/nav_item.html" with text="Home" href="/" current=True %}
{% include "shared/components/nav_item.html" with text="Sources" href="/sources/" current=False %}
{% include "shared/components/nav_item.html" with text="Requests" href="/requests/" current=False %}
{% include "shared/components/nav_item.html" with text="Audit" href="/audit/" current=False %}
{% endblock navigation %}
{% block beforemain %}{% include "shared/components/breadcrumbs.html" with crumbs=crumbs %}{% endblock beforemain %}
{% block footer_links %}{% include "shared/components/footer_link.html" with text="For patients" href="/patients/" %}{% endblock footer_links %}
{% block main %}
{% include "shared/components/error_summary.html" with form=form %}
{% include "shared/components/notification.html" with text="The summary is ready." success=True %}
<h1>Every component</h1>
<p>{% include "shared/components/tag.html" with text="Waiting for IG" colour="yellow" %}</p>
{% include "shared/components/card.html" with heading="Review: emergency visits" href="/r/1" text="Since Tuesday." tag="Structural" tag_colour="green" %}
{% include "shared/components/summary_list.html" with rows=rows %}
{% include "shared/components/task_list.html" with tasks=tasks %}
{% include "shared/components/progress.html" with stage="Counting persons" percent=40 rows="12,000" total="30,000" left="About 2 minutes left" %}
{% include "shared/components/details.html" with summary="Why so?" text="Because." %}
{% for chart in charts %}{% include "shared/components/chart.html" %}{% endfor %}
{% include "shared/components/copy.html" with id="pandas" code=code what="the pandas line" %}
<form method="post" action="/sent">
{% for field in form %}{% include "shared/components/field.html" with field=field %}{% endfor %}
{% include "shared/components/button.html" with text="Submit" %}
{% include "shared/components/button.html" with text="Approve" kind="secondary" refusal="You made this request: somebody else reviews it." %}
</form>
{% include "shared/components/link_button.html" with text="Next" href="/next" kind="secondary" %}
{% include "shared/components/pagination.html" with page=page %}
{% endblock main %}
{% block scripts %}{% include "shared/components/chart_scripts.html" %}{% include "shared/components/htmx_script.html" %}{% endblock scripts %}
"""


class EveryField(forms.Form):
    title = forms.CharField(label="Title", help_text="A short name")
    rows = forms.IntegerField(label="Rows", required=False)
    purpose = forms.ChoiceField(label="Purpose", choices=[("a", "Code development"), ("b", "Training")], widget=forms.RadioSelect)
    uses = forms.MultipleChoiceField(
        label="Uses", choices=[("a", "One"), ("b", "Two")], widget=forms.CheckboxSelectMultiple, help_text="All that apply", required=False
    )
    kind = forms.ChoiceField(label="Kind", choices=[("a", "A"), ("b", "B")])
    why = forms.CharField(label="Why", widget=forms.Textarea(attrs={"rows": 3}))
    read = forms.BooleanField(label="I have read it")
    file = forms.FileField(label="File")
    password = forms.CharField(label="Password", widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))
    token = forms.CharField(widget=forms.HiddenInput, initial="h", required=False)


def _chart(number: int, title: str, data: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"chart-{number}",
        "title": title,
        "figure": {"data": data, "layout": {"xaxis": {"title": {"text": "Value"}}}},
        "alternative": "Both follow the same shape.",
        "table": {"columns": ["Value", "Real", "A rather long heading of a column"], "rows": [["<b>", 1, 3], ["b", 2, None]]},
    }


def html() -> str:
    """The page; the form has been sent with nothing in it, so every error shows."""
    context = {
        "form": EveryField({"uses": ["a"]}),
        "crumbs": [("Home", "/")],
        "rows": [("Title", "Emergency visits", "/x", "title"), ("Rows", "27,963")],
        "tasks": [
            {"title": "Purpose", "href": "/p", "status": "Completed", "hint": "Why", "colour": ""},
            {"title": "Generate", "href": "", "status": "Cannot start yet", "hint": "Confirm the schema first", "colour": "grey"},
        ],
        "charts": [
            _chart(
                1,
                "Triage: synthetic beside real",
                [{"type": "bar", "x": ["<a href='https://example.org'>b</a>", "b"], "y": [1, 2], "name": "Real"}],
            ),
            _chart(2, "Age: synthetic beside real", [{"type": "scatter", "x": [1, 2, 3], "y": [1, 3, 2], "mode": "lines+markers"}]),
        ],
        "code": "pandas.read_parquet('http://127.0.0.1:8001/a/very/long/address/that/does/not/fit/on/a/telephone.parquet')",
        "page": Paginator(range(100), 10).page(2),
    }
    return engines["django"].from_string(TEMPLATE).render(context, RequestFactory().get("/"))


def content_policy() -> str:
    """The header of the site's settings."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


@contextmanager
def served(page: str) -> Iterator[str]:
    """The address of a server of this one page and the static files."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            content, kind = page.encode(), "text/html; charset=utf-8"
            if path.startswith("/static/"):
                file = STATIC / path.removeprefix("/static/")
                if not file.is_file():
                    self.send_error(404)
                    return
                content, kind = file.read_bytes(), mimetypes.guess_type(path)[0] or "application/octet-stream"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Security-Policy", content_policy())
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
