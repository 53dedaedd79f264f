"""The forms by which people sign in, get back in, and look after their own account."""

from __future__ import annotations

from django import forms

CODE = forms.TextInput(attrs={"autocomplete": "one-time-code", "class": "nhsuk-input--width-10", "spellcheck": "false"})


class SecondStepForm(forms.Form):
    """A code of an app or a recovery code, or a security key's answer (written by the page's script)."""

    code = forms.CharField(
        label="Code", max_length=40, required=False, widget=CODE, help_text="Six figures from your app, or a recovery code."
    )
    answer = forms.CharField(required=False, max_length=20_000, widget=forms.HiddenInput)


class ForgottenForm(forms.Form):
    """Whose password was forgotten."""

    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class PasswordForm(forms.Form):
    """The password once more."""

    password = forms.CharField(widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}), label="Your password")


class AppForm(forms.Form):
    """An authenticator app and the code it shows."""

    name = forms.CharField(label="Name", max_length=60, initial="My telephone", help_text="So that you know it again in the list.")
    code = forms.CharField(label="The code the app shows now", max_length=10, widget=CODE)


class KeyForm(forms.Form):
    """A security key and its answer (written by the page's script)."""

    name = forms.CharField(label="Name", max_length=60, initial="My security key", help_text="So that you know it again in the list.")
    answer = forms.CharField(required=False, max_length=20_000, widget=forms.HiddenInput)
