from django.urls import path

from approvals.api import calendars

urlpatterns = [
    path("teams/<str:team_id>/calendar", calendars.TeamCalendar.as_view(), name="api_team_calendar"),
    path("teams/<str:team_id>/calendar/days-off", calendars.TeamDaysOff.as_view(), name="api_team_days_off"),
    path("teams/<str:team_id>/calendar/due", calendars.TeamDueDate.as_view(), name="api_team_due_date"),
]
