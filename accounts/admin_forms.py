from django import forms
from django.core.exceptions import ValidationError

from accounts.models import RoleGrant, Team, User
from accounts.passwords import PASSWORD_LENGTH
from accounts.transitions import COMPLIANCE_GROUP
from accounts.validation import check_new_password, one_clean_line
from ledger.errors import Invalid


def clean_name(form, field):
    try:
        return one_clean_line(form.cleaned_data[field], field, 150)
    except Invalid as refusal:
        raise ValidationError(refusal.sentence) from refusal


class PersonForm(forms.ModelForm):
    compliance_administrator = forms.BooleanField(
        required=False,
        help_text="Manages approval ladders in this administration. Does not sign: that takes a role.",
    )
    new_password = forms.CharField(
        label="Set a password",
        required=False,
        strip=False,
        max_length=PASSWORD_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="The person is told, their tokens end, and they must choose their own before they can sign.",
    )

    class Meta:
        model = User
        fields = ["email", "full_name", "is_active", "is_admin"]

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if not self.instance._state.adding:
            group = self.instance.groups.filter(name=COMPLIANCE_GROUP)
            self.initial["compliance_administrator"] = group.exists()

    def clean_email(self):
        return self.cleaned_data["email"].strip().lower()

    def clean_full_name(self):
        return clean_name(self, "full_name")

    def clean(self):
        given = super().clean()
        if given.get("new_password"):
            try:
                check_new_password(given["new_password"], self.instance)
            except Invalid as refusal:
                self.add_error("new_password", refusal.sentence)
        return given


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ["name"]

    def clean_name(self):
        return clean_name(self, "name")


class GrantForm(forms.ModelForm):
    class Meta:
        model = RoleGrant
        fields = ["user", "role", "team", "valid_until"]
