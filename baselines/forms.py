"""What people fill in about a baseline."""

from django import forms

from accounts.models import Team
from baselines.enums import BaselineStatus
from baselines.input import MAX_DESCRIPTION, MAX_NAME, MAX_NOTES
from experiments.models import Protocol


class LabelsField(forms.CharField):
    """Lines of `key: value`, or of a key alone, as `[{"key", "value"}]`; the verb says what a label may be."""

    standing = {}  # lines that say a label as it stands, whatever signs are in it

    def __init__(self, **options):
        super().__init__(required=False, max_length=20_000, **options)

    def clean(self, value):
        text, found = super().clean(value), []
        for line in filter(str.strip, text.splitlines()):
            key, _, said = line.partition(": ") if ": " in line else line.partition(":")
            found.append(self.standing.get(line.strip()) or {"key": key.strip(), "value": said.strip()})
        return found


def lines_of(labels):
    """Labels as the lines a person types."""
    return "\n".join(map(str, labels))


class SubmissionForm(forms.Form):
    """Name, description and labels; people and evidence are checkboxes beside it (`picks`)."""

    name = forms.CharField(max_length=MAX_NAME, help_text="What this way of working is called in the catalogue.")
    description = forms.CharField(
        max_length=MAX_DESCRIPTION,
        required=False,
        help_text="Markdown. What makes this run the standard, and what others must watch.",
        widget=forms.Textarea({"rows": 10}),
    )
    labels = LabelsField(
        help_text="One a line, the key, a colon and the value, for example “instrument: plate reader 2”.",
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
    )

    def __init__(self, *args, standing=(), **kwargs):
        """`standing` are the labels that were given before, to be known again by their lines."""
        super().__init__(*args, **kwargs)
        self.fields["labels"].standing = {str(each): {"key": each.key, "value": each.value} for each in standing}


class ReviewForm(forms.Form):
    notes = forms.CharField(
        max_length=MAX_NOTES,
        required=False,
        widget=forms.Textarea({"rows": 3, "placeholder": "Needed when you reject"}),
    )
    seen = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, auto_id="review_%s", **kwargs)


class PublishForm(forms.Form):
    notes = forms.CharField(max_length=MAX_NOTES, required=False, widget=forms.Textarea({"rows": 2}))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, auto_id="publish_%s", **kwargs)


class RollBackForm(forms.Form):
    target_version_id = forms.UUIDField(label="Becomes current again", required=False, widget=forms.Select)
    reason = forms.CharField(
        label="Why it is rolled back",
        max_length=MAX_NOTES,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": "Say why it is rolled back; its team reads it."},
    )

    def __init__(self, *args, targets=(), **kwargs):
        targets = list(targets)
        before = {"target_version_id": str(targets[0].pk)} if targets else {}
        super().__init__(*args, auto_id="roll_back_%s", initial=before, **kwargs)
        self.fields["target_version_id"].widget.choices = [
            ("", "None, no version is current"),
            *((str(each.pk), f"v{each.version_number}, {each.name}") for each in targets),
        ]


class CatalogueFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    protocol = forms.ModelChoiceField(Protocol.objects.none(), required=False, empty_label="Every protocol")
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Every team")
    status = forms.ChoiceField(required=False)
    label = forms.CharField(required=False, max_length=400)
    waiting = forms.BooleanField(label="Waiting for my review", required=False)

    def __init__(self, data, *, protocols, teams):
        super().__init__(data)
        self.fields["status"].choices = [("", "Every status"), *BaselineStatus.choices]
        self.fields["protocol"].queryset = protocols
        self.fields["team"].queryset = teams
