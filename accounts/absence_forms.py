from django import forms
from django.utils import timezone

from accounts.absences import scope_teams, who_may_stand_in
from accounts.models import Absence, RoleGrant
from portal.text import one_line

STAND_INS_SHOWN = 200
MOMENT = "%Y-%m-%dT%H:%M"


def moment_field(label, *, missing):
    return forms.DateTimeField(
        label=label,
        help_text="UTC",
        error_messages={"required": missing, "invalid": "Give a day and a time, for example 2026-12-24 08:00."},
        widget=forms.DateTimeInput({"type": "datetime-local"}, format=MOMENT),
    )


class AbsenceForm(forms.Form):
    """One's own absence; the fields are named as `set_absence` names them."""

    starts_at = moment_field("Away from", missing="Say from when you are away.")
    ends_at = moment_field("Until", missing="Say until when: an absence ends by itself.")
    stand_in_id = forms.UUIDField(
        label="Stand-in",
        required=False,
        widget=forms.Select,
        error_messages={"invalid": "Choose somebody from the list."},
        help_text="Signs what names you while you are away. Only people who hold a role of yours are listed.",
    )
    role = forms.CharField(label="For which role", required=False, max_length=50, widget=forms.Select)
    team_id = forms.UUIDField(
        label="In which team",
        required=False,
        widget=forms.Select,
        error_messages={"invalid": "Choose a team from the list."},
    )
    note = forms.CharField(
        required=False,
        max_length=200,
        help_text="The stand-in and administrators read it.",
    )

    def __init__(self, user, data=None):
        super().__init__(data)
        now = timezone.now()
        self.fields["stand_in_id"].widget.choices = self._stand_ins(user, now)
        roles = RoleGrant.objects.in_force(now).filter(user=user).order_by("role").values_list("role", flat=True)
        self.fields["role"].widget.choices = [("", "Every role"), *((role, role) for role in roles.distinct())]
        teams = [(team.pk, one_line(team.name)) for team in scope_teams(user)]
        self.fields["team_id"].widget.choices = [("", "Every team"), *teams]

    def _stand_ins(self, user, now):
        return [("", "Nobody: what names me waits"), *stand_in_choices(who_may_stand_in(user, now=now))]

    def arguments(self):
        """The keywords of `set_absence`."""
        return dict(self.cleaned_data)


def stand_in_choices(people):
    return [(str(person.pk), one_line(person.printed_name)) for person in people[:STAND_INS_SHOWN]]


class AbsenceAdminForm(forms.ModelForm):
    """For an administrator, about somebody who cannot enter it."""

    class Meta:
        model = Absence
        fields = ["user", "starts_at", "ends_at", "stand_in", "role", "team", "note"]
        help_texts = {
            "starts_at": "UTC",
            "ends_at": "UTC",
            "stand_in": "Another person who holds a role of theirs. Empty: what names them waits.",
            "role": "Empty: every role.",
            "team": "Empty: every team.",
            "note": "The person, the stand-in and administrators read it.",
        }
