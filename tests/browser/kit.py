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

TEMPLATE = Path(__file__).with_name("kit.html")

HOSTILE = "<a href='https://example.org'>b</a>"
"""A category that tries to be a link."""


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
        "table": {"columns": ["Value", "Real", "A rather long heading of a column"], "rows": [[HOSTILE, 1, 3], ["b", 2, None]]},
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
    return engines["django"].from_string(TEMPLATE.read_text()).render(context, RequestFactory().get("/"))


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
