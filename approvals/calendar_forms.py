"""The form of a working calendar, in Django's admin and on its page. Its last check carries out the verb: no refusal
loses what was typed. `by` is set by the admin and by the page."""

from datetime import datetime

from django import forms
from django.utils import timezone

from approvals import sla
from approvals.calendars import (
    DAYS,
    FIRST,
    LATEST_START,
    TOO_FAR,
    build,
    calendar_from,
    clean_calendar,
    countries,
    days_off_from,
    days_off_text,
    hours_from,
    hours_text,
    subdivisions,
    time_zones,
)
from approvals.ics import MOST_BYTES, days_off_in
from approvals.models import WorkingCalendar
from approvals.transitions_calendar import NEW, set_calendar
from governance.blueprint import MAX_SLA_HOURS
from ledger.errors import Invalid, Refusal

NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
USUAL = "09:00-17:00"
PREVIEW_HOURS = 24
LONGEST_LIST = 300_000
LOCAL = "%Y-%m-%dT%H:%M"
WHOLE_HOURS = f"Give whole hours, 1 to {MAX_SLA_HOURS:,}."


class AnyChoice(forms.ChoiceField):
    """A select whose value the verb checks: its sentence says more."""

    def valid_value(self, value):
        return True


def _of_a_day(name):
    return forms.CharField(
        label=name,
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "placeholder": "nobody works"}),
    )


class CalendarForm(forms.ModelForm):
    time_zone = AnyChoice()
    mon, tue, wed, thu, fri, sat, sun = map(_of_a_day, NAMES)
    country = AnyChoice(required=False, label="Public holidays of", help_text="They are days off, each year anew.")
    subdivision = AnyChoice(
        required=False,
        label="Part of the country",
        help_text="Press Preview after choosing a country to see its parts.",
    )
    days_off = forms.CharField(
        required=False,
        label="Days off",
        max_length=LONGEST_LIST,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 50, "class": "vLargeTextField"}),
        help_text="One day on each line, with its name: 2026-12-24 Company closed",
    )
    ics = forms.FileField(
        required=False,
        label="Add days off from a file",
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
        help_text=f"An iCalendar file (.ics) of whole days, {MOST_BYTES // 1024} KiB at most.",
    )
    seen = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)

    class Meta:
        model = WorkingCalendar
        fields = ["team", "time_zone", "country", "subdivision", "is_active"]
        help_texts = {"is_active": "Without it, hours of the clock count for this team."}

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.previewing = "_preview" in self.data
        self._set_choices()
        new = self.instance._state.adding
        for number, day in enumerate(DAYS):
            hours = (USUAL if number < 5 else "") if new else hours_text(self.instance.hours.get(day, []))
            self.initial.setdefault(day, hours)
        self.initial["days_off"] = "" if new else days_off_text(self.instance.days_off)
        self.initial["seen"] = "" if new else self.instance.updated_at.isoformat()

    def _set_choices(self):
        regions = {}
        for name in time_zones():
            regions.setdefault(name.partition("/")[0], []).append((name, name))
        present = self.instance.time_zone
        known = [] if present in time_zones() else [(present, present)]
        self.fields["time_zone"].choices = [*known, *regions.items()]
        self.fields["country"].choices = [("", "No country"), *((code, name) for code, name in countries().items())]
        country = self.data.get("country", self.instance.country)
        self.fields["subdivision"].choices = [("", "The whole country"), *subdivisions(country).items()]

    def is_valid(self):
        # A preview shows the form again, whatever is in it.
        return super().is_valid() and not self.previewing

    def clean(self):
        given = super().clean()
        given["hours"] = {day: self._typed(day, hours_from) for day in DAYS if day in given}
        given["days_off"] = self._days_off(given)
        if self.previewing and given.get("subdivision") not in subdivisions(given.get("country")):
            given["subdivision"] = ""
        if not self.errors:
            self._carry_out(given)
        return given

    def _typed(self, name, read):
        try:
            return read(self.cleaned_data.get(name, ""))
        except Invalid as refusal:
            self.add_error(name, refusal.sentence)
            return []

    def _days_off(self, given):
        """What is typed, and what the file adds; the file's days are shown in the list, for browsers forget files."""
        rows = self._typed("days_off", days_off_from)
        if given.get("ics") and "days_off" not in self.errors:
            added = self._typed("ics", lambda file: days_off_in(_content(file), today=timezone.now().date()))
            rows = [*rows, *added]
            self.data = self.data.copy()
            self.data["days_off"] = days_off_text(sorted(rows, key=lambda row: row["date"]))
        return rows

    def _carry_out(self, given):
        members = {name: given[name] for name in ("time_zone", "hours", "country", "subdivision", "days_off")}
        try:
            self.members = clean_calendar(**members)
            if not self.previewing:
                self.done = set_calendar(
                    (given.get("team") or self.instance.team).pk,
                    by=self.by,
                    **members,
                    is_active=given["is_active"],
                    expected_updated_at=NEW if self.instance._state.adding else _moment(given["seen"]),
                )
        except Refusal as refusal:
            for error in getattr(refusal, "errors", None) or [{"field": "", "detail": refusal.sentence}]:
                field = error["field"].rpartition(".")[2]
                self.add_error(field if field in self.fields else None, error["detail"])

    @property
    def preview(self):
        """When a stage that starts now would be due, in words; "" while the form does not fit."""
        try:
            if self.is_bound:
                calendar = build(self.members) if hasattr(self, "members") else None
            else:
                calendar = None if self.instance._state.adding else calendar_from(self.instance)
        except Invalid as refusal:
            return refusal.sentence
        return sla.deadline(timezone.now(), PREVIEW_HOURS, calendar).words if calendar else ""

    def _post_clean(self):
        """Nothing: the verb has validated."""

    def save(self, commit=True):
        self.instance, self.save_m2m = self.done, lambda: None
        return self.done


class TeamCalendarForm(CalendarForm):
    """The same for one team, which its `instance` names."""

    class Meta(CalendarForm.Meta):
        fields = ["time_zone", "country", "subdivision", "is_active"]
        labels = {"is_active": "This calendar counts"}

    def __init__(self, *args, by, **options):
        self.by = by
        super().__init__(*args, **options)

    @property
    def week(self):
        """The fields of the days, Monday first."""
        return [self[day] for day in DAYS]


class ExampleForm(forms.Form):
    """A stage to try the calendar with; `starts` is the time the team's clocks show."""

    hours = forms.IntegerField(
        label="Time limit in hours",
        min_value=1,
        max_value=MAX_SLA_HOURS,
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), WHOLE_HOURS),
    )
    starts = forms.DateTimeField(
        label="The stage starts",
        input_formats=[LOCAL, "%Y-%m-%d %H:%M"],
        error_messages=dict.fromkeys(("required", "invalid"), "Give a day and a time, for example 2026-12-24 16:00."),
        widget=forms.DateTimeInput(format=LOCAL, attrs={"type": "datetime-local"}),
    )

    def clean_starts(self):
        # Django reads it in UTC: only what stands on the clock is meant.
        starts = self.cleaned_data["starts"].replace(tzinfo=None)
        if not FIRST <= starts.date() <= LATEST_START:
            raise forms.ValidationError(TOO_FAR)
        return starts


def _content(file):
    return file.read(MOST_BYTES + 1)


def _moment(text):
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text  # not from our page: equal to no moment, so it counts as stale
