"""What visitors are asked when they give something back."""

from __future__ import annotations

from django import forms

from releases.catalogue.giving import reports, uses
from releases.catalogue.models import ProblemReport, RecordedUse


class ReportForm(forms.Form):
    """A problem, or a suspected disclosure."""

    kind = forms.ChoiceField(label="What is it about?", choices=ProblemReport.Kind.choices, widget=forms.RadioSelect)
    said = forms.CharField(
        label="What did you see, and where?",
        help_text="Name the table and the column. Do not write down who you think the person is: say how you came to think so.",
        max_length=reports.LONGEST,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    reply_to = forms.EmailField(
        label="Your e-mail address",
        help_text="Only to answer you. We forget it once you have our answer.",
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class UseForm(forms.Form):
    """A use, or a publication. Told of one's own accord."""

    kind = forms.ChoiceField(label="What do you want to tell?", choices=RecordedUse.Kind.choices, widget=forms.RadioSelect)
    what = forms.CharField(
        label="What did you do?",
        help_text="A sentence, or the title of the publication. For example: we taught a course on data pipelines with it.",
        max_length=uses.LONGEST["what"],
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    who = forms.CharField(
        label="Who are you?",
        help_text="As you want it to be shown: an organisation, a team, a name. Or leave it empty.",
        max_length=uses.LONGEST["who"],
        required=False,
    )
    link = forms.CharField(
        label="Where can it be read?", help_text="A web address or a DOI.", max_length=uses.LONGEST["link"], required=False
    )


class AnswerForm(forms.Form):
    """An officer's answer to a report."""

    answer = forms.CharField(
        label="Your answer",
        help_text="Sent to whoever reported it, if they left an address. Repeat nothing that could tell of a person.",
        max_length=reports.LONGEST,
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class LiftForm(forms.Form):
    """Why a release may be shown again."""

    why = forms.CharField(label="Why may it be shown again?", max_length=reports.LONGEST, widget=forms.Textarea(attrs={"rows": 4}))
