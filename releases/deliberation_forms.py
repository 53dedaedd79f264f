"""The forms of deliberation: a mark, words and whom they are for, of each item; an answer to each remark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString

from releases.models import Remark
from releases.review_items import Item
from releases.services.deliberation import LONGEST, Marked

MARKS = ((Remark.Mark.FINE, "Fine"), (Remark.Mark.QUESTION, "Question"), (Remark.Mark.MUST_CHANGE, "Must change"))


class MarksForm(forms.Form):
    """Every item of the round. held: this reviewer's marks as they stand. The evidence digest is the one of the page they read."""

    capacity = forms.ChoiceField(label="In which capacity do you review?", widget=forms.RadioSelect)
    evidence_digest = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(
        self, *args: Any, items: Sequence[Item], held: Mapping[str, Remark], capacities: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.items, self.held = items, held
        capacity = self.fields["capacity"]
        assert isinstance(capacity, forms.ChoiceField)  # noqa: S101 - narrows the type
        capacity.choices = list(capacities)
        if len(capacities) == 1:
            capacity.initial = capacities[0][0]
            capacity.widget = forms.HiddenInput()
        for n, item in enumerate(items):
            before = held.get(item.id)
            self.fields[f"mark-{n}"] = forms.ChoiceField(
                label=_of("Your mark", item.title),
                choices=MARKS,
                required=False,
                widget=forms.RadioSelect,
                initial=before.mark if before else None,
            )
            self.fields[f"text-{n}"] = forms.CharField(
                label=_of("Your comment", item.title),
                required=False,
                max_length=LONGEST,
                widget=forms.Textarea(attrs={"rows": 2}),
                help_text="Needed for a question, and for what must change." if n == 0 else "",
            )
            self.fields[f"shared-{n}"] = forms.BooleanField(label=_of("Show the comment to the requester", item.title), required=False)

    def threads(self, remarks: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
        """Each item with its fields and what was said of it."""
        return [
            {
                "item": item,
                "mark": self[f"mark-{n}"],
                "text": self[f"text-{n}"],
                "shared": self[f"shared-{n}"],
                "remarks": remarks.get(item.id, []),
            }
            for n, item in enumerate(self.items)
        ]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for n, item in enumerate(self.items):
            mark, text = cleaned.get(f"mark-{n}"), cleaned.get(f"text-{n}")
            before = self.held.get(item.id)
            if text and not mark:
                self.add_error(f"mark-{n}", f"{item.title}: say whether it is fine, a question, or must change.")
            if mark and mark != Remark.Mark.FINE and not text and (before is None or before.mark != mark):
                self.add_error(f"text-{n}", f"{item.title}: say in words what the question is, or what must change.")
        if not self.errors and not self.marked:
            raise forms.ValidationError("Nothing new was marked: mark an item, change a mark, or write a comment.")
        return cleaned

    @property
    def marked(self) -> dict[str, Marked]:
        """Item → mark, of those with something new."""
        found = {}
        for n, item in enumerate(self.items):
            mark, text = self.cleaned_data.get(f"mark-{n}") or "", self.cleaned_data.get(f"text-{n}") or ""
            before = self.held.get(item.id)
            if mark and (text or before is None or before.mark != mark):
                found[item.id] = Marked(mark, text, bool(self.cleaned_data.get(f"shared-{n}")))
        return found


class AnswersForm(forms.Form):
    """An answer to each of the remarks that reviewers shared."""

    def __init__(self, *args: Any, remarks: Iterable[Remark], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keys = [str(remark.pk) for remark in remarks]
        for remark in remarks:
            self.fields[f"answer-{remark.pk}"] = forms.CharField(
                label=_of("Your answer", remark.about), required=False, max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 2})
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not any(cleaned.get(f"answer-{key}") for key in self.keys):
            raise forms.ValidationError("Write at least one answer.")
        return cleaned

    @property
    def answers(self) -> dict[str, str]:
        """Key of a remark → answer, of those that were answered."""
        return {key: text for key in self.keys if (text := self.cleaned_data.get(f"answer-{key}"))}


def _of(words: str, title: str) -> SafeString:
    """A label under the heading of an item, which names the item only to those who hear the label by itself."""
    return format_html('{}<span class="nhsuk-u-visually-hidden">: {}</span>', words, title)
