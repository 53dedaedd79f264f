"""A site finds its own templates and the shared ones, and no other site's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from django.template import Engine, Origin
from django.template.loaders.filesystem import Loader


class ZoneLoader(Loader):
    """Loads `shared/page.html` and `<zone>/page.html` from `root`; bare names (`404.html`) belong to both sites."""

    def __init__(self, engine: Engine, root: Path, folders: Sequence[str]) -> None:
        super().__init__(engine, [root])
        self.folders = tuple(folders)

    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        first, *rest = template_name.split("/")
        if ".." not in rest and (not rest or first in self.folders):
            yield from super().get_template_sources(template_name)
