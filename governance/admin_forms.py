"""The forms of ladders in Django's admin. Their last check carries out the verb: no refusal loses what was typed."""

from datetime import datetime

from django import forms
from django.forms.models import BaseInlineFormSet
from django.utils import timezone

from accounts.models import RoleGrant, User
from governance.admin_fields import CommaField, EscalationField, PositionInput
from governance.assignment_transitions import assign_template
from governance.blueprint import MAX_SLA_HOURS
from governance.models import TemplateAssignment, TemplateStage, WorkflowTemplate
from governance.policies import check_can_change, check_not_changed_since
from governance.stage_rules import MAX_HOURS, TEAM_OWNERS, people_told, stage_rules, with_rules
from governance.transitions import HEADER, change_template, create_template
from governance.validation import Faults, check_header, check_key, check_stages
from ledger.errors import Refusal

LAST = 10_000


class TemplateForm(forms.ModelForm):
    """A draft's head. `seen` is the draft's last change when the page was made."""

    template_key = forms.CharField(
        label="Key",
        max_length=80,
        help_text="Lower-case letters, digits, - and _, for example biosafety-release. "
        "A key that exists already gets its next version.",
    )
    permitted_roles = CommaField(help_text="Roles with commas between them. Empty: any role may sign a stage.")
    seen = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)

    class Meta:
        model = WorkflowTemplate
        fields = ["name", "description", "default_stage_sla_hours", "permitted_roles"]
        labels = {"default_stage_sla_hours": "Default time limit in hours"}
        help_texts = {
            "default_stage_sla_hours": f"1 to {MAX_SLA_HOURS:,}. Used by stages without a limit of their own."
        }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if not self.instance._state.adding:
            self.fields.pop("template_key", None)
            self.initial["seen"] = self.instance.updated_at.isoformat()

    def clean_template_key(self):
        try:
            check_key(self.cleaned_data["template_key"])
        except Refusal as refusal:
            raise forms.ValidationError(refusal.sentence) from refusal
        return self.cleaned_data["template_key"]

    def clean_description(self):
        return self.cleaned_data["description"].replace("\r\n", "\n")  # browsers post every line end as CR LF

    def clean(self):
        given = super().clean()
        if not self.instance._state.adding:
            try:
                check_can_change(self.instance)
                check_not_changed_since(self.instance, _moment(given.get("seen", "")))
            except Refusal as refusal:
                kept = " What you typed is still here." if refusal.code == "not_a_draft" else ""
                self.add_error(None, refusal.sentence + kept)
        if not set(HEADER) & set(self.errors):
            faults = Faults()
            check_header(faults, **self.header())
            for fault in faults.errors:
                self.add_error(fault["field"], fault["detail"])
        return given

    def header(self):
        return {name: self.cleaned_data.get(name) for name in HEADER}

    def carry_out(self, stages, *, by):
        """Create or change the draft, head and stages in one call. Raises Refusal."""
        if self.instance._state.adding:
            key = self.cleaned_data["template_key"]
            return create_template(by=by, template_key=key, **self.header(), stage_blueprint=stages)
        seen = _moment(self.cleaned_data["seen"])
        return change_template(self.instance, by=by, expected_updated_at=seen, **self.header(), stage_blueprint=stages)


def _moment(text):
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text  # not from our page: equal to no moment, so it counts as stale


class StageForm(forms.ModelForm):
    """A stage as a row. The rules of its metadata have fields of their own; what else is in there stays."""

    position = forms.IntegerField(required=False, min_value=0, max_value=LAST - 1, help_text="Empty: the last.")
    required_role = forms.ChoiceField(label="Role", help_text="Missing? Grant it first.")
    stage_step_indexes = CommaField(label="Step indexes", numbers=True, help_text="Counted from 0: 0, 2, 5")
    stage_gate_keys = CommaField(label="Gate keys", help_text="For example biosafety, release")
    reminder_hours = forms.IntegerField(
        label="Reminder", required=False, min_value=1, max_value=MAX_HOURS, help_text="Hours before the deadline."
    )
    escalation = EscalationField(
        label="When overdue, tell",
        help_text=f"One a line: hours after the deadline and who is told, “4: {TEAM_OWNERS}”, “24: mira@example.org”.",
    )
    exclude_uploaders = forms.BooleanField(
        label="Exclude evidence uploaders", help_text="Who brought the evidence does not sign.", required=False
    )

    class Meta:
        model = TemplateStage
        fields = [
            "position", "name", "required_role", "sla_hours", "assignee", "stage_step_indexes", "stage_gate_keys",
        ]  # fmt: skip

    def __init__(self, *args, roles=(), emails=None, **options):
        super().__init__(*args, **options)
        present = self.instance.required_role
        choices = sorted({*roles, present} - {""})
        self.fields["required_role"].choices = [("", "---------"), *((role, role) for role in choices)]
        saved = bool(self.instance.pk)
        if not saved:
            self.initial["position"] = None
        self.fields["position"].widget = PositionInput(self.prefix if saved else "", self.instance.name)
        self.fields["assignee"].error_messages["invalid_choice"] = "There is no active person like that."
        self.initial |= _rules_shown(self.instance.metadata, emails or {})

    def members(self, people):
        """The stage for the verb; `people` maps e-mail addresses to ids."""
        given = self.cleaned_data
        rungs = [{**rung, "to": people.get(rung["to"], rung["to"])} for rung in given["escalation"]]
        return {
            "name": given["name"],
            "required_role": given["required_role"],
            "sla_hours": given["sla_hours"],
            "assignee_id": str(given["assignee"].pk) if given["assignee"] else None,
            "stage_step_indexes": given["stage_step_indexes"],
            "stage_gate_keys": given["stage_gate_keys"],
            "metadata": with_rules(
                self.instance.metadata,
                reminder_hours=given["reminder_hours"],
                escalation=rungs,
                exclude_uploaders=given["exclude_uploaders"],
            ),
        }

    def addresses(self):
        return {rung["to"] for rung in self.cleaned_data["escalation"]} - {TEAM_OWNERS}

    @property
    def place(self):
        position = self.cleaned_data.get("position")
        return LAST if position is None else position


