"""The form of a generation: which method, how much of it, and for methods that learn from records how they are to learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from django import forms

from generators.errors import InputError
from generators.fitting.conditions import Conditions
from generators.fitting.controls import Controls
from generators.learning.options import Budget, Option
from generators.registry import GENERATORS
from generators.schema import DatasetSchema
from releases import conditions
from releases.learning import MAX_SEED, Learning
from releases.models import SummaryRecord

MAXIMUM_ROWS = 1_000_000_000
MINUTES = 120
"""After which learning stops with the best so far, where nobody says otherwise."""
CONTRIBUTIONS = 3
"""Rows of one person that count under differential privacy, where nobody says otherwise."""
WHOLE = {"inputmode": "numeric"}
BROKEN = {"inputmode": "decimal"}
LEARNING = ("max_membership", "minutes", "epsilon", "delta", "contributions", "apart", "first", "learning_seed")
"""The fields that only methods that learn from records read."""
ASKED = ("generator", "summary", "rows", "size", "seed")
EMPTY = DatasetSchema(())
T = TypeVar("T")


class GenerateForm(forms.Form):
    """How many rows, which seed, from which summary, and how to learn: what the chosen method asks, and nothing else."""

    generator = forms.CharField(widget=forms.HiddenInput)
    summary = forms.ModelChoiceField(
        label="Made from which summary?",
        queryset=SummaryRecord.objects.none(),
        required=False,
        empty_label="No summary",
        help_text="The method sees this summary and nothing else.",
    )
    rows = forms.IntegerField(
        label="How many rows?", min_value=1, max_value=MAXIMUM_ROWS, initial=1000, widget=forms.TextInput(attrs=WHOLE)
    )
    size = forms.FloatField(
        label="How large, in per cent of the source?",
        min_value=0.001,
        max_value=100_000,
        required=False,
        widget=forms.TextInput(attrs=BROKEN),
        help_text="100 is about as many people as the method saw, and as many rows in every table. Not for structural data.",
    )
    seed = forms.IntegerField(
        label="Seed",
        min_value=0,
        max_value=2**53,
        initial=1,
        widget=forms.TextInput(attrs=WHOLE),
        help_text="Any whole number. The same seed gives the same data again.",
    )
    max_membership = forms.ChoiceField(
        label="How well may somebody who has the model recognise who it learned from?",
        required=False,
        choices=[
            ("", "Measure it, set no limit"),
            ("0.6", "At most a little better than guessing (0.6)"),
            ("0.55", "At most hardly better than guessing (0.55)"),
        ],
        help_text="A limit makes the model plainer until it is met: safer, and less alike. Guessing is 0.5.",
    )
    minutes = forms.IntegerField(
        label="Stop learning after how many minutes?",
        min_value=1,
        max_value=24 * 60,
        initial=MINUTES,
        required=False,
        widget=forms.TextInput(attrs=WHOLE),
        help_text="The best model so far is kept.",
    )
    epsilon = forms.FloatField(
        label="How closely may the data depend on any one person (ε)?",
        required=False,
        min_value=0.001,
        max_value=100,
        widget=forms.TextInput(attrs=BROKEN),
        help_text="Leave it empty for no such guarantee. 1 is strict, 10 is loose. The data become less alike, and it is taken from the "
        "dataset's disclosure budget.",
    )
    delta = forms.FloatField(
        label="The chance that this guarantee does not hold (δ)",
        required=False,
        min_value=1e-12,
        max_value=1e-3,
        widget=forms.TextInput(attrs=BROKEN),
        help_text="Only with ε. Less than one in ten times the people; filled in for this dataset.",
    )
    contributions = forms.IntegerField(
        label="At most how many rows of one person count?",
        required=False,
        min_value=1,
        max_value=10_000,
        initial=CONTRIBUTIONS,
        widget=forms.TextInput(attrs=WHOLE),
        help_text="Only with ε. Further rows of a person, chosen by chance, are left out.",
    )
    apart = forms.CharField(
        label="Columns of which nothing may be learned together",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One pair in a line, such as: age * ward. Each is learned, how they go together is not.",
    )
    first = forms.CharField(
        label="Columns to draw before the others",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One in a line. Conditions on these are met at once, however few rows meet them.",
    )
    given = forms.CharField(
        label="Only rows where…",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One condition in a line: sex = F, or age = 65..80, or ward = A | B. All must hold. "
        "Nothing after the equals sign: missing.",
    )
    balance = forms.CharField(
        label="Balance the classes of…",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One column in a line, with the share of each value: outcome = died:50 | discharged:50. "
        "Rows with other values are not made.",
    )
    oversample = forms.CharField(
        label="More rows of a small group",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One column in a line, and how many times as many rows as there would be: ethnicity = Bangladeshi:5.",
    )
    learning_seed = forms.IntegerField(
        label="Seed of the learning",
        min_value=0,
        max_value=MAX_SEED,
        initial=1,
        required=False,
        widget=forms.TextInput(attrs=WHOLE),
        help_text="Another seed of the data alone takes another draw from the same model.",
    )

    def __init__(
        self,
        *args: Any,
        generator: str,
        summaries: Any,
        several: bool = False,
        options: Sequence[Option] = (),
        columns: Sequence[str] = (),
        schema: DatasetSchema = EMPTY,
        persons: int = 0,
        only_private: bool = False,
        unasked: Collection[str] = (),
        **kwargs: Any,
    ) -> None:
        """options: of the method, where it learns; columns: those of the request, for pairs kept apart; schema: of the
        request's columns, for conditions; persons: in train.

        only_private: the method learns with differential privacy or not at all; unasked: fields of `LEARNING` it has no use for.
        """
        super().__init__(*args, **kwargs)
        self.info, self.several, self.options, self.columns = GENERATORS[generator], several, tuple(options), set(columns)
        self.schema, self.only_private = schema, only_private
        self.fields["generator"].initial = generator
        if several:
            self.fields["rows"].label = "How many people?"
            self.fields["rows"].help_text = "So many rows, too, in every table that refers to no other. Leave this or the next empty."
            self.fields["rows"].required = False
        else:
            del self.fields["size"]
        summary = self.fields["summary"]
        assert isinstance(summary, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        summary.queryset = summaries
        if self.info.needs != "summary":
            del self.fields["summary"]
        self.usual_delta = usual_delta(persons)
        self.fields["delta"].initial = f"{self.usual_delta:g}"
        for name in (*LEARNING, *conditions.ASKED) if self.info.needs != "data" else unasked:
            del self.fields[name]
        for option in self.options:
            self.fields[_field(option)] = _option_field(option)

    @property
    def asked(self) -> list[forms.BoundField]:
        """What every method is asked; of one that only learns with differential privacy, how much of it."""
        names = [*ASKED, "epsilon"] if self.only_private else ASKED
        return [self[name] for name in names if name in self.fields]

    @property
    def told(self) -> list[forms.BoundField]:
        """What a method that learns may be told."""
        return [self[name] for name in LEARNING if name in self.fields and not (self.only_private and name == "epsilon")]

    @property
    def conditioned(self) -> list[forms.BoundField]:
        """Which rows a method that learns is to draw."""
        return [self[name] for name in conditions.ASKED if name in self.fields]

    @property
    def told_wrongly(self) -> bool:
        """Whether one of the fields about learning, which are folded away, has an error, so that they must be shown."""
        return bool(set(self.errors) - {field.name for field in (*self.asked, *self.conditioned)})

    @property
    def conditioned_wrongly(self) -> bool:
        """The same of the fields about which rows."""
        return bool(set(self.errors) & set(conditions.ASKED))

    @property
    def choices(self) -> list[forms.BoundField]:
        """The method's own choices."""
        return [self[_field(option)] for option in self.options]

    @property
    def wanted(self) -> dict[str, Any]:
        """What was chosen, as `services.requests.request_generation` takes it. InputError for what does not go together."""
        given = dict(self.cleaned_data)
        found = {"generator": self.info.name, **{name: given.get(name) for name in ("summary", "rows", "seed", "scale")}}
        if self.info.needs != "data":
            return found
        private = given.get("epsilon") is not None
        options = {option.name: str(given[_field(option)]) for option in self.options}
        minutes = given.get("minutes")
        return found | {
            "learning": Learning(
                options=options,
                budget=Budget(
                    epsilon=given["epsilon"] if private else None,
                    delta=(given.get("delta") or self.usual_delta) if private else None,
                    contributions=(given.get("contributions") or CONTRIBUTIONS) if private else None,
                    seconds=None if minutes is None else 60.0 * minutes,
                    max_membership=float(given["max_membership"]) if given.get("max_membership") else None,
                ),
                apart=given.get("apart") or (),
                seed=given["learning_seed"] if given.get("learning_seed") is not None else 1,
                first=given.get("first") or (),
            ),
            "conditions": Conditions(**{name: given[name] for name in conditions.ASKED}),
        }

    def clean_apart(self) -> tuple[tuple[str, str], ...]:
        """Pairs of columns, each once, in alphabetical order."""
        pairs = set()
        for line in str(self.cleaned_data["apart"]).splitlines():
            names = [name.strip() for name in line.split("*")]
            if names == [""]:
                continue
            if len(names) != 2 or names[0] == names[1] or not set(names) <= self.columns:
                raise forms.ValidationError("Write two columns of this request in each line, with a star between them: age * ward.")
            pairs.add((min(names), max(names)))
        return tuple(sorted(pairs))

    def clean_first(self) -> tuple[str, ...]:
        """Columns in the order given."""
        names = tuple(
            dict.fromkeys(n.strip() for line in str(self.cleaned_data["first"]).splitlines() for n in line.split(",") if n.strip())
        )

        def read() -> tuple[str, ...]:
            Controls(first=names).check(self.schema)
            return names

        return _checked(read)

    def clean_given(self) -> dict[str, str]:
        """By column what was written."""
        return self._conditions("given")

    def clean_balance(self) -> dict[str, str]:
        """The same."""
        return self._conditions("balance")

    def clean_oversample(self) -> dict[str, str]:
        """The same."""
        return self._conditions("oversample")

    def _conditions(self, field: str) -> dict[str, str]:
        def read() -> dict[str, str]:
            written = conditions.read_lines(str(self.cleaned_data[field]))
            Conditions(**{field: written}).check(self.schema)
            return written

        return _checked(read)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "summary" in cleaned and cleaned["summary"] is None:
            self.add_error("summary", "Choose the summary the data are made from; this method needs one.")
        if self.several and not {"rows", "size"} & set(self.errors):
            self._sized(cleaned, self.info.needs == "schema")
        for option in self.options:
            self._check(cleaned, option)
        if set(conditions.ASKED) <= set(cleaned):
            try:
                Conditions(**{name: cleaned[name] for name in conditions.ASKED}).check(self.schema)
            except InputError as error:  # each by itself is right
                self.add_error("balance", _sentence(error))
        if self.only_private and "epsilon" not in self.errors and cleaned.get("epsilon") is None:
            self.add_error("epsilon", "This method learns with this guarantee alone: say how much ε, for example 1.")
        return cleaned

    def _check(self, cleaned: dict[str, Any], option: Option) -> None:
        """An empty choice is the default."""
        field = _field(option)
        try:
            cleaned[field] = option.checked(str(cleaned.get(field) or option.default).strip())
        except InputError as error:
            self.add_error(field, _sentence(error))

    def _sized(self, cleaned: dict[str, Any], numberless: bool) -> None:
        """Either a number of people or a size beside the source, as `scale`."""
        size = cleaned.pop("size", None)
        if (cleaned.get("rows") is None) == (size is None):
            self.add_error("rows", "Say how many people, or how large beside the source: one of the two.")
        elif size is not None and numberless:
            self.add_error("size", "This method knows no numbers of the source: say how many people instead.")
        cleaned["scale"] = None if size is None else size / 100


def usual_delta(persons: int) -> float:
    """The largest power of ten below one in ten times the persons; 1e-6 where nobody knows how many there are."""
    return 1e-6 if persons < 1 else min(1e-3, 10.0 ** -math.ceil(math.log10(10 * persons) + 1e-9))


def _checked(read: Callable[[], T]) -> T:
    """What it gives; what is wrong with it is told at the field."""
    try:
        return read()
    except InputError as error:
        raise forms.ValidationError(_sentence(error)) from None


def _sentence(error: InputError) -> str:
    return f"{str(error)[:1].upper()}{str(error)[1:]}."


def _field(option: Option) -> str:
    return f"option-{option.name}"


def _option_field(option: Option) -> forms.Field:
    """One choice of a method; its words are its question."""
    label = f"{option.words[:1].upper()}{option.words[1:]}".rstrip(".")
    if option.choices:
        return forms.ChoiceField(
            label=label, required=False, initial=option.default, choices=[(c, c) for c in option.choices], help_text=f"{option.name}"
        )
    limits = f", from {option.least:g} to {option.most:g}" if option.least is not None and option.most is not None else ""
    return forms.CharField(label=label, required=False, initial=option.default, max_length=100, help_text=f"{option.name}{limits}")
