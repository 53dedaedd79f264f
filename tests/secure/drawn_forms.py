"""A page's form as a browser would send it: every field with the value it was drawn with."""

from __future__ import annotations

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._select = self._area = ""
        self._first = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if "disabled" in given:
            return
        if tag == "input" and name:
            if given.get("type") not in ("checkbox", "radio", "file") or "checked" in given:
                self.sent[name] = value
        elif tag == "select":
            self._select, self._first = name, True
        elif tag == "option" and self._select:
            if self._first or "selected" in given:
                self.sent[self._select] = value
            self._first = False
        elif tag == "textarea":
            self._area = name
            self.sent[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self.sent[self._area] = self.sent[self._area].removeprefix("\n")
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.sent[self._area] += data


def drawn(page: bytes) -> dict[str, str]:
    """Field by name of all the page's forms, unticked boxes left out."""
    fields = _Fields()
    fields.feed(page.decode())
    return fields.sent
