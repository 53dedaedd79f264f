"""Forms of a request's later steps: what would be predicted, and why it may be released although a condition is not met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from evaluation.gates import OVERRIDE_CODES
from releases.overrides import Outcome
from releases.services.requests import MAX_REASON, MAX_TARGETS


class TargetsForm(forms.Form):
    """Which variables somebody would predict; none is an answer."""

    targets = forms.MultipleChoiceField(label="Variables", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, variables: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["targets"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - narrows the type
        field.choices = [(name, name) for name in variables]
        field.help_text = f"At most {MAX_TARGETS}."

    def clean_targets(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["targets"]
        if len(chosen) > MAX_TARGETS:
            raise forms.ValidationError(f"Choose at most {MAX_TARGETS} variables.")
        return chosen


class GatesForm(forms.Form):
    """A coded reason and a sentence for every soft gate that is not met.

    outcomes: those gates, of a stored verdict; given: what was answered before, by gate.
    """

    def __init__(self, *args: Any, outcomes: Sequence[Outcome], given: dict[str, dict[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outcomes = outcomes
        for outcome in outcomes:
            gate, before = outcome["gate"], given.get(outcome["gate"], {})
            self.fields[f"{gate}-code"] = forms.ChoiceField(
                label="Why may it be released all the same?",
                choices=[("", "Choose a reason"), *((code, f"{words[0].upper()}{words[1:]}") for code, words in OVERRIDE_CODES.items())],
                initial=before.get("code", ""),
                error_messages={"required": f"Choose a reason: {_lower(outcome['public'])}."},
            )
            self.fields[f"{gate}-reason"] = forms.CharField(
                label="In a sentence anybody can read",
                max_length=MAX_REASON,
                initial=before.get("reason", ""),
                widget=forms.Textarea(attrs={"rows": 2}),
                help_text="It is published, word for word. Write no figure, value or name of a person.",
                error_messages={"required": f"Say why it may be released although {_lower(outcome['public'])}."},
            )

    @property
    def questions(self) -> list[tuple[Outcome, forms.BoundField, forms.BoundField]]:
        """Each gate with its two fields."""
        return [(o, self[f"{o['gate']}-code"], self[f"{o['gate']}-reason"]) for o in self.outcomes]

    @property
    def answers(self) -> dict[str, dict[str, str]]:
        """What was answered, as `answer_gates` takes it."""
        cleaned = self.cleaned_data
        return {o["gate"]: {"code": cleaned[f"{o['gate']}-code"], "reason": cleaned[f"{o['gate']}-reason"]} for o in self.outcomes}


def _lower(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")
