from django import forms
from django.utils import timezone

from accounts.models import Team
from experiments.enums import ExecutionStatus, InventoryStatus
from experiments.models import Booking, Equipment, InventoryItem
from experiments.transitions_stock import MAX_CONTENT
from ledger.canonical import canonical_text
from ledger.errors import Invalid
from portal.parsing import parse_json

SHOWN = 100
"""How many things of a kind the form offers; more are linked over the API or from a step's remedies."""


class ExecutionFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    status = forms.ChoiceField(required=False)
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Every team")
    mine = forms.BooleanField(label="Run by me", required=False)

    def __init__(self, data, *, user):
        super().__init__(data)
        self.fields["status"].choices = [("", "Every status"), *ExecutionStatus.choices]
        self.fields["team"].queryset = Team.objects.visible_to(user).order_by("name")


class SearchForm(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)


class Filter(SearchForm):
    """What does not fit is told at its field and filters nothing."""

    def wanted(self):
        """Every filter by name, empty where none is set."""
        self.is_valid()
        given = {name: self.cleaned_data.get(name) or "" for name in self.fields}
        return {"text": given.pop("q"), **given}


class TeamFilter(Filter):
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Every team")

    def __init__(self, data, *, user):
        super().__init__(data)
        self.fields["team"].queryset = Team.objects.visible_to(user).order_by("name")


class InventoryFilter(TeamFilter):
    status = forms.ChoiceField(choices=[("", "Every status"), *InventoryStatus.choices], required=False)


class EquipmentFilter(TeamFilter):
    calibration = forms.ChoiceField(
        choices=[("", "Any"), ("overdue", "Overdue"), ("soon", "Due within 30 days"), ("none", "Not needed")],
        required=False,
    )


class BookingFilter(Filter):
    when = forms.ChoiceField(
        choices=[("", "Now and coming"), ("now", "Now"), ("past", "Over")], required=False, label="When"
    )
    mine = forms.BooleanField(label="Booked by me", required=False)


class JSONObjectField(forms.CharField):
    """A JSON object as text; empty is an empty object."""

    widget = forms.Textarea(attrs={"spellcheck": "false", "class": "mono"})

    def __init__(self, **options):
        super().__init__(required=False, max_length=70_000, **options)

    def clean(self, value):
        text = super().clean(value)
        if not text:
            return {}
        try:
            found = parse_json(text.encode("utf-8", "replace"))
        except Invalid as refusal:
            raise forms.ValidationError(refusal.sentence) from refusal
        if not isinstance(found, dict):
            raise forms.ValidationError("Give a JSON object, for example {}.")
        return found


class StartForm(forms.Form):
    title = forms.CharField(max_length=200, help_text="What this run is called on lists and in the narrative.")
    inventory_item_ids = forms.MultipleChoiceField(
        label="Inventory", required=False, widget=forms.CheckboxSelectMultiple
    )
    booking_ids = forms.MultipleChoiceField(label="Bookings", required=False, widget=forms.CheckboxSelectMultiple)
    equipment_ids = forms.MultipleChoiceField(label="Equipment", required=False, widget=forms.CheckboxSelectMultiple)
    parameters = JSONObjectField(
        label="Parameters", help_text="A JSON object; step_requirements and required_approvals make the gates."
    )
    auto_create_notebook = forms.BooleanField(label="Begin a notebook page", required=False, initial=True)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        items = InventoryItem.objects.visible_to(user)[:SHOWN]
        bookings = Booking.objects.filter(end_time__gte=timezone.now()).select_related("resource")[:SHOWN]
        devices = Equipment.objects.visible_to(user)[:SHOWN]
        self.fields["inventory_item_ids"].choices = [
            (str(item.pk), f"{item.name} · {item.item_type} · {item.get_status_display().lower()}") for item in items
        ]
        self.fields["booking_ids"].choices = [(str(booking.pk), str(booking)) for booking in bookings]
        self.fields["equipment_ids"].choices = [(str(device.pk), device.name) for device in devices]


class NoteForm(forms.Form):
    text = forms.CharField(label="Note", max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))


class ProtocolForm(forms.Form):
    name = forms.CharField(max_length=200)
    version = forms.CharField(max_length=30, initial="1")
    team_id = forms.ModelChoiceField(
        Team.objects.none(), label="Team", required=False, empty_label="No team: everybody sees it"
    )
    content = forms.CharField(
        label="Steps",
        max_length=MAX_CONTENT,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="Each line is a step; empty lines are left out.",
    )
    variables = JSONObjectField(label="Variables", help_text="A JSON object, or empty.")
    seen = forms.CharField(required=False, widget=forms.HiddenInput, max_length=40)

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["team_id"].queryset = Team.objects.visible_to(user).order_by("name")

    @classmethod
    def of(cls, protocol, *, user):
        """Filled from a protocol; `seen` remembers which state of it the person looked at."""
        initial = {
            "name": protocol.name,
            "version": protocol.version,
            "team_id": protocol.team_id,
            "content": protocol.content,
            "variables": canonical_text(protocol.variables) if protocol.variables else "",
            "seen": protocol.updated_at.isoformat(),
        }
        return cls(initial=initial, user=user)

    def given(self):
        """What the verbs take."""
        cleaned = self.cleaned_data
        team = cleaned["team_id"]
        return {
            "name": cleaned["name"],
            "version": cleaned["version"],
            "team_id": team.pk if team else None,
            "content": cleaned["content"],
            "variables": cleaned["variables"],
        }
