from django import forms

from accounts.forms import code_field, password_field


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
