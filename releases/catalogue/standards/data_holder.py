"""What a European health data catalogue asks of who holds the data, and no program can know: written down once, in a JSON file.

Source of the terms: HealthDCAT-AP (properties of the dataset and of its publisher). Nothing has a default: what is not written is not said.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Address = Annotated[str, Field(pattern=r'^https?://[^\s<>"{}|\\^`]+$', max_length=2000)]
Text = Annotated[str, Field(min_length=1, max_length=5000)]
Age = Annotated[int, Field(ge=0, le=150)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Publisher(_Part):
    """The publisher of the catalogue as a data holder. type: an address from a list of kinds of publishers; note: what it does."""

    type: Address
    note: Text
    trusted_data_holder: bool


class AccessBody(_Part):
    """The health data access body in charge."""

    name: Text
    homepage: Address
    email: Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=320)]


class Facts(_Part):
    """What holds of some releases. Addresses are those of the profile's lists, of Wikidata (themes) and of the Data Privacy Vocabulary.

    ages: the youngest and the oldest that is typical, in years.
    """

    categories: list[Address] = []
    themes: list[Address] = []
    legislation: list[Address] = []
    legal_basis: list[Address] = []
    population: Annotated[str, Field(max_length=5000)] = ""
    ages: tuple[Age, Age] | None = None

    def before(self, more_general: Facts) -> Facts:
        """These facts, and the more general ones where these say nothing."""
        return Facts.model_construct(**{name: getattr(self, name) or getattr(more_general, name) for name in Facts.model_fields})


class DataHolder(_Part):
    """The whole file. organisations: the page of each data controller by its name; subjects, releases: facts by subject, by short name."""

    publisher: Publisher | None = None
    access_body: AccessBody | None = None
    organisations: dict[str, Address] = {}
    every: Facts = Facts()
    subjects: dict[str, Facts] = {}
    releases: dict[str, Facts] = {}

    def facts(self, slug: str, subject: str) -> Facts:
        """What holds of one release: said of itself, of its subject, of all, in that order."""
        nothing = Facts()
        return self.releases.get(slug, nothing).before(self.subjects.get(subject, nothing)).before(self.every)


@lru_cache(maxsize=4)
def written_in(file: str) -> DataHolder:
    """What stands in `file`; nothing for "". ImproperlyConfigured names the place that does not fit."""
    if not file:
        return DataHolder()
    try:
        return DataHolder.model_validate_json(Path(file).read_bytes())
    except OSError as error:
        raise ImproperlyConfigured(f"SYNTHPORTAL_PUBLIC_DATA_HOLDER: {file} cannot be read: {error.strerror}") from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ImproperlyConfigured(f"SYNTHPORTAL_PUBLIC_DATA_HOLDER: {file}, {place}: {first['msg']}") from None
