"""The form of a draft of the release policy: every field of every kind of data, its note, its checklist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms import BoundField

from evaluation import gates
from generators.disclosure import POLICIES
from releases.models import ReleaseRequest
from releases.policy_words import FIELDS, WORKING
from releases.release_policies import AGREEMENT, CAPACITIES, DAYS, LONGEST_DAYS, MOST_SIGNATURES, NEEDS, ReleasePolicy

FEWEST_QUESTIONS = 3
"""Empty places for further questions of the checklist."""


class PolicyForm(forms.Form):
    """A draft of the policy. It checks shape; what no policy may say, `ReleasePolicy.from_dict` refuses with a sentence."""

    note = forms.CharField(
        label="What does it change, and why?",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Whoever puts it in force reads this first; it stays with the policy.",
    )

    def __init__(self, *args: Any, draft: ReleasePolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.draft = draft
        self.fields["note"].initial = draft.note
        for name in draft.tiers:
            self._tier(name)
        self.items = [*dict(draft.checklist), *(f"added-{n}" for n in range(1, FEWEST_QUESTIONS + 1))]
        for item in self.items:
            self.fields[f"question-{item}"] = forms.CharField(
                label=f"Question “{item}”" if not item.startswith("added-") else "Another question",
                required=False,
                max_length=300,
                initial=dict(draft.checklist).get(item, ""),
                help_text="Empty: it is not asked." if item in dict(draft.checklist) else "",
            )

    def _tier(self, name: str) -> None:
        tier = self.draft.tiers[name]
        signed = dict(tier.signatures)
        for capacity in CAPACITIES:
            self.fields[f"{name}-{capacity}"] = forms.IntegerField(
                label=f"Signatures of {capacity.upper()}",
                min_value=0,
                max_value=MOST_SIGNATURES,
                initial=signed.get(capacity, 0),
                help_text="Each of another person." if capacity == CAPACITIES[0] else "",
                widget=forms.NumberInput(attrs={"class": "nhsuk-input--width-4"}),
            )
        self.fields[f"{name}-agreed"] = _tick("SDAT agrees the use case before anything is generated", tier.needs_agreement)
        issued = [(str(v.number), f"gates {v.number}") for v in gates.versions() if v.status == "issued"]
        self.fields[f"{name}-gates"] = forms.ChoiceField(label=FIELDS["gates"], choices=issued, initial=tier.gates)
        self.fields[f"{name}-access_levels"] = _some("access_levels", ReleaseRequest.AccessLevel.choices, tier.access_levels)
        self.fields[f"{name}-licences"] = _some("licences", ReleaseRequest.Licence.choices, tier.licences)
        self.fields[f"{name}-open_needs_disclosure_policy"] = forms.ChoiceField(
            label=FIELDS["open_needs_disclosure_policy"],
            choices=[("", "none"), *((policy, policy) for policy in POLICIES)],
            initial=tier.open_needs_disclosure_policy or "",
            required=False,
        )
        for need in NEEDS:
            self.fields[f"{name}-{need}"] = _tick(FIELDS[need], getattr(tier, need))
        for days in DAYS:
            unit = "working days" if days in WORKING else "days"
            self.fields[f"{name}-{days}"] = forms.IntegerField(
                label=f"{FIELDS[days]} ({unit})",
                required=False,
                min_value=1,
                max_value=LONGEST_DAYS,
                initial=getattr(tier, days),
                help_text="Empty: there are none." if days == "standing_approval_days" else "",
                widget=forms.NumberInput(attrs={"class": "nhsuk-input--width-4"}),
            )

    @property
    def kinds(self) -> Iterator[tuple[str, list[BoundField]]]:
        """Kinds of data with their fields."""
        for name in self.draft.tiers:
            yield name, [self[field] for field in self.fields if field.startswith(f"{name}-")]

    @property
    def questions(self) -> list[BoundField]:
        return [self[f"question-{item}"] for item in self.items]

    @property
    def content(self) -> dict[str, Any]:
        """What was chosen, as `ReleasePolicy.as_dict()` writes it."""
        given = self.cleaned_data
        automatic = dict(self.draft.automatic)
        asked = [
            {"item": item, "question": given[f"question-{item}"], "automatic": automatic.get(item)}
            for item in self.items
            if given[f"question-{item}"].strip()
        ]
        held = {each["item"] for each in asked}
        for each in asked:
            if each["item"].startswith("added-"):
                each["item"] = next(name for n in range(1, 1_000) if (name := f"question-{n}") not in held)
                held.add(each["item"])
        return {"note": given["note"], "tiers": {name: self._chosen(name) for name in self.draft.tiers}, "checklist": asked}

    def _chosen(self, name: str) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "signatures": {capacity: given[f"{name}-{capacity}"] for capacity in CAPACITIES if given[f"{name}-{capacity}"]},
            "skips": [] if given[f"{name}-agreed"] else list(AGREEMENT),
            "open_needs_disclosure_policy": given[f"{name}-open_needs_disclosure_policy"] or None,
            **{field: given[f"{name}-{field}"] for field in ("gates", "access_levels", "licences", *NEEDS, *DAYS)},
        }


def _tick(label: str, initial: bool) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, initial=initial)


def _some(field: str, choices: Any, initial: tuple[str, ...]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(label=FIELDS[field], choices=choices, initial=initial, widget=forms.CheckboxSelectMultiple)
