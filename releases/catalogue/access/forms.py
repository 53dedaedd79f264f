"""What people fill in about access. Rules beyond the form of a field are the services'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from releases.catalogue.access import training
from releases.catalogue.models import Application, Release, TrainingProof


def _password(label: str, *, new: bool) -> forms.CharField:
    autocomplete = "new-password" if new else "current-password"
    hint = "At least 12 characters; three words that do not belong together are good." if new else ""
    return forms.CharField(
        label=label, strip=False, max_length=256, help_text=hint, widget=forms.PasswordInput(attrs={"autocomplete": autocomplete})
    )


def _line(label: str, *, hint: str = "", autocomplete: str = "off", longest: int = 200) -> forms.CharField:
    return forms.CharField(label=label, max_length=longest, help_text=hint, widget=forms.TextInput(attrs={"autocomplete": autocomplete}))


def _text(label: str, *, hint: str = "", longest: int = 4000, required: bool = True, rows: int = 5) -> forms.CharField:
    return forms.CharField(label=label, help_text=hint, max_length=longest, required=required, widget=forms.Textarea(attrs={"rows": rows}))


def _email(label: str, *, hint: str = "", autocomplete: str = "email") -> forms.EmailField:
    return forms.EmailField(
        label=label, help_text=hint, widget=forms.EmailInput(attrs={"autocomplete": autocomplete, "spellcheck": "false"})
    )


def _confirmed(label: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, error_messages={"required": "Tick this, or leave the page without sending it."})


class DetailsForm(forms.Form):
    """Who somebody is."""

    full_name = _line("Your full name", autocomplete="name")
    organisation = _line("Your institution", hint="For example: University College London", autocomplete="organization")
    post = _line("What you are there", hint="For example: PhD student, data scientist", autocomplete="organization-title")


class RegisterForm(DetailsForm):
    """A new account."""

    email = _email("Your e-mail address at your institution", hint="We send a link there. Private addresses are not accepted.")
    password = _password("Choose a password", new=True)
    field_order = ("full_name", "email", "organisation", "post", "password")


class SignInForm(forms.Form):
    """The first step."""

    email = _email("E-mail address", autocomplete="username")
    password = _password("Password", new=False)


def _code(hint: str = "") -> forms.CharField:
    return forms.CharField(
        label="The six figures your app shows now",
        help_text=hint,
        max_length=24,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "nhsuk-input--width-20"}),
    )


class CodeForm(forms.Form):
    """The second step."""

    code = _code("Without your app: one of your recovery codes, 16 figures.")


class NewAppForm(forms.Form):
    """A code of an app that is being set up, right after the password."""

    code = _code()


class OwnAppForm(NewAppForm):
    """The same while signed in, which takes the password once more."""

    password = _password("Your password", new=False)


class ForgottenForm(forms.Form):
    """Asking for a link to choose a password."""

    email = _email("E-mail address")


class PasswordForm(forms.Form):
    """Choosing a password."""

    password = _password("Choose a password", new=True)


class ConfirmForm(forms.Form):
    """Confirming an address: the password chosen with it shows that the same person asked."""

    password = _password("The password you chose when you registered", new=False)


class TrainingForm(forms.Form):
    """A proof of training."""

    course = _line("Name of the training", hint="For example: Data Security Awareness, or Research Data and Confidentiality")
    valid_until = forms.DateField(
        label="Last day it is valid",
        help_text="As it stands on the certificate. If none is given: one year after the training.",
        widget=forms.DateInput(attrs={"type": "date", "class": "nhsuk-input--width-10"}, format="%Y-%m-%d"),
    )
    file = forms.FileField(
        label="The certificate",
        help_text="A PDF of at most 5 MB. It is kept encrypted; only you and the access officers can open it.",
        max_length=200,
        widget=forms.FileInput(attrs={"accept": "application/pdf"}),
        error_messages={"required": "Choose a PDF of at most 5 MB."},
    )

    def clean_file(self) -> bytes:
        upload = self.cleaned_data["file"]
        if upload.size > training.LARGEST:
            raise forms.ValidationError("The file is larger than 5 MB; scan it smaller.")
        content: bytes = upload.read()
        return content


class PurposeForm(forms.Form):
    """What the data are for."""

    use = forms.ChoiceField(label="What do you need the data for?", choices=Application.Use.choices, widget=forms.RadioSelect)
    intended_use = _text(
        "What do you want to do with them?",
        hint="A few sentences: the question, the method, what comes out. It is what is decided on, and what you may then do.",
        rows=8,
    )
    lawful = _confirmed("It is lawful and not commercial: nothing is sold, and no decision about a person's care is made with it.")


class RefereeForm(forms.Form):
    """Who vouches for the applicant."""

    name = _line("Their full name")
    email = _email("Their e-mail address at their institution", hint="We send them a link. It is not your own address.", autocomplete="off")
    role = forms.ChoiceField(label="What are they?", choices=Application.RefereeRole.choices, widget=forms.RadioSelect)
    page = forms.URLField(
        label="A page that shows them in this role",
        help_text="On the site of their institution, beginning with https://, for example their page in its staff directory.",
        max_length=500,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"spellcheck": "false"}),
    )


class SignatureForm(forms.Form):
    """Signing the licence. licence_sha256: of the text that the page showed."""

    agreed = _confirmed("I have read the End User Licence above and will keep to it.")
    typed_name = _line("Type your full name to sign", autocomplete="name")
    licence_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)


class RefereeSignatureForm(SignatureForm):
    """Signing as the referee."""

    confirmed = _confirmed("I know this person and their plan, I hold the role named above, and I am not the applicant.")
    field_order = ("confirmed", "agreed", "typed_name")


class DeclineForm(forms.Form):
    """Not signing as the referee."""

    reason = _text("Why not?", hint="The applicant reads this.", longest=1000, required=False, rows=3)


class DecisionForm(forms.Form):
    """What the access officer decides."""

    decision = forms.ChoiceField(
        label="Your decision",
        choices=(("grant", "Grant access"), ("return", "Return it, to be put right"), ("refuse", "Refuse it")),
        widget=forms.RadioSelect,
    )
    referee_found = forms.BooleanField(
        label="I opened the page named and found the referee there, in that role (needed to grant)", required=False
    )
    days = forms.IntegerField(
        label="For how many days?",
        initial=365,
        required=False,
        min_value=1,
        widget=forms.NumberInput(attrs={"class": "nhsuk-input--width-4", "inputmode": "numeric"}),
    )
    reason = _text("Why?", hint="The applicant reads this. Needed to return or refuse.", longest=2000, required=False, rows=4)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].help_text = f"At most {settings.SYNTHPORTAL_LONGEST_GRANT}."


class LookForm(forms.Form):
    """A look at a proof of training."""

    accepted = forms.ChoiceField(
        label="Is it what it says?",
        choices=(("yes", "Yes: the person, the course and the last day are right"), ("no", "No")),
        widget=forms.RadioSelect,
    )
    reason = _text("If not: what is wrong?", hint="The applicant reads this.", longest=1000, required=False, rows=3)


class ReasonForm(forms.Form):
    """A reason."""

    reason = _text("Why?", hint="The person reads this.", longest=1000, rows=3)


class SureForm(forms.Form):
    """Nothing to fill in: the button is the answer."""


class TokenForm(forms.Form):
    """A personal token. releases: those that may be chosen."""

    name = _line("A name for it", hint="By which you know it again, for example the program that uses it.", longest=60)
    releases = forms.MultipleChoiceField(label="For which datasets?", widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(
        label="For how many days?",
        initial=90,
        min_value=1,
        max_value=365,
        widget=forms.NumberInput(attrs={"class": "nhsuk-input--width-4", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, releases: Sequence[Release], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["releases"].choices = [(each.slug, each.slug) for each in releases]  # type: ignore[attr-defined]


class DeletionForm(forms.Form):
    """Copies are gone."""

    deleted = _confirmed("I have deleted every copy I had, and told whoever I gave it to, if anybody.")
    said = _text("Anything we should know?", hint="For example a backup you cannot reach.", longest=2000, required=False, rows=3)


class UseNoteForm(forms.Form):
    """What came of a grant."""

    text = _text("What did you use the data for, and what came of it?", hint="Also if nothing came of it: that helps as well.")
    publications = _text("Publications, code or courses", hint="A line each; links are welcome.", required=False, rows=3)
    deleted = _confirmed("I have deleted every copy of the files.")


def proof_words(proof: TrainingProof | None) -> str:
    """How a proof of training stands, in a few words."""
    if proof is None:
        return "none given"
    if proof.accepted is None:
        return "waits for the access officer"
    return "accepted" if proof.accepted else "not accepted"
