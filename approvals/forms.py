"""What people fill in on a stage. Hidden members say what they were looking at."""

from django import forms
from django.conf import settings

from accounts.passwords import PASSWORD_LENGTH
from accounts.second_factor_forms import code_field
from approvals.enums import Meaning
from approvals.transitions import APPROVING, MAX_NOTES

TYPED_PASSWORD = {"autocomplete": "current-password"}


class MeaningField(forms.ChoiceField):
    """A choice that is made already when nothing is said."""

    def clean(self, value):
        return super().clean(value or Meaning.APPROVED)


class SignForm(forms.Form):
    """`digest`, `cycle` and `stage_id` name the record as the page showed it."""

    meaning = MeaningField(label="Meaning of your signature", choices=[(each.value, each.label) for each in APPROVING])
    notes = forms.CharField(
        label="Notes",
        max_length=MAX_NOTES,
        required=False,
        widget=forms.Textarea({"rows": 2, "placeholder": "Needed when you reject"}),
    )
    password = forms.CharField(
        label="Your password", max_length=PASSWORD_LENGTH, strip=False, widget=forms.PasswordInput(TYPED_PASSWORD)
    )
    code = code_field()
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    cycle = forms.IntegerField(min_value=1, max_value=2**31 - 1, required=False, widget=forms.HiddenInput)
    stage_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    series = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    def __init__(self, *args, asks_code=False, in_series=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.asks_code = asks_code
        self.ask_password(not in_series)

    def ask_password(self, wanted=True):
        """Password and code are shown and needed, or, in a signing series, neither."""
        wanted = wanted and settings.SIGNATURE_REAUTHENTICATION
        self.fields["password"].required = wanted
        # Shown to whom a second factor is enrolled for; others may leave it out.
        self.fields["code"].required = wanted and self.asks_code


class RejectForm(SignForm):
    """The same form, sent with the Reject button: the meaning is given, the reason is needed."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        notes = self.fields["notes"]
        notes.required, notes.error_messages["required"] = True, "Say why you reject; the requester reads it."

    def clean_meaning(self):
        return Meaning.REJECTED


class SeriesForm(forms.Form):
    """The one full authentication of a signing series."""

    password = forms.CharField(
        label="Your password", max_length=PASSWORD_LENGTH, strip=False, widget=forms.PasswordInput(TYPED_PASSWORD)
    )
    code = code_field()

    def __init__(self, *args, asks_code=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["code"].required = asks_code


class DelegateForm(forms.Form):
    delegate_id = forms.UUIDField(label="Delegate to", error_messages={"required": "Choose who signs instead."})
    due_at = forms.DateTimeField(
        label="New deadline",
        help_text="UTC; empty keeps the one there is.",
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    notes = forms.CharField(label="Reason", max_length=MAX_NOTES, required=False, widget=forms.Textarea({"rows": 2}))

    def arguments(self):
        """The keywords of `delegate_stage`."""
        return {name: self.cleaned_data[name] for name in ("delegate_id", "due_at", "notes")}


class ResetForm(forms.Form):
    notes = forms.CharField(
        label="Why it is reset",
        max_length=MAX_NOTES,
        widget=forms.Textarea({"rows": 2}),
        error_messages={"required": "Say why the stage is reset."},
    )
