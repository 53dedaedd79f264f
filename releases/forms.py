"""The forms of the secure site. They check shape only; what may be done is for the services to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms

from generators.schema import DatasetSchema, TableSchema
from releases import selection
from releases.automatic_answers import NO, Automatic
from releases.models import Account, ReleaseRequest, RoleName, SignOff

REASON_LENGTH = 500


class SignInForm(forms.Form):
    """E-mail address and password."""

    username = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": False}))
    password = forms.CharField(label="Password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))


class SourceForm(forms.Form):
    """A new source dataset."""

    title = forms.CharField(label="Name of the dataset", max_length=200, help_text="For example: Emergency department visits 2019 to 2024.")
    description = forms.CharField(
        label="What is in it?",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One or two sentences a colleague from another hospital would understand. Write nothing about any one patient.",
    )
    controller = forms.CharField(
        label="Data controller", max_length=200, help_text="The organisation that answers for these records, for example your NHS trust."
    )
    subject = forms.CharField(
        label="Subject", max_length=100, help_text="The field of care, for example: emergency care, maternity, cancer."
    )


class SeveralFiles(forms.FileField):
    """One or more files; its clean value is a list of them."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(SeveralFiles, self).clean(each, initial) for each in given or [None]]


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class UploadForm(forms.Form):
    """Files sent through the browser."""

    file = SeveralFiles(
        label="CSV or Parquet files, or one zip archive of them",
        allow_empty_file=True,
        widget=SeveralFilesInput,
        help_text="Choose several at once with the Shift or Ctrl key. Each file is one table.",
    )


class PointForm(forms.Form):
    """A file or folder that already lies under an allowed secure folder."""

    path = forms.CharField(label="Path of the file or folder", max_length=1000, strip=True)


