from datetime import datetime, time, timedelta

from django import forms
from django.utils import timezone

from accounts.enums import TokenScope
from accounts.passwords import PASSWORD_LENGTH


def password_field(label, autocomplete):
    return forms.CharField(
        label=label,
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
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
