"""Forms of the privately-sourced route: the proposal's decision, the DPIA, the assessment, the plain-English account."""

from __future__ import annotations

from typing import Any

from django import forms

from releases import agreements, dpias, plain_account
from releases.forms import PurposeForm
from releases.models import Assessment

LONGEST = 4_000


class AgreedPurposeForm(PurposeForm):
    """What of the purpose page can still be changed once the use case is agreed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in agreements.FROZEN:
            self.fields.pop(name, None)


class AgreeForm(forms.Form):
    """A comment, and the digest of the use case that was read."""

    comment = forms.CharField(
        label="Comment",
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The requester reads it.",
    )
    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)


class SendBackForm(AgreeForm):
    """The same, with what must change."""

    comment = forms.CharField(
        label="What must change?", max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 4}), help_text="The requester reads it."
    )


class AssessForm(forms.Form):
    """A judgement and a reason for each aspect, on the evidence that was read."""

    evidence_digest = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for aspect in Assessment.ASPECTS:
            self.fields[aspect] = forms.ChoiceField(
                label=f"{aspect.capitalize()}: your judgement",
                choices=[(code, f"{words[0].upper()}{words[1:]}") for code, words in Assessment.Judgement.choices],
                widget=forms.RadioSelect,
                error_messages={"required": f"{aspect.capitalize()}: choose a judgement."},
            )
            self.fields[f"{aspect}-reason"] = forms.CharField(
                label=f"{aspect.capitalize()}: why?",
                max_length=LONGEST,
                widget=forms.Textarea(attrs={"rows": 3}),
                error_messages={"required": f"{aspect.capitalize()}: say why."},
            )

    def pair(self, aspect: str) -> tuple[forms.BoundField, forms.BoundField]:
        """The two fields of an aspect."""
        return self[aspect], self[f"{aspect}-reason"]

    @property
    def judgements(self) -> dict[str, tuple[str, str]]:
        """As the service takes them."""
        return {aspect: (self.cleaned_data[aspect], self.cleaned_data[f"{aspect}-reason"]) for aspect in Assessment.ASPECTS}


class DpiaForm(forms.Form):
    """The questions of a DPIA. Nothing is required to save it; what a complete one lacks is for the service to say."""

    after = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    concluded = forms.BooleanField(label="This assessment is complete", required=False)

    def __init__(self, *args: Any, questions: dpias.Form, given: dpias.Answers, automatic: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questions = questions
        for question in questions.questions:
            filled = "Filled in by the site; change it where it is wrong. " if question.id in automatic else ""
            self.fields[question.id] = _text(question.question, f"{filled}{question.help}", given.get(question.id, ""), 5)
        for identity, _ in questions.risks:
            rated = given.get(f"risk-{identity}", {})
            for rating, label in (("likelihood", "How likely?"), ("severity", "How bad for people?")):
                self.fields[f"{identity}-{rating}"] = self._rating(rating, label, rated)
            self.fields[f"{identity}-measures"] = _text("What is done about it?", "", rated.get("measures", ""), 2)
            self.fields[f"{identity}-residual"] = self._rating("residual", "What is left of the risk?", rated)

    def _rating(self, rating: str, label: str, rated: dict[str, str]) -> forms.ChoiceField:
        choices = [("", "Choose"), *self.questions.ratings[rating]]
        return forms.ChoiceField(label=label, choices=choices, required=False, initial=rated.get(rating, ""))

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The questions before the risks, under their headings."""
        return [(section.title, [self[q.id] for q in section.questions]) for section in self.questions.sections]

    @property
    def closing(self) -> tuple[str, list[forms.BoundField]]:
        """The questions after the risks."""
        return self.questions.closing.title, [self[q.id] for q in self.questions.closing.questions]

    @property
    def risks(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Each risk with its four fields."""
        names = ("likelihood", "severity", "measures", "residual")
        return [(sentence, [self[f"{identity}-{name}"] for name in names]) for identity, sentence in self.questions.risks]

    @property
    def answers(self) -> dpias.Answers:
        """As the service takes them."""
        cleaned = self.cleaned_data
        found: dpias.Answers = {q.id: cleaned[q.id] for q in self.questions.questions}
        for identity, _ in self.questions.risks:
            found[f"risk-{identity}"] = {n: cleaned[f"{identity}-{n}"] for n in ("likelihood", "severity", "measures", "residual")}
        return found


class PlainAccountForm(forms.Form):
    """The text for patients."""

    text = forms.CharField(
        label="The account, as patients will read it",
        max_length=plain_account.LONGEST,
        widget=forms.Textarea(attrs={"rows": 20}),
        help_text="Half a page. A line that begins with ## is a heading; an empty line begins a paragraph. Short sentences, no jargon.",
    )


class ReadAccountForm(forms.Form):
    """A confirmation: which version was read."""

    account = forms.UUIDField(widget=forms.HiddenInput)


def _text(label: str, help_text: str, initial: str, rows: int) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        initial=initial,
        required=False,
        max_length=dpias.LONGEST,
        widget=forms.Textarea(attrs={"rows": rows}),
    )
