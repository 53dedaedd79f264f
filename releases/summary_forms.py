"""The form that asks for a metadata summary, and a disclosure policy in a line."""

from __future__ import annotations

from django import forms

from generators.disclosure import POLICIES


def policy_title(name: str) -> str:
    """What people call a disclosure policy."""
    return "Noise (differential privacy)" if POLICIES[name].noisy else name.capitalize()


def policy_words(name: str) -> str:
    """One line on what a disclosure policy does."""
    policy = POLICIES[name]
    if policy.noisy:
        return (
            f"Every count carries random noise (differential privacy, epsilon {policy.epsilon:g}, delta {policy.delta:g} for each person); "
            f"at most {policy.contributions} rows of one person count; dates are given by {policy.date_unit}; noisy counts are rounded "
            f"to the nearest {policy.rounding}."
        )
    return (
        f"No figure is about fewer than {policy.minimum} people; counts are rounded to the nearest {policy.rounding}; "
        f"dates are given by {policy.date_unit}; the table must hold at least {policy.minimum_table:,} people."
    )


class SummaryForm(forms.Form):
    """Which disclosure policy to summarise under, and what to leave out."""

    policy = forms.ChoiceField(
        label="Which disclosure policy?",
        choices=[(name, policy_title(name)) for name in POLICIES],
        initial="public",
        widget=forms.RadioSelect,
        help_text="Open access needs the public policy.",
    )
    without = forms.CharField(
        label="Columns to leave out",
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, as table.column. Leave out what nobody needs, and what would conflict with an earlier summary.",
    )

    cross_tabulations = forms.CharField(
        label="Columns to count together",
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One cross-tabulation a line: columns with * between them, bands of numbers after a colon, as "
        "age:0,18,65,120*sex*outcome. With several tables visits.age:0,18*sex. The generator of aggregates keeps them.",
    )

    def clean_cross_tabulations(self) -> list[str]:
        """One text a line; the service says which of them cannot be counted."""
        return [line.strip() for line in str(self.cleaned_data["cross_tabulations"]).splitlines() if line.strip()]

    def clean_without(self) -> list[tuple[str, str]]:
        """(table, column) of each line; the service says which of them do not exist."""
        lines = [line.strip().partition(".") for line in str(self.cleaned_data["without"]).splitlines() if line.strip()]
        if not all(dot and column for _, dot, column in lines):
            raise forms.ValidationError("Write each column as table.column, one a line.")
        return [(table, column) for table, _, column in lines]
