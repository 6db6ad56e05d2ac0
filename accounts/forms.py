from datetime import datetime, time, timedelta

from django import forms
from django.utils import timezone

from accounts.enums import TokenScope
from accounts.passwords import PASSWORD_LENGTH
from accounts.second_factor import LONGEST_CODE


def password_field(label, autocomplete):
    return forms.CharField(
        label=label,
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


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


class SignInForm(forms.Form):
    # Not an EmailField: what is no address is simply nobody's, with the same answer.
    email = forms.CharField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "spellcheck": "false", "autocapitalize": "none"}),
    )
    password = password_field("Password", "current-password")


class PasswordChangeForm(forms.Form):
    old_password = password_field("Present password", "current-password")
    new_password = password_field("New password", "new-password")
    repeated = password_field("New password, once more", "new-password")
    code = code_field()
    revoke_tokens = forms.BooleanField(required=False)

    def __init__(self, *args, enrolled, tokens, **options):
        """`enrolled`: whether a code is asked for; `tokens`: how many API tokens have a name."""
        super().__init__(*args, **options)
        if not enrolled:
            del self.fields["code"]
        if tokens:
            self.fields["revoke_tokens"].label = (
                "Revoke my API token too" if tokens == 1 else f"Revoke my {tokens} API tokens too"
            )
        else:
            del self.fields["revoke_tokens"]

    def clean(self):
        given = super().clean()
        if given.get("new_password") and given.get("repeated") and given["new_password"] != given["repeated"]:
            self.add_error("repeated", "The two new passwords differ.")
        return given


class TokenForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="What it is for, for example “plate reader 2”.")
    scope = forms.ChoiceField(choices=TokenScope.choices, initial=TokenScope.READ)
    expires_on = forms.DateField(
        label="Ends after",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="Within a year; the day is in UTC.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["expires_on"].initial = timezone.now().date() + timedelta(days=90)

    @property
    def expires_at(self):
        """The end of the chosen day."""
        return datetime.combine(
            self.cleaned_data["expires_on"], time(23, 59, 59), tzinfo=timezone.get_default_timezone()
        )