class StewardForm(forms.Form):
    """Another steward for a source."""

    person = forms.ModelChoiceField(label="Colleague", queryset=Account.objects.none(), empty_label="Choose a colleague")

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["person"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - narrows the type
        field.queryset = people


class RequestForm(forms.Form):
    """A new request: its title."""

    title = forms.CharField(label="Name of the release you are asking for", max_length=200, help_text="It can be changed until you submit.")


class PurposeForm(forms.Form):
    """Purpose, tier, access level, licence."""

    title = forms.CharField(label="Name of the release", max_length=200)
    purpose = forms.ChoiceField(
        label="What is it for?",
        choices=[(value, words.capitalize()) for value, words in ReleaseRequest.Purpose.choices],
        widget=forms.RadioSelect,
    )
    use_case = forms.CharField(
        label="Who will use it, and what for?",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One specific use. Reviewers read this first.",
    )
    description = forms.CharField(
        label="Description shown to the public",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What the data are about, in plain English. It is published with the data.",
    )
    tier = forms.ChoiceField(
        label="Which kind of synthetic data?",
        choices=[
            (ReleaseRequest.Tier.STRUCTURAL, "Structural: names, kinds and formats only; nothing observed"),
            (ReleaseRequest.Tier.PUBLICLY_SOURCED, "Publicly-sourced: made from a metadata summary, each column by itself"),
            (ReleaseRequest.Tier.PRIVATELY_SOURCED, "Privately-sourced: learned from the records themselves"),
        ],
        widget=forms.RadioSelect,
    )
    access_level = forms.ChoiceField(
        label="Who may have it?",
        choices=[
            (ReleaseRequest.AccessLevel.OPEN, "Open: anybody, no account"),
            (ReleaseRequest.AccessLevel.SAFEGUARDED, "Safeguarded: registered users who signed for it"),
        ],
        initial=ReleaseRequest.AccessLevel.OPEN,
        widget=forms.RadioSelect,
        help_text="Open access needs the public disclosure policy, or structural data; data learned from records are safeguarded.",
    )
    licence = forms.ChoiceField(label="Licence", choices=ReleaseRequest.Licence.choices, initial=ReleaseRequest.Licence.OGL)


class VariablesForm:
    """Which variables are asked for and why; a row per column, read directly since a table may have thousands.

    Keys are not asked for: they are always issued anew (`releases.selection.variables`).
    rows: dicts with prefix (of the field's name), table, name, column, asked, why, error; tables: the rows by table, with how many are
    asked for and how many are wrong.
    """

    def __init__(self, schema: DatasetSchema | None, reasons: dict[str, str], sent: Any = None) -> None:
        self.sent = sent
        self.errors: list[tuple[str, str]] = []
        self.variables: dict[str, str] = {}
        self.rows: list[dict[str, Any]] = []
        self.for_all = "" if sent is None else sent.get("why-all", "").strip()[:REASON_LENGTH]
        self.every = sent is not None and "every" in sent
        self.several = schema is not None and len(schema.tables) > 1
        self.vocabularies = [t.name for t in schema.tables if t.public] if schema else []
        self.tables: list[dict[str, Any]] = []
        for t, (table, names) in enumerate(selection.variables(schema) if schema else ()):
            whole = sent is not None and f"t{t}-every" in sent
            rows = [self._row(f"t{t}-c{table.names.index(name)}", table, name, reasons, whole) for name in names]
            asked = sum(row["asked"] for row in rows)
            self.tables.append({"prefix": f"t{t}", "name": table.name, "rows": rows, "asked": asked, "every": whole, "wrong": 0})
            self.rows += rows

    def _row(self, prefix: str, table: TableSchema, column: str, reasons: dict[str, str], whole: bool) -> dict[str, Any]:
        name = f"{table.name}.{column}" if self.several else column
        if self.sent is None:
            asked, why = name in reasons, reasons.get(name, "")
        else:
            asked = self.every or whole or f"{prefix}-asked" in self.sent
            why = self.sent.get(f"{prefix}-why", "").strip()[:REASON_LENGTH]
        return {"prefix": prefix, "name": name, "short": column, "column": table.column(column), "asked": asked, "why": why, "error": ""}

    def is_valid(self) -> bool:
        """Every variable asked for needs a reason of its own, or the one given for all the others."""
        if self.sent is None:
            return False
        for row in self.rows:
            if not row["asked"]:
                continue
            why = row["why"] or self.for_all
            self.variables[row["name"]] = why
            if not why:
                row["error"] = f"Say why “{row['name']}” is needed, or give a reason for all the others."
                self.errors.append((f"{row['prefix']}-why", row["error"]))
        for table in self.tables:
            table["wrong"] = sum(bool(row["error"]) for row in table["rows"])
        if not self.variables:
            self.errors.append(("every", "Choose at least one variable."))
        return not self.errors


class ConfirmForm(forms.Form):
    """A confirmation: only the press of the button matters."""


class ReasonForm(forms.Form):
    """Why a request is cancelled."""

    reason = forms.CharField(
        label="Why?", max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text="It is kept with the request."
    )


ANSWERS = (("yes", "Yes"), ("no", "No"), ("not applicable", "Does not apply"))


DECIDE = "decide"
"""The id of the form of a decision on its page."""


class DecisionForm(forms.Form):
    """A reviewer's checklist and decision. The evidence digest is the one of the page the reviewer read."""

    decision = forms.ChoiceField(
        label="What do you decide?",
        choices=[(value, words.capitalize()) for value, words in SignOff.Decision.choices],
        widget=forms.RadioSelect,
    )
    reason_code = forms.ChoiceField(
        label="Main reason",
        choices=[("", "Choose a reason"), *SignOff.Reason.choices],
        required=False,
        help_text="Needed to return or reject.",
    )
    comment = forms.CharField(
        label="Comment",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The requester reads this. Needed to return or reject.",
    )
    capacity = forms.ChoiceField(label="In which capacity do you sign?", widget=forms.RadioSelect)
    evidence_digest = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(
        self,
        *args: Any,
        capacities: Sequence[tuple[str, str]],
        checklist: Sequence[tuple[str, str]],
        automatic: Mapping[str, Automatic],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        capacity = self.fields["capacity"]
        assert isinstance(capacity, forms.ChoiceField)  # noqa: S101 - narrows the type
        capacity.choices = list(capacities)
        if len(capacities) == 1:
            capacity.initial = capacities[0][0]
            capacity.widget = forms.HiddenInput()
        self.items = [f"check-{key}" for key, _ in checklist]
        self.automatic = automatic
        for key, words in checklist:
            said = automatic.get(key)
            self.fields[f"check-{key}"] = forms.ChoiceField(
                label=words,
                choices=ANSWERS,
                widget=forms.RadioSelect,
                initial=said.answer if said else None,
                help_text=f"Filled in by the site: {said.answer}. {said.because}" if said else "",
            )
            if said and said.answer == NO:
                self.fields[f"why-{key}"] = forms.CharField(
                    label="Why do you answer otherwise than the site?",
                    required=False,
                    max_length=1000,
                    widget=forms.Textarea(attrs={"rows": 2}),
                    help_text="Needed where you do not answer no.",
                )
        for name in self.fields:
            if name.startswith(("check-", "why-")):  # the checklist stands beside the evidence, the form below it
                self.fields[name].widget.attrs["form"] = DECIDE
        asked = [name for item in self.items for name in (item, f"why-{item[6:]}")]
        self.order_fields([*asked, "decision", "reason_code", "comment", "capacity", "evidence_digest"])

    @property
    def questions(self) -> list[tuple[forms.BoundField, forms.BoundField | None, Automatic | None]]:
        """The checklist's fields, each with the field of the reason for answering otherwise than the site's no, and with what it said."""
        return [
            (self[name], self[why] if (why := f"why-{name[6:]}") in self.fields else None, self.automatic.get(name[6:]))
            for name in self.items
        ]

    @property
    def reasons(self) -> dict[str, str]:
        """Why the site's own "no" is overruled, by item."""
        return {name[4:]: text for name, text in self.cleaned_data.items() if name.startswith("why-") and text}

    @property
    def answers(self) -> dict[str, str]:
        """The checklist's answers by item."""
        return {name.removeprefix("check-"): self.cleaned_data[name] for name in self.items}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for item, said in self.automatic.items():
            given = cleaned.get(f"check-{item}")
            if said.answer == NO and given and given != NO and not cleaned.get(f"why-{item}"):
                self.add_error(f"why-{item}", "The site answered no: say why you answer otherwise, or answer no.")
        if cleaned.get("decision") in (SignOff.Decision.RETURN, SignOff.Decision.REJECT):
            if not cleaned.get("reason_code"):
                self.add_error("reason_code", "Choose the main reason for returning or rejecting this request.")
            if not cleaned.get("comment"):
                self.add_error("comment", "Say what must change, or why this cannot be released.")
        return cleaned


class AccountForm(forms.Form):
    """A new account."""

    full_name = forms.CharField(label="Full name", max_length=200)
    email = forms.EmailField(label="E-mail address")


class RoleForm(forms.Form):
    """A role for an account."""

    role = forms.ChoiceField(label="Role", choices=RoleName.choices)


class AuditFilterForm(forms.Form):
    """What the audit list shows."""

    actor = forms.ModelChoiceField(label="Who", queryset=Account.objects.order_by("full_name"), required=False, empty_label="Anybody")
    action = forms.ChoiceField(label="What", required=False)
    outcome = forms.ChoiceField(
        label="Outcome", choices=[("", "Done or refused"), ("done", "Done"), ("refused", "Refused")], required=False
    )
    target = forms.CharField(
        label="To what",
        required=False,
        max_length=80,
        help_text="What kind of thing, such as releaserequest, or the beginning of its number in the list or in an address.",
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="Until", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, actions: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["action"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - narrows the type
        field.choices = [("", "Anything"), *((name, name.replace("_", " ")) for name in actions)]
