"""Working calendars in Django's admin, for administrators and compliance administrators."""

from django.contrib import admin

from accounts.admin import VerbAdmin
from approvals.calendar_forms import CalendarForm
from approvals.calendar_words import weekly
from approvals.calendars import DAYS
from approvals.models import WorkingCalendar
from governance.admin_verbs import LadderAccess
from governance.policies import can_manage_ladders


@admin.register(WorkingCalendar)
class WorkingCalendarAdmin(LadderAccess, VerbAdmin):
    form = CalendarForm
    save_on_top = True  # Enter in a field presses the page's first button: it must be Save
    list_display = ["team", "is_active", "time_zone", "week", "holidays", "days_off_listed", "updated_at", "updated_by"]
    list_select_related = ["team", "updated_by"]
    search_fields = ["team__name"]
    ordering = ["team__name"]
    autocomplete_fields = ["team"]
    facts = ["updated_at", "updated_by"]

    def get_fieldsets(self, request, obj=None):
        hours = (
            "One line for each day, for example 09:00-12:00, 13:00-17:30. A night ends at 24:00 and goes on at 00:00."
        )
        return [
            (None, {"fields": ["team", "is_active", "time_zone"]}),
            ("Working hours", {"fields": DAYS, "description": hours}),
            ("Days off", {"fields": ["country", "subdivision", "days_off", "ics", "seen"]}),
            *([("Record", {"fields": self.facts, "classes": ["collapse"]})] if obj else []),
        ]

    def get_readonly_fields(self, request, obj=None):
        return ["team", *self.facts] if obj else []

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"by": request.user})

    def has_add_permission(self, request):
        return can_manage_ladders(request.user)

    def has_change_permission(self, request, obj=None):
        return can_manage_ladders(request.user)

    def save_model(self, request, obj, form, change):
        """Nothing: the form's verb has written."""

    @admin.display(description="hours a week")
    def week(self, calendar):
        return weekly(calendar.hours)

    @admin.display(description="public holidays")
    def holidays(self, calendar):
        return " ".join(part for part in (calendar.country, calendar.subdivision) if part) or "-"

    @admin.display(description="days off")
    def days_off_listed(self, calendar):
        return len(calendar.days_off)