def _rules_shown(metadata, emails):
    rules = stage_rules(metadata)
    rungs = [{"after_hours": rung.after_hours, "to": emails.get(rung.to, rung.to)} for rung in rules.escalation]
    shown = {"reminder_hours": rules.reminder_hours, "exclude_uploaders": rules.exclude_uploaders}
    return shown | {"escalation": rungs}


class StageFormSet(BaseInlineFormSet):
    """All stages of a draft. Checked last, it calls the verb that `instance.carry_out` holds when the head fits."""

    def get_form_kwargs(self, index):
        return {**super().get_form_kwargs(index), "roles": self.roles, "emails": self.emails}

    @property
    def roles(self):
        if not hasattr(self, "_roles"):
            held = RoleGrant.objects.in_force(timezone.now()).order_by().values_list("role", flat=True).distinct()
            self._roles = {*held[:500]}
        return self._roles

    @property
    def emails(self):
        """The e-mail addresses of whom the saved stages tell when they are overdue, by id."""
        if not hasattr(self, "_emails"):
            told = set().union(*(people_told(stage.metadata) for stage in self.get_queryset()))
            people = User.objects.filter(pk__in=told).values_list("pk", "email") if told else ()
            self._emails = {str(pk): email for pk, email in people}
        return self._emails

    def clean(self):
        super().clean()
        kept = [form for form in self.forms if not (self.can_delete and self._should_delete_form(form))]
        if any(form.errors for form in kept):
            return
        rows = self._in_order([form for form in kept if form.instance.pk is not None or form.has_changed()])
        people = _people(rows)
        if any(row.errors for row in rows):
            return
        stages = [row.members(people) for row in rows]
        faults = Faults()
        check_stages(faults, stages, permitted_roles=self.instance.permitted_roles or [])
        if faults.errors:
            self._show(faults.errors, rows)
        elif hasattr(self.instance, "carry_out"):
            try:
                self.instance.done = self.instance.carry_out(stages)
            except Refusal as refusal:
                self._show(getattr(refusal, "errors", None) or [{"field": "", "detail": refusal.sentence}], rows)

    def _in_order(self, rows):
        rows = sorted(rows, key=lambda form: form.place)
        prefix, _, way = self.data.get("_move", "").partition(":")
        at = next((number for number, form in enumerate(rows) if form.prefix == prefix), None)
        to = None if at is None else at + {"up": -1, "down": 1}.get(way, 0)
        if to is not None and 0 <= to < len(rows):
            rows[at], rows[to] = rows[to], rows[at]
        return rows

    def _show(self, errors, rows):
        elsewhere = []
        for error in errors:
            _, number, field = ([*error["field"].split("."), "", ""])[:3]
            field = {"assignee_id": "assignee", "metadata": "escalation"}.get(field, field)
            if number.isdigit() and int(number) < len(rows) and field in rows[int(number)].fields:
                rows[int(number)].add_error(field, error["detail"])
            else:
                elsewhere.append(error["detail"])
        if elsewhere:
            raise forms.ValidationError(elsewhere)


def _people(rows):
    """Ids by e-mail address of the active people the rows name; a row that names nobody active says so."""
    wanted = set().union(*(row.addresses() for row in rows))
    found = User.objects.active().filter(email__in=wanted).values_list("email", "pk") if wanted else ()
    people = {email: str(pk) for email, pk in found}
    for row in rows:
        for address in sorted(row.addresses() - set(people)):
            row.add_error("escalation", f"Nobody active has the e-mail address {address[:254]}.")
    return people


class AssignmentForm(forms.ModelForm):
    """Lets a ladder apply somewhere; `by` is set by the admin."""

    class Meta:
        model = TemplateAssignment
        fields = ["template", "team", "protocol"]
        help_texts = {
            "template": "A published ladder.",
            "team": "A team or a protocol, not both. A protocol's own ladder goes before its team's.",
        }

    def clean(self):
        given = self.cleaned_data
        if self.errors:
            return given
        team, protocol = (getattr(given[name], "pk", None) for name in ("team", "protocol"))
        try:
            self.done = assign_template(given["template"], by=self.by, team_id=team, protocol_id=protocol)
        except Refusal as refusal:
            raise forms.ValidationError(refusal.sentence) from refusal
        return given

    def _post_clean(self):
        """Nothing: the verb has validated."""

    def save(self, commit=True):
        self.instance, self.save_m2m = self.done, lambda: None
        return self.done
