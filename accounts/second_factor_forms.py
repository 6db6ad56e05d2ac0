from django import forms

from accounts.forms import password_field
from accounts.second_factor import LONGEST_CODE


class CodeInput(forms.TextInput):
    """Digits from a phone; never filled in again."""

    def __init__(self):
        super().__init__({"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"})

    def get_context(self, name, value, attrs):
        return super().get_context(name, None, attrs)


def code_field(*, help_text="Six digits, or one of your recovery codes."):
    return forms.CharField(
        label="Code of your authenticator app",
        max_length=LONGEST_CODE,
        help_text=help_text,
        error_messages={"required": "Give the six-digit code of your authenticator app too."},
        widget=CodeInput,
    )


class CodeForm(forms.Form):
    """The second step of signing in."""

    code = code_field()


class StartForm(forms.Form):
    password = password_field("Your password", "current-password")


class ConfirmForm(forms.Form):
    """`setup` brings the secret back, sealed: a session alone does not hold it."""

    setup = forms.CharField(max_length=2000, widget=forms.HiddenInput)
    code = code_field(help_text="The six digits your app shows now.")


class PasswordAndCodeForm(forms.Form):
    password = password_field("Your password", "current-password")
    code = code_field()
